//! Takes `POST /put` bodies, gives 201 once they are on disk.
//!
//! Must not know: what the bytes mean. Record: length (4 bytes, little-endian), then the body.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use tokio::sync::oneshot;

/// Requests that wait for one fsync. Above it the senders wait.
const WAITING_MAX: usize = 1_024;

struct Put {
    body: Bytes,
    done: oneshot::Sender<bool>,
}

/// Serves until it is killed.
pub async fn run(log: &str) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(log)?;
    let (send, receive) = sync_channel(WAITING_MAX);
    std::thread::spawn(move || write_groups(file, &receive));
    let router = Router::new().route("/put", post(put)).with_state(send);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{{\"url\":\"http://{}\"}}", listener.local_addr()?);
    axum::serve(listener, router).await
}

async fn put(State(log): State<SyncSender<Put>>, body: Bytes) -> StatusCode {
    let (done, durable) = oneshot::channel();
    // The channel holds more than the load ever sends at once, so a full one is an error here.
    if log.try_send(Put { body, done }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match durable.await {
        Ok(true) => StatusCode::CREATED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// One write and one fdatasync for all that wait; while it runs, the next group gathers.
fn write_groups(mut file: File, receive: &Receiver<Put>) {
    let (mut bytes, mut group) = (Vec::new(), Vec::new());
    while let Ok(first) = receive.recv() {
        bytes.clear();
        for put in std::iter::once(first).chain(receive.try_iter()) {
            bytes.extend_from_slice(&(put.body.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&put.body);
            group.push(put.done);
        }
        let durable = file.write_all(&bytes).and_then(|()| file.sync_data()).is_ok();
        for done in group.drain(..) {
            // A client that hung up does not want to know.
            let _ = done.send(durable);
        }
    }
}
