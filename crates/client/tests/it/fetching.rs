//! One address, read once, at servers that are honest, odd and hostile.

use strongroom_client::ErrorKind;
use strongroom_client::remote::{FetchError, Options, Runtime, fetch};

use crate::web::Web;

const LIMIT: usize = 100_000;

fn get(url: &str) -> Result<Vec<u8>, FetchError> {
    let url = url.parse()?;
    let options = Options { ca_file: None, ..Options::default() };
    Runtime::new().unwrap().block_on(fetch(&url, LIMIT, &options))
}

#[test]
fn what_is_there_is_read_and_nothing_of_ours_is_sent() {
    let web = Web::start();
    let url = web.put("/a/card?v=1", "hello");
    assert_eq!(get(&url).unwrap(), b"hello");
    let asked = web.asked().concat().to_lowercase();
    for field in ["cookie", "authorization", "user-agent", "referer", "signature", "strongroom"] {
        assert!(!asked.contains(field), "{asked}");
    }
}

#[test]
fn more_than_the_limit_is_refused_announced_or_not() {
    let web = Web::start();
    assert_eq!(get(&web.put("/fits", vec![7; LIMIT])).unwrap().len(), LIMIT);
    let announced = web.put("/announced", vec![7; LIMIT + 1]);
    // A thousand times what was asked for, and no length: taken up to the limit, then dropped.
    let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    let silent = web.raw("/silent", [head, vec![7; 1_000 * LIMIT]].concat());
    let lying = web.raw("/lying", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
    for url in [announced, silent, lying] {
        let error = get(&url).unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { limit: LIMIT, .. }), "{error}");
    }
}

#[test]
fn redirects_stay_within_the_host_and_come_to_an_end() {
    let (web, other) = (Web::start(), Web::start());
    web.put("/card", "hello");
    let target = other.put("/card", "from elsewhere");
    let first = web.redirect("/one", "/two");
    web.redirect("/two", &web.url("/card"));
    assert_eq!(get(&first).unwrap(), b"hello");

    let by_name = web.url_by_name("/card");
    for to in [target.as_str(), &by_name, "https://127.0.0.1/card", "//a.example/x", "card", ""] {
        let error = get(&web.redirect("/away", to)).unwrap_err();
        assert!(matches!(error, FetchError::Elsewhere { .. }), "{to}: {error}");
        assert_eq!(strongroom_client::Error::from(error).kind(), ErrorKind::Refused);
    }
    assert_eq!(other.asked().len(), 0, "nobody else was asked");
    let round = web.redirect("/round", "/round");
    assert!(matches!(get(&round).unwrap_err(), FetchError::Elsewhere { .. }));
    assert_eq!(web.asked().iter().filter(|it| it.contains("/round")).count(), 4);
}

#[test]
fn only_a_200_is_an_answer() {
    let web = Web::start();
    for (status, kind) in [
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (401, ErrorKind::Refused),
        (204, ErrorKind::Refused),
        (206, ErrorKind::Refused),
        (500, ErrorKind::Unreachable),
    ] {
        // The page of an error may be of any length.
        let page = "x".repeat(if status < 300 { 0 } else { 200_000 });
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        let error = get(&web.raw("/page", head)).unwrap_err();
        let told = strongroom_client::Error::from(error);
        assert_eq!(told.kind(), kind, "{status}: {told}");
        assert!(told.hint().is_some());
    }
    let garbage = get(&web.raw("/garbage", "hello\r\n\r\n")).unwrap_err();
    assert!(matches!(garbage, FetchError::Other { .. }), "{garbage}");
    let closed = get(&web.raw("/closed", "")).unwrap_err();
    assert!(matches!(closed, FetchError::Unreachable { .. }), "{closed}");
}
