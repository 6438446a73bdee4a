//! The floor beneath any provider: bodies come in by HTTP, are appended to one log, and are
//! answered after one `fdatasync` shared by all that waited. And the load that measures it.
//!
//! Must not know: keys, names, formats. It checks nothing; that is the point.
//!
//! ```text
//! axumlog serve LOG                     prints {"url":"http://127.0.0.1:…"} when ready
//! axumlog load PORT WRITERS SECONDS     prints one line of JSON with what it achieved
//! ```
#![forbid(unsafe_code)]

mod load;
mod serve;

use std::process::ExitCode;

const USAGE: &str = "usage: axumlog serve LOG | axumlog load PORT WRITERS SECONDS";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", log] => serve::run(log).await,
        ["load", port, writers, seconds] => match numbers(port, writers, seconds) {
            Some((port, writers, seconds)) => load::run(port, writers, seconds).await,
            None => Err(std::io::Error::other(USAGE)),
        },
        _ => Err(std::io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axumlog: {error}");
            ExitCode::FAILURE
        }
    }
}

fn numbers(port: &str, writers: &str, seconds: &str) -> Option<(u16, usize, u64)> {
    Some((port.parse().ok()?, writers.parse().ok()?, seconds.parse().ok()?))
}
