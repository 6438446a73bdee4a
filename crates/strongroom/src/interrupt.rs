//! Ctrl-C. Comes in: the signal. Goes out: an end at once, or, while long work runs, a request to
//! stop where nothing is lost; pressed again, an end at once. Must not know: what the work is.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::OwnedFd,
    sync::{
        Mutex, Once,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::exit::Exit;

/// What the next Ctrl-C does.
static STATE: AtomicU8 = AtomicU8::new(AT_ONCE);
/// The terminal whose echo is off while a passphrase is typed, and how it was before.
static TERMINAL: Mutex<Option<(OwnedFd, Termios)>> = Mutex::new(None);

/// The process ends.
const AT_ONCE: u8 = 0;
/// The work is asked to stop.
const SOFTLY: u8 = 1;
/// The work has been asked.
const ASKED: u8 = 2;

/// From here on Ctrl-C is ours: first it asks the work to stop, then it ends the process.
pub fn softly() {
    watch();
    STATE.store(SOFTLY, Ordering::SeqCst);
}

/// The work is over; Ctrl-C ends the process again.
pub fn at_once() {
    STATE.store(AT_ONCE, Ordering::SeqCst);
}

/// Whether the person has asked the work to stop.
pub fn asked() -> bool {
    STATE.load(Ordering::SeqCst) == ASKED
}

/// Runs `ask` while the terminal shows nothing of what is typed but the end of the line. The echo
/// comes back in any case: at the end, or when Ctrl-C ends the process in the middle.
pub fn without_echo<T>(terminal: &File, ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    watch();
    let before = tcgetattr(terminal)?;
    let mut blind = before.clone();
    blind.local_modes.remove(LocalModes::ECHO);
    blind.local_modes.insert(LocalModes::ECHONL);
    *lock() = Some((terminal.try_clone()?.into(), before.clone()));
    tcsetattr(terminal, OptionalActions::Now, &blind)?;
    let answer = ask();
    tcsetattr(terminal, OptionalActions::Now, &before)?;
    *lock() = None;
    answer
}

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without a handler Ctrl-C ends the process at once, which loses nothing either.
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        let entered = runtime.enter();
        let Ok(mut signals) = signal(SignalKind::interrupt()) else { return };
        drop(entered);
        thread::spawn(move || runtime.block_on(listen(&mut signals)));
    });
}

async fn listen(signals: &mut Signal) {
    while signals.recv().await.is_some() {
        let first =
            STATE.compare_exchange(SOFTLY, ASKED, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !first {
            end();
        }
        let _ = writeln!(
            io::stderr(),
            "\nstopping: what is stored stays; press Ctrl-C again to stop at once"
        );
    }
}

fn end() -> ! {
    if let Some((terminal, before)) = lock().take() {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
    }
    let _ = writeln!(io::stderr());
    std::process::exit(Exit::Interrupted.code().into())
}

fn lock() -> std::sync::MutexGuard<'static, Option<(OwnedFd, Termios)>> {
    TERMINAL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
