//! Takes a port, gives how many puts of 1 KiB it answered: one connection per writer, one request
//! at a time on each, raw HTTP so that the client costs little.
//!
//! Must not know: who answers. Anything but 201 ends the run.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: usize = 1_024;
/// Longest answer head. Ours is about 80 bytes.
const HEAD_MAX: usize = 4_096;

/// Runs the load and prints its result.
pub async fn run(port: u16, writers: usize, seconds: u64) -> io::Result<()> {
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let tasks: Vec<_> =
        (0..writers).map(|writer| tokio::spawn(write_until(port, writer, end))).collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.map_err(io::Error::other)??);
    }
    let lasted = start.elapsed().as_secs_f64();
    took.sort_unstable();
    println!(
        "{{\"operations\":{},\"seconds\":{lasted:.3},\"p50_ms\":{:.3},\"p99_ms\":{:.3}}}",
        took.len(),
        at(&took, 0.50),
        at(&took, 0.99)
    );
    Ok(())
}

fn at(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place).map_or(0.0, |d| d.as_secs_f64() * 1_000.0)
}

async fn write_until(port: u16, writer: usize, end: Instant) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut request =
        format!("POST /put HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY}\r\n\r\n").into_bytes();
    let body_at = request.len();
    request.resize(body_at + BODY, writer as u8);
    let (mut took, mut answer) = (Vec::new(), Vec::new());
    while Instant::now() < end {
        // Bodies differ, as real ones do.
        request[body_at..body_at + 8].copy_from_slice(&(took.len() as u64).to_le_bytes());
        let start = Instant::now();
        stream.write_all(&request).await?;
        answer.clear();
        while !answer.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut answer).await? == 0 || answer.len() > HEAD_MAX {
                return Err(io::Error::other("the server hung up"));
            }
        }
        if !answer.starts_with(b"HTTP/1.1 201") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
        took.push(start.elapsed());
    }
    Ok(took)
}
