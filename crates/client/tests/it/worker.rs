//! Processes of our own: this test program runs itself again and becomes a device's command or a
//! provider. They are killed by their id, and end with their owner.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use strongroom_client::{Home, Quiet, Unlock, Vault};
use strongroom_server::{Config, serve};

use crate::support::{Device, PIECE, generous, noise, put};

/// Set in a child: what it becomes, then its arguments, one a line.
const ROLE: &str = "STRONGROOM_TEST_ROLE";
/// Begins what it says to us; the test harness speaks, too.
const MARK: &str = "@@ ";

/// A child. Killed and waited for when dropped.
pub struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(role: &[&str], log: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::a_process_of_ours", "--nocapture", "--test-threads=1"])
            .env(ROLE, role.join("\n"))
            .env("STRONGROOM_TEST_LOG", log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it said to us; `None` when it has ended.
    pub fn says(&mut self) -> Option<String> {
        for line in self.lines.by_ref() {
            let Ok(line) = line else { return None };
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.to_owned());
            }
        }
        None
    }

    /// SIGKILL, at once. Gives what it still had said.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.says()).collect()
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end, which must be good; gives what it said.
    #[track_caller]
    pub fn finish(mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.says()).collect();
        let mut errors = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut pipe, &mut errors);
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {errors}");
        said
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A provider as a process.
pub struct Daemon {
    pub worker: Worker,
    pub url: String,
    pub address: SocketAddr,
}

impl Daemon {
    pub fn start(listen: SocketAddr, data: &Path) -> Self {
        Self::logging(listen, data, "")
    }

    /// With everything it logs in this file.
    pub fn logging(listen: SocketAddr, data: &Path, log: &str) -> Self {
        let role = ["provider", &listen.to_string(), data.to_str().unwrap()];
        let mut worker = Worker::start(&role, log);
        let url = worker.says().expect("the provider says where it listens");
        let address = url.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
        Self { worker, url, address }
    }
}

pub fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An agent in this process holds the device's keys, so that its commands start at once.
pub fn unlock(device: &Device) {
    let (home, secret) = (device.home.clone(), device.vault.key_store_bytes());
    std::thread::spawn(move || {
        let _ = strongroom_client::agent::serve(&home, secret, std::time::Duration::from_hours(1));
    });
    while strongroom_client::agent::status(&device.home).is_none() {
        std::thread::yield_now();
    }
}

/// Puts `count` small files under names that begin so, and says each when it is acknowledged.
/// Every tenth is a large one.
pub fn writer(device: &Device, name: &str, count: usize) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["writer", home, name, &count.to_string()], "")
}

/// The same with large ones alone.
pub fn large_writer(device: &Device, name: &str, count: usize) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["large writer", home, name, &count.to_string()], "")
}

/// Puts one file.
pub fn putter(device: &Device, source: &Path, at: &str) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["putter", home, source.to_str().unwrap(), at], "")
}

/// Gets a document.
pub fn getter(device: &Device, at: &str, to: &Path) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["getter", home, at, to.to_str().unwrap()], "")
}

/// Seals again what somebody could open who was taken out of a bucket.
pub fn sealing_anew(device: &Device, bucket: &str, who: &str) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["sealing anew", home, bucket, who], "")
}

/// Makes a directory a bucket of its own.
pub fn making_own(device: &Device, at: &str) -> Worker {
    let home = device.home.path().to_str().unwrap();
    Worker::start(&["making own", home, at], "")
}

/// What a writer puts under a name.
pub fn content(name: &str) -> Vec<u8> {
    let seed = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let len = if name.ends_with('0') { 70_000 + (seed % 100_000) as usize } else { 200 };
    let len = if name.ends_with("50") { PIECE + 1_000 } else { len };
    noise(len, seed)
}

/// Not a test of its own: what the child runs.
#[test]
fn a_process_of_ours() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let role = role.into_string().unwrap();
    let role: Vec<&str> = role.split('\n').collect();
    match role[..] {
        ["provider", listen, data] => be_provider(listen, data),
        ["writer", home, name, count] => be_writer(home, name, count.parse().unwrap()),
        ["large writer", home, name, count] => {
            let vault = opened(home);
            let source = Path::new(home).with_file_name("source");
            for n in 0..count.parse::<u64>().unwrap() {
                std::fs::write(&source, noise(PIECE / 2, n)).unwrap();
                let report = put(&vault, &source, &format!("/{name}-{n}"));
                println!("\n{MARK}{n} {}", report.durable_remotely);
            }
        }
        ["putter", home, source, at] => {
            let report = put(&opened(home), source.as_ref(), at);
            println!("\n{MARK}{}", report.sent_bytes);
        }
        ["getter", home, at, to] => {
            crate::support::get(&opened(home), at, to.as_ref());
            println!("\n{MARK}got");
        }
        ["sealing anew", home, bucket, who] => {
            let vault = opened(home);
            println!("\n{MARK}begun");
            vault.seal_anew(Some(bucket), who, &Quiet).unwrap();
            println!("\n{MARK}done");
        }
        ["making own", home, at] => {
            let vault = opened(home);
            println!("\n{MARK}begun");
            vault.make_own_bucket(&crate::support::place(at), None, &Quiet).unwrap();
            println!("\n{MARK}done");
        }
        _ => panic!("{role:?}"),
    }
}

fn opened(home: &str) -> Vault {
    Vault::open(&Home::at(home), Unlock::Agent).unwrap()
}

fn be_writer(home: &str, name: &str, count: usize) {
    let vault = opened(home);
    // In the device's folder: a process that is killed cannot clean up.
    let source = Path::new(home).with_file_name(format!("{name} {}", std::process::id()));
    for n in 0..count {
        let name = format!("{name}-{n}");
        std::fs::write(&source, content(&name)).unwrap();
        let report = put(&vault, &source, &format!("/{name}"));
        println!("\n{MARK}{name} {}", report.durable_remotely);
    }
}

fn be_provider(listen: &str, data: &str) {
    let config = Config {
        data: Some(data.into()),
        listen: listen.parse().unwrap(),
        tuning: generous(),
        ..Config::in_memory()
    };
    if let Some(log) = std::env::var_os("STRONGROOM_TEST_LOG").filter(|log| !log.is_empty()) {
        let file = std::fs::File::create(log).unwrap();
        tracing_subscriber::fmt()
            .with_env_filter("trace")
            .with_ansi(false)
            .with_writer(std::sync::Mutex::new(file))
            .init();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let serving = serve(config, |ready| println!("\n{MARK}{}", ready.url));
    runtime.unwrap().block_on(serving).unwrap();
}
