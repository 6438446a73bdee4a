//! One connection. Takes requests as bytes, gives whole answers. Must not know: what they ask.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::Failure;

/// A connection that asks and waits.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(host: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 1 << 16] })
    }

    /// Asks, and gives the body; another status than the expected one ends the run.
    pub fn ask(&mut self, request: &[u8], expected: u16) -> Result<&[u8], Failure> {
        self.stream.write_all(request)?;
        let mut len = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[len..])?;
            if read == 0 {
                return Err("the provider hung up".into());
            }
            len += read;
            let Some((head, rest)) = head_and_rest(&self.buffer[..len]) else { continue };
            let status: u16 = head.get(9..12).unwrap_or("0").parse()?;
            let body = length(head)?;
            if rest < body {
                continue;
            }
            let (from, to) = (len - rest, len);
            if status != expected {
                let said = String::from_utf8_lossy(&self.buffer[from..to]).into_owned();
                return Err(format!("the provider answered {status}: {said}").into());
            }
            return Ok(&self.buffer[from..to]);
        }
    }
}

/// The head, and how many bytes are here after it.
fn head_and_rest(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, bytes.len() - end - 4))
}

/// The length of the body a head announces.
fn length(head: &str) -> Result<usize, Failure> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(found.next().map_or(Ok(0), |(_, value)| value.parse())?)
}
