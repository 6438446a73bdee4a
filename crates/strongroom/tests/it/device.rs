//! A device: a home, a passphrase file, and the program run on them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::provider::Provider;

/// The program under test.
pub const STRONGROOM: &str = env!("CARGO_BIN_EXE_strongroom");

/// What one command did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// What the process did, or the signal it died of, as a shell tells it.
    pub fn from(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().or_else(|| output.status.signal().map(|s| 128 + s));
        Self { code: code.unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What it printed, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {} {}", self.out, self.err))
    }

    /// The error it printed, as JSON.
    pub fn error(&self) -> Value {
        let document: Value = serde_json::from_str(&self.err)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {} {}", self.out, self.err));
        document["error"].clone()
    }
}

/// A device of Alice's. Its agent, if it runs one, ends with it.
pub struct Device {
    pub folder: TempDir,
    pub home: PathBuf,
    passphrase_file: PathBuf,
}

impl Device {
    /// An empty device: no vault.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passphrase_file = folder.path().join("passphrase");
        std::fs::write(&passphrase_file, "correct horse battery staple\n").unwrap();
        let home = folder.path().join("home");
        Self { folder, home, passphrase_file }
    }

    /// A device with a vault that no provider knows of.
    pub fn alone() -> Self {
        let device = Self::empty();
        device.ok(&["init", "--yes", "--quiet"]);
        device
    }

    /// A device with a vault at this provider.
    pub fn at(provider: &Provider) -> Self {
        let device = Self::empty();
        device.ok(&["init", "--yes", "--provider", provider.url()]);
        device
    }

    /// The passphrase is typed from here on, or nobody knows it.
    pub fn without_passphrase_file(&self) -> Command {
        let mut command = self.command();
        command.env_remove("STRONGROOM_PASSPHRASE_FILE");
        command
    }

    /// The program with this device's surroundings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(STRONGROOM);
        self.surround(&mut command);
        command
    }

    /// Sets this device's surroundings.
    pub fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("STRONGROOM_HOME", &self.home)
            .env("STRONGROOM_PASSPHRASE_FILE", &self.passphrase_file)
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::from(&self.command().args(words).output().unwrap())
    }

    /// Runs a command with this on its stdin.
    pub fn run_with(&self, words: &[&str], stdin: &[u8]) -> Ran {
        use std::io::Write;
        let mut child = self
            .command()
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses its arguments does not read; that is its answer, not our error.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Ran::from(&child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed; what it printed.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {} {}", ran.out, ran.err);
        ran.out
    }

    /// Runs a command that must fail with this code.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.code, code, "{words:?}: {} {}", ran.out, ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran
    }

    /// Runs a command that must succeed, with `--json`.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(&[words, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {} {}", ran.out, ran.err);
        ran.json()
    }

    /// Writes a file on this device.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Reads a file on this device.
    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.folder.path().join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// A small tree: files, an empty directory, a link, an executable.
    pub fn tree(&self, name: &str) -> PathBuf {
        use std::os::unix::fs::{PermissionsExt, symlink};
        self.write(&format!("{name}/letter.txt"), "Dear Bob,\n");
        self.write(&format!("{name}/empty"), "");
        let script = self.write(&format!("{name}/tools/run"), "#!/bin/sh\n");
        std::fs::set_permissions(script, PermissionsExt::from_mode(0o750)).unwrap();
        let root = self.folder.path().join(name);
        std::fs::create_dir(root.join("nothing")).unwrap();
        symlink("letter.txt", root.join("link")).unwrap();
        root
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Ends the agent, if there is one. No harm without.
        let _ = self.command().arg("lock").output();
    }
}

/// Whether two trees hold the same names, contents, links and modes.
#[track_caller]
pub fn assert_same_tree(one: &Path, other: &Path) {
    let listing = |root: &Path| {
        let mut lines = Vec::new();
        walk(root, root, &mut lines);
        lines.sort();
        lines
    };
    assert_eq!(listing(one), listing(other));
}

fn walk(root: &Path, at: &Path, lines: &mut Vec<String>) {
    use std::os::unix::fs::PermissionsExt;
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let what = if meta.is_symlink() {
            format!("-> {}", std::fs::read_link(&path).unwrap().display())
        } else if meta.is_dir() {
            walk(root, &path, lines);
            format!("dir {:o}", meta.permissions().mode())
        } else {
            let bytes = std::fs::read(&path).unwrap();
            format!("file {:o} {}", meta.permissions().mode(), String::from_utf8_lossy(&bytes))
        };
        lines.push(format!("{name} {what}"));
    }
}
