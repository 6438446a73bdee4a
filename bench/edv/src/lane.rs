//! Writers on their connections, many on one thread. Takes signed requests, gives how long each
//! took. Must not know: what they ask, who signed.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::Failure;
use crate::connection::Connection;

/// One writer.
pub struct Lane {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    /// Requests may be sent more than once.
    repeats: bool,
    next: usize,
    asked: Instant,
    open: bool,
}

/// What writers achieved.
#[derive(Default)]
pub struct Done {
    /// Microseconds of each request.
    pub took: Vec<u64>,
    /// Seconds until the last answer.
    pub seconds: f64,
}

impl Lane {
    /// A writer that sends these requests in turn; once, or again and again.
    pub fn new(connection: Connection, requests: Vec<Vec<u8>>, repeats: bool) -> Self {
        Self { connection, requests, repeats, next: 0, asked: Instant::now(), open: true }
    }

    /// Sends the next request, unless it is `over` or there is none.
    fn go_on(&mut self, over: bool) -> Result<(), Failure> {
        if self.repeats && self.next >= self.requests.len() {
            self.next = 0;
        }
        let request = self.requests.get(self.next).filter(|_| !over);
        self.open = request.is_some();
        self.asked = Instant::now();
        if let Some(request) = request {
            self.connection.send(request)?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Keeps all of them asking for so long, and waits for the last answers.
pub fn drive(lanes: &mut [Lane], expected: u16, time: Duration) -> Result<Done, Failure> {
    let began = Instant::now();
    let mut done = Done::default();
    for lane in &mut *lanes {
        lane.go_on(false)?;
    }
    loop {
        let open = || lanes.iter().enumerate().filter(|(_, lane)| lane.open);
        let mut ends: Vec<_> =
            open().map(|(_, lane)| PollFd::new(&lane.connection, PollFlags::IN)).collect();
        if ends.is_empty() {
            done.seconds = began.elapsed().as_secs_f64();
            return Ok(done);
        }
        poll(&mut ends, None)?;
        let ready: Vec<_> = open()
            .zip(&ends)
            .filter(|(_, end)| !end.revents().is_empty())
            .map(|((at, _), _)| at)
            .collect();
        for at in ready {
            let lane = &mut lanes[at];
            if lane.connection.receive(expected)?.is_some() {
                done.took.push(lane.asked.elapsed().as_micros() as u64);
                lane.go_on(began.elapsed() >= time)?;
            }
        }
    }
}
