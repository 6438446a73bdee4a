//! Programs of other people against a provider: the npm packages that deployed EDV clients are
//! built on, unmodified. The tests themselves are in `interop/edv`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::Daemon;

/// What is copied of the folder: not what npm may have put there.
const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
const FOLDERS: [&str; 2] = ["lib", "test"];

fn copy_tests(from: &Path, to: &Path) {
    for file in FILES {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    for folder in FOLDERS {
        std::fs::create_dir(to.join(folder)).unwrap();
        for entry in std::fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
        }
    }
}

/// Runs a program of Node's to its end; shows what it said if it failed.
fn run(program: &str, arguments: &[&str], dir: &Path, url: &str) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).env("EDV_URL", url).stdin(Stdio::null());
    let done = command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; these tests need Node 20 and npm: scripts/need says how")
    });
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{program} failed:\n{}", String::from_utf8_lossy(&said));
}

#[test]
fn edv_clients_of_other_people_work_unmodified() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/edv");
    let dir = tempfile::tempdir().unwrap();
    let (tests, data) = (dir.path().join("tests"), dir.path().join("data"));
    std::fs::create_dir(&tests).unwrap();
    copy_tests(&folder, &tests);
    let daemon = Daemon::start(&data, &["--edv", "open"]);
    let url = format!("http://{}", daemon.address);
    run("npm", &["ci", "--no-progress"], &tests, &url);
    run("npm", &["test"], &tests, &url);
}
