//! One connection. Takes requests as bytes, gives whole answers. Must not know: what they ask.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use crate::Failure;

/// A connection that asks and waits.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of an answer that are here.
    len: usize,
}

impl Connection {
    /// Connects.
    pub fn open(host: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 1 << 16], len: 0 })
    }

    /// Asks, and gives the body; another status than the expected one ends the run.
    pub fn ask(&mut self, request: &[u8], expected: u16) -> Result<&[u8], Failure> {
        self.send(request)?;
        let body = loop {
            if let Some(body) = self.receive(expected)? {
                break body;
            }
        };
        Ok(&self.buffer[body])
    }

    /// Asks. Nothing is asked before the answer to the last request is here.
    pub fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.len = 0;
        Ok(self.stream.write_all(request)?)
    }

    /// Waits for bytes; where the answer is whole with them, tells where its body stands.
    pub fn receive(&mut self, expected: u16) -> Result<Option<Range<usize>>, Failure> {
        let read = self.stream.read(&mut self.buffer[self.len..])?;
        if read == 0 {
            return Err("the provider hung up".into());
        }
        self.len += read;
        let Some((head, rest)) = head_and_rest(&self.buffer[..self.len]) else { return Ok(None) };
        let status: u16 = head.get(9..12).unwrap_or("0").parse()?;
        if rest < length(head)? {
            return Ok(None);
        }
        let body = self.len - rest..self.len;
        if status != expected {
            let said = String::from_utf8_lossy(&self.buffer[body]).into_owned();
            return Err(format!("the provider answered {status}: {said}").into());
        }
        Ok(Some(body))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
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
