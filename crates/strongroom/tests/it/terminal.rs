//! A terminal: the program's streams are a pseudo terminal, and a person types when asked.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::device::{Device, STRONGROOM};

/// A command that runs on a terminal.
pub struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

/// Far more than any answer takes; only a broken test waits for it.
const PATIENCE: Duration = Duration::from_mins(2);

impl Terminal {
    /// Runs the command as the terminal's only session, with the passphrase file of `device`.
    pub fn run(device: &Device, words: &[&str]) -> Self {
        Self::start(device, words, true)
    }

    /// The same for a person who types the passphrase.
    pub fn run_without_passphrase_file(device: &Device, words: &[&str]) -> Self {
        Self::start(device, words, false)
    }

    fn start(device: &Device, words: &[&str], passphrase_file: bool) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        // util-linux, on every Debian: a new session whose terminal is stdin.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", STRONGROOM]).args(words);
        device.surround(&mut command);
        if !passphrase_file {
            command.env_remove("STRONGROOM_PASSPHRASE_FILE");
        }
        command.env("TERM", "xterm").stdin(Stdio::from(slave.try_clone().unwrap()));
        command.stdout(Stdio::from(slave.try_clone().unwrap())).stderr(Stdio::from(slave));
        let child = command.spawn().unwrap();
        drop(command);
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().unwrap();
        let (to, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // The end of the last process on a terminal reads as an I/O error.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if to.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, seen: String::new(), child }
    }

    /// Waits until the screen shows this; gives all that was shown since the last call.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(why) => panic!("{text:?} was not shown ({why}): {:?}", self.seen),
            }
        }
    }

    /// Types this.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Everything shown until the end.
    pub fn rest(&mut self) -> String {
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        std::mem::take(&mut self.seen)
    }

    /// Waits for the end.
    pub fn code(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Done already, unless the test failed in the middle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
