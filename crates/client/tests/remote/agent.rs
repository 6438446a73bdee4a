//! The agent as a process: this test program runs itself again.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use strongroom_client::{ErrorKind, Home, agent};
use zeroize::Zeroizing;

/// Set in the child, which then becomes an agent.
const CHILD: &str = "STRONGROOM_TEST_AGENT";
const SECRET: &[u8] = b"the opened key store of Alice, 4711";
const IDLE: Duration = Duration::from_mins(5);

/// Not a test of its own: what the child runs.
#[test]
fn agent_process() {
    if std::env::var_os(CHILD).is_some() {
        agent::run().unwrap();
    }
}

fn program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "agent::agent_process", "--nocapture"]).env(CHILD, "1");
    command
}

/// A home of its own; whatever agent is left is ended with it.
struct Here {
    home: Home,
    dir: tempfile::TempDir,
}

impl Here {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { home: Home::at(dir.path()), dir }
    }

    fn start(&self) {
        agent::start(program(), &self.home, SECRET, IDLE).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(agent::status(&self.home).unwrap().process.cast_signed()).unwrap()
    }

    fn fetched(&self) -> Option<Vec<u8>> {
        agent::fetch(&self.home).map(|secret| secret.to_vec())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = agent::stop(&self.home);
    }
}

fn wait_for_end(pid: Pid) {
    // The parent collects it from another thread; until then it is still a process.
    while test_kill_process(pid).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_agent_gives_the_secret_until_it_is_stopped() {
    let here = Here::new();
    assert_eq!(here.fetched(), None);
    assert!(agent::status(&here.home).is_none());
    assert!(!agent::stop(&here.home).unwrap());

    here.start();
    assert_eq!(here.fetched().unwrap(), SECRET);
    let left = agent::status(&here.home).unwrap().seconds_left;
    assert!(left <= IDLE.as_secs(), "{left}");
    assert_ne!(agent::status(&here.home).unwrap().process, std::process::id());

    // Another home has another agent.
    assert_eq!(Here::new().fetched(), None);

    let pid = here.pid();
    assert!(agent::stop(&here.home).unwrap());
    assert_eq!(here.fetched(), None);
    wait_for_end(pid);
}

#[test]
fn starting_again_replaces_the_secret_in_the_same_process() {
    let here = Here::new();
    here.start();
    let pid = here.pid();
    agent::start(program(), &here.home, b"another", IDLE).unwrap();
    assert_eq!(here.pid(), pid);
    assert_eq!(here.fetched().unwrap(), b"another");
}

#[test]
fn of_eight_that_start_at_once_one_wins_and_all_are_served() {
    let here = Here::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                here.start();
                assert_eq!(here.fetched().unwrap(), SECRET);
            });
        }
    });
    assert!(agent::stop(&here.home).unwrap());
    assert!(!agent::stop(&here.home).unwrap());
}

#[test]
fn what_a_killed_agent_leaves_behind_is_no_hindrance() {
    let here = Here::new();
    here.start();
    let pid = here.pid();
    kill_process(pid, Signal::KILL).unwrap();
    wait_for_end(pid);
    assert_eq!(here.fetched(), None);
    assert!(!agent::stop(&here.home).unwrap());
    here.start();
    assert_eq!(here.fetched().unwrap(), SECRET);
    assert_ne!(here.pid(), pid);
}

#[test]
fn the_secret_is_in_no_argument_no_environment_and_no_core_file() {
    let here = Here::new();
    here.start();
    let proc = PathBuf::from(format!("/proc/{}", here.pid().as_raw_nonzero()));
    // Another user than root cannot even look.
    for file in ["cmdline", "environ"] {
        if let Ok(bytes) = std::fs::read(proc.join(file)) {
            assert!(!bytes.windows(SECRET.len()).any(|w| w == SECRET), "{file}");
        }
    }
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Not dumpable: the kernel gives its files to root, which keeps this user's debuggers out.
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(std::fs::metadata(proc.join("environ")).unwrap().uid(), 0);
    // Of its own session: the end of a terminal does not reach it.
    let session = rustix::process::getsid(Some(here.pid())).unwrap();
    assert_eq!(session, here.pid());
}

#[test]
fn an_agent_that_is_not_used_ends_and_leaves_nothing() {
    let here = Here::new();
    let secret = || Zeroizing::new(SECRET.to_vec());
    agent::serve(&here.home, secret(), Duration::from_millis(50)).unwrap();
    assert_eq!(here.fetched(), None);
    assert!(agent::status(&here.home).is_none());

    // Beside one that runs there is no second.
    here.start();
    let second = agent::serve(&here.home, secret(), IDLE).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Conflict);
}

#[test]
fn an_agent_whose_home_is_removed_ends() {
    let here = Here::new();
    here.start();
    let pid = here.pid();
    std::fs::remove_dir(here.dir.path()).unwrap();
    assert_eq!(here.fetched(), None);
    wait_for_end(pid); // it looks every few seconds
}

#[test]
fn a_program_that_is_no_agent_is_told() {
    let here = Here::new();
    let silent = agent::start(Command::new("/bin/true"), &here.home, SECRET, IDLE);
    assert_eq!(silent.unwrap_err().kind(), ErrorKind::Other);
    let missing = agent::start(Command::new("/no/such/program"), &here.home, SECRET, IDLE);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(here.fetched(), None);
}
