//! A web server of somebody's, over TLS on loopback. Comes in: what is at each path. Goes out: its
//! address, and the file of its authority. Must not know: what the pages mean.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, pki_types::PrivateKeyDer,
};
use tempfile::TempDir;

type Pages = Arc<Mutex<HashMap<String, String>>>;

/// `https://localhost:PORT`. Its thread ends with the process.
pub struct Web {
    pub port: u16,
    pages: Pages,
    folder: TempDir,
}

impl Web {
    pub fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages = Pages::default();
        let (config, its_pages) = (Arc::new(config), pages.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, pages) = (config.clone(), its_pages.clone());
                std::thread::spawn(move || answer(stream, config, &pages));
            }
        });
        Self { port, pages, folder }
    }

    /// From now on this is at this path.
    pub fn put(&self, path: &str, page: &str) -> String {
        self.pages.lock().unwrap().insert(path.to_owned(), page.to_owned());
        format!("https://localhost:{}{path}", self.port)
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, pages: &Pages) -> Option<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream));
    let mut first = String::new();
    stream.read_line(&mut first).ok()?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).ok()?;
    }
    let path = first.split(' ').nth(1)?;
    let page = pages.lock().unwrap().get(path).cloned();
    let (status, page) = page.map_or((404, String::new()), |page| (200, page));
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", page.len());
    let mut stream = stream.into_inner();
    stream.write_all([head, page].concat().as_bytes()).ok()?;
    stream.flush().ok()
}
