//! The bar. Comes in: progress of long work. Goes out: one moving line on a terminal's stderr,
//! once the work takes longer than a second. Must not know: what the work is for.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use strongroom_client::progress::{Progress, Stage};

use crate::{
    interrupt,
    show::{count, size},
};

/// Shows progress, and passes Ctrl-C on to the work. Ends with its drop.
#[derive(Debug)]
pub struct Bar {
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    bar: ProgressBar,
    started: Instant,
    drawn: Instant,
    stage: Stage,
    items: u64,
    items_total: Option<u64>,
    bytes: u64,
    bytes_total: Option<u64>,
}

/// Work shorter than this shows nothing: a line that flashes by tells nobody anything.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

impl Bar {
    /// A bar, or nothing but Ctrl-C if `visible` is false.
    pub fn start(visible: bool) -> Self {
        interrupt::softly();
        let state = visible.then(|| {
            let now = Instant::now();
            Mutex::new(State {
                bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
                started: now,
                drawn: now,
                stage: Stage::Scan,
                items: 0,
                items_total: None,
                bytes: 0,
                bytes_total: None,
            })
        });
        Self { state }
    }

    fn state(&self) -> Option<MutexGuard<'_, State>> {
        self.state.as_ref().map(|state| state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress for Bar {
    fn begin(&self, stage: Stage, items_total: Option<u64>, bytes_total: Option<u64>) {
        if let Some(mut state) = self.state() {
            state.stage = stage;
            (state.items, state.bytes) = (0, 0);
            state.items_total = items_total;
            state.bytes_total = bytes_total.filter(|&total| total > 0);
            state.restyle();
            state.draw();
        }
    }

    fn advance(&self, items: u64, bytes: u64) {
        if let Some(mut state) = self.state() {
            state.items += items;
            state.bytes += bytes;
            state.draw();
        }
    }

    fn cancelled(&self) -> bool {
        interrupt::asked()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        interrupt::at_once();
        if let Some(state) = self.state() {
            state.bar.finish_and_clear();
        }
    }
}

impl State {
    fn restyle(&mut self) {
        let template = if self.bytes_total.is_some() {
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
        } else if self.items_total.is_some() {
            "{msg} {wide_bar} {eta}"
        } else {
            "{msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸ "));
        }
        self.bar.reset();
        match self.bytes_total.or(self.items_total) {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
    }

    fn draw(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.started) < PATIENCE || now.duration_since(self.drawn) < PAUSE {
            return;
        }
        self.drawn = now;
        self.bar.set_position(if self.bytes_total.is_some() { self.bytes } else { self.items });
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(self.words());
    }

    fn words(&self) -> String {
        let verb = match self.stage {
            Stage::Scan => "looking",
            Stage::Store => "storing",
            Stage::Send => "sending",
            Stage::Receive => "receiving",
            Stage::Write => "writing",
            Stage::Check => "checking",
        };
        let mut words = match self.items_total {
            Some(total) => format!("{verb} {}/{}", count(self.items), count(total)),
            None if self.items > 0 => format!("{verb} {}", count(self.items)),
            None => verb.to_owned(),
        };
        // One large file is one item for a long time: bytes show that it moves.
        if self.bytes_total.is_none() && self.bytes > 0 {
            let sep = if words == verb { " " } else { ", " };
            words = words + sep + &size(self.bytes);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_large_file_is_seen_to_move() {
        let bar = Bar::start(true);
        let said = |bar: &Bar| bar.state().unwrap().words();
        bar.begin(Stage::Write, None, None);
        assert_eq!(said(&bar), "writing");
        bar.advance(0, 3 << 20);
        assert_eq!(said(&bar), "writing 3.0 MiB");
        bar.advance(1_200, 0);
        assert_eq!(said(&bar), "writing 1,200, 3.0 MiB");
        bar.begin(Stage::Check, Some(5), None);
        bar.advance(1, 0);
        assert_eq!(said(&bar), "checking 1/5");
    }
}
