//! A provider as a process on loopback, and what it says when it starts and ends.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::device::{Device, STRONGROOM};

/// A running provider; ends with its owner.
pub struct Provider {
    child: Child,
    url: String,
    data: TempDir,
}

impl Provider {
    /// On a port the system chooses.
    pub fn start() -> Self {
        Self::on("127.0.0.1:0", tempfile::tempdir().unwrap(), &[])
    }

    /// On a port the system chooses, with these arguments too.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::on("127.0.0.1:0", tempfile::tempdir().unwrap(), arguments)
    }

    fn on(address: &str, data: TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(STRONGROOM)
            .args(["serve", "--listen", address, "--json", "--data"])
            .arg(data.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let url = ready["url"].as_str().unwrap().to_owned();
        Self { child, url, data }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// It goes away; gives what another start on the same port needs.
    pub fn stop(mut self) -> Stopped {
        self.end();
        let address = self.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        Stopped { address, data }
    }

    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal(Signal::TERM);
        }
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.end();
    }
}

/// A provider that does not answer.
pub struct Stopped {
    address: String,
    data: TempDir,
}

impl Stopped {
    /// Where it was.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bit rot, in the middle of where chunks are.
    pub fn flip_a_byte_in_the_largest_file(&mut self) {
        let largest = files_below(self.data.path())
            .into_iter()
            .max_by_key(|path| path.metadata().map_or(0, |meta| meta.len()))
            .unwrap();
        let mut bytes = std::fs::read(&largest).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&largest, bytes).unwrap();
    }

    /// A backup of its data as they are now.
    pub fn backup(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.data.path().join("."))
            .arg(copy.path())
            .status()
            .unwrap();
        assert!(copied.success());
        copy
    }

    /// It is brought back from a backup.
    pub fn restore(self, backup: TempDir) -> Self {
        Self { address: self.address, data: backup }
    }

    /// It is back, with its data, at the same address.
    pub fn start(self) -> Provider {
        Provider::on(&self.address, self.data, &[])
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn serve_says_in_one_line_where_it_listens_and_ends_well_on_a_signal() {
    let mut provider = Provider::start();
    assert!(provider.url().starts_with("http://127.0.0.1:"), "{}", provider.url());
    provider.signal(Signal::TERM).unwrap();
    assert_eq!(provider.child.wait().unwrap().code(), Some(0));
}

#[test]
fn plain_http_is_refused_anywhere_but_on_loopback() {
    let device = Device::empty();
    let data = device.folder.path().join("data");
    let words = ["serve", "--listen", "0.0.0.0:0", "--data", data.to_str().unwrap()];
    let ran = device.run(&words);
    assert!(ran.code == 1 || ran.code == 2, "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("tls") || ran.err.contains("TLS"), "{}", ran.err);
}

#[test]
fn an_address_in_use_is_one_clear_error() {
    let provider = Provider::start();
    let device = Device::empty();
    let address = provider.url().trim_start_matches("http://").trim_end_matches('/');
    let data = device.folder.path().join("data");
    let ran = device.run(&["serve", "--listen", address, "--data", data.to_str().unwrap()]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.starts_with("strongroom: "), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}
