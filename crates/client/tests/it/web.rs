//! A web server of somebody's, on loopback. Comes in: what it answers to each path. Goes out: its
//! address, and what it was asked. Must not know: what the answers mean.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Pages = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Answers as long as the test runs; its thread ends with the process.
pub struct Web {
    address: SocketAddr,
    pages: Pages,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, asked) = (Pages::default(), Arc::<Mutex<Vec<String>>>::default());
        let (its_pages, its_asked) = (pages.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, asked) = (its_pages.clone(), its_asked.clone());
                std::thread::spawn(move || answer(stream, &pages, &asked));
            }
        });
        Self { address, pages, asked }
    }

    /// From now on this is at this path.
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> String {
        let body = body.into();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        self.raw(path, [head.into_bytes(), body].concat())
    }

    /// The same, with every byte of the answer.
    pub fn raw(&self, path: &str, answer: impl Into<Vec<u8>>) -> String {
        self.pages.lock().unwrap().insert(path.to_owned(), answer.into());
        self.url(path)
    }

    /// This path sends on to there.
    pub fn redirect(&self, path: &str, to: &str) -> String {
        let page = "<html>moved</html>".repeat(2_000);
        let len = page.len();
        let head =
            format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: {len}\r\n\r\n{page}");
        self.raw(path, head)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same machine by its name.
    pub fn url_by_name(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, pages: &Pages, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    for line in BufReader::new(stream.try_clone().ok()?).lines() {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    asked.lock().unwrap().push(head.join("\n"));
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
    let page = pages.lock().unwrap().get(&path).cloned().unwrap_or(missing);
    stream.write_all(&page).ok()
}
