//! Providers that refuse, break, lie or fall silent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Options, Remote, RemoteError};
use strongroom_seal::identity::RecordSigningKey;
use strongroom_seal::recovery::RecoveryKey;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::api::VaultTerms;
use strongroom_wire::ids::{BucketId, ChunkId, EntryId, RecordId, Thumbprint};
use strongroom_wire::limits::{CHUNK_SEALED_LEN, RESPONSE_LEN_MAX};
use strongroom_wire::problem::Problem;

use crate::fixture::{Act, Asked, Fixture, Setup, dead_address, new_key, options, session};

const BUCKET: BucketId = BucketId([1; 32]);
const TERMS: VaultTerms =
    VaultTerms { quota_bytes: 9, used_bytes: 1, buckets: 0, record_reads: 0, record_read_at: 0 };

fn terms(_: &Asked) -> Act {
    Act::ok(TERMS.encode())
}

fn problem_of<T: std::fmt::Debug>(result: Result<T, RemoteError>) -> Problem {
    result.unwrap_err().problem().expect("a problem")
}

#[test]
fn a_hundred_requests_cost_one_signature_and_eight_connections() {
    let provider = Fixture::start(|asked| match asked.method.as_str() {
        "PUT" => Act::Answer(201, "", Vec::new()),
        _ => terms(asked),
    });
    let session = provider.session();
    let chunk = Bytes::from(vec![5; 10_000]);
    let id = ChunkId(*blake3::hash(&chunk).as_bytes());
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (session, chunk) = (session.clone(), chunk.clone());
            provider.runtime.spawn(async move { session.put_chunk(BUCKET, id, chunk).await })
        })
        .collect();
    for task in tasks {
        provider.runtime.block_on(task).unwrap().unwrap();
    }
    assert_eq!(provider.count("/chunks/"), 100);
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 1);
    assert!(provider.state.connections.load(Ordering::SeqCst) <= 8);

    // Another handle for the same key and chain goes on with the same session.
    let traffic = session.remote().traffic();
    assert_eq!(traffic.requests, 102); // the description, the opening
    assert!(traffic.bytes_sent > 100 * 10_000 && traffic.bytes_received > 100 * 20, "{traffic:?}");
}

#[test]
fn two_handles_for_one_key_share_a_session_and_two_keys_do_not() {
    let provider = Fixture::start(terms);
    let remote = provider.connect().unwrap();
    let key =
        std::sync::Arc::new(strongroom_seal::identity::SessionSigningKey::generate(&mut SystemRng));
    let none = strongroom_wire::capability::CapabilityChain::none();
    for _ in 0..3 {
        let session = remote.session(key.clone(), &none);
        assert_eq!(provider.runtime.block_on(session.vault_terms()).unwrap(), TERMS);
    }
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 1);
    provider.runtime.block_on(session(&remote).vault_terms()).unwrap();
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 2);
}

#[test]
fn another_provider_at_the_pinned_address_hears_nothing_more() {
    let provider = Fixture::start(terms);
    let pinned = Fixture::start(terms).thumbprint();
    let error = provider.connect_with(Some(pinned), options()).unwrap_err();
    let found = provider.thumbprint();
    assert!(matches!(&error, RemoteError::PinMismatch { pinned: p, found: f, .. }
        if *p == pinned && *f == found));
    let told = error.to_string();
    assert!(told.contains(&pinned.to_string()) && told.contains(&found.to_string()), "{told}");
    assert_eq!(provider.state.log.lock().unwrap().len(), 1);
    assert!(provider.connect_with(Some(found), options()).is_ok());
}

#[test]
fn whoever_shows_a_key_he_has_not_gets_no_session() {
    let setup = Setup { signs: Some(new_key()), ..Setup::default() };
    let impostor = Fixture::start_with(setup, terms);
    let session = impostor.session();
    let error = impostor.runtime.block_on(session.vault_terms()).unwrap_err();
    let expected = impostor.thumbprint();
    assert!(
        matches!(&error, RemoteError::Unproven { expected: e, .. } if *e == expected),
        "{error}"
    );
    assert_eq!(impostor.count("/vault"), 0);
}

#[test]
fn a_dead_keep_alive_connection_is_replaced_and_the_request_repeated() {
    // Over each connection the third request finds the provider gone.
    let provider = Fixture::start(|asked| if asked.nth >= 2 { Act::Close } else { terms(asked) });
    let session = provider.session();
    for _ in 0..6 {
        assert_eq!(provider.runtime.block_on(session.vault_terms()).unwrap(), TERMS);
    }
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 1);
}

#[test]
fn what_must_not_happen_twice_is_not_repeated_once_it_was_sent() {
    let provider = Fixture::start(|_| Act::Close);
    let session = provider.session();
    let key = record_key();
    let read = session.read_records(RecordId([3; 32]), &key);
    let error = provider.runtime.block_on(read).unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
    assert_eq!(provider.count("/records/"), 1);

    // What may, is: once.
    let error = provider.runtime.block_on(session.vault_terms()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(provider.count("/vault"), 2);
}

fn record_key() -> RecordSigningKey {
    RecoveryKey::generate(&mut SystemRng).locator().record_key(&Thumbprint([1; 32]))
}

#[test]
fn an_ended_session_is_renewed_once_for_each_request() {
    let provider = Fixture::start(terms);
    let session = provider.session();
    let ask = || provider.runtime.block_on(session.vault_terms());
    for round in 1..=3 {
        assert_eq!(ask().unwrap(), TERMS);
        assert_eq!(provider.state.opened.load(Ordering::SeqCst), round);
        provider.state.sessions.lock().unwrap().clear();
    }
}

#[test]
fn eight_requests_that_find_their_session_ended_open_one_new_one() {
    let provider = Fixture::start(terms);
    let session = provider.session();
    provider.runtime.block_on(session.open()).unwrap();
    provider.state.sessions.lock().unwrap().clear();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let session = session.clone();
            provider.runtime.spawn(async move { session.vault_terms().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(provider.runtime.block_on(task).unwrap().unwrap(), TERMS);
    }
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 2);
}

#[test]
fn a_session_that_ended_under_large_uploads_is_renewed_though_the_refusal_cuts_them_short() {
    let provider = Fixture::start(|_| Act::Answer(201, "", Vec::new()));
    provider.state.hasty.store(true, Ordering::SeqCst);
    let session = provider.session();
    provider.runtime.block_on(session.open()).unwrap();
    provider.state.sessions.lock().unwrap().clear();
    let chunk = Bytes::from(vec![5; CHUNK_SEALED_LEN]);
    let id = ChunkId(*blake3::hash(&chunk).as_bytes());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (session, chunk) = (session.clone(), chunk.clone());
            provider.runtime.spawn(async move { session.put_chunk(BUCKET, id, chunk).await })
        })
        .collect();
    for task in tasks {
        provider.runtime.block_on(task).unwrap().unwrap();
    }
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 2);
}

#[test]
fn a_provider_that_always_says_401_is_asked_a_few_times() {
    let provider = Fixture::start(|_| Act::problem("unauthorized", 401, ""));
    let session = provider.session();
    let answer = provider.runtime.block_on(session.vault_terms());
    assert_eq!(problem_of(answer), Problem::Unauthorized);
    assert_eq!(provider.count("/vault"), 4);
    assert_eq!(provider.state.opened.load(Ordering::SeqCst), 4);
}

#[test]
fn a_device_whose_clock_is_wrong_signs_by_the_time_the_provider_tells() {
    let provider = Fixture::start(terms);
    provider.state.ahead.store(7_200, Ordering::SeqCst);
    let session = provider.session();
    assert_eq!(provider.runtime.block_on(session.vault_terms()).unwrap(), TERMS);
    assert_eq!(provider.count("/session"), 2);
}

#[test]
fn a_busy_provider_is_asked_again_and_a_refusal_is_not() {
    let asked = AtomicUsize::new(0);
    let provider = Fixture::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Act::Answer(503, "retry-after: 0\r\n", Vec::new()),
        1 => Act::problem("busy", 503, ""),
        2 => terms(request),
        3 => Act::Answer(429, "retry-after: 3600\r\n", Vec::new()),
        _ => Act::problem("quota", 507, ""),
    });
    let session = provider.session();
    let ask = || provider.runtime.block_on(session.vault_terms());
    assert_eq!(ask().unwrap(), TERMS);
    assert_eq!(provider.count("/vault"), 3);
    let error = ask().unwrap_err();
    assert!(error.is_transient() && error.problem() == Some(Problem::Rate), "{error}");
    let error = ask().unwrap_err();
    assert!(!error.is_transient() && error.problem() == Some(Problem::Quota), "{error}");
    assert_eq!(provider.count("/vault"), 5);
}

#[test]
fn the_entry_at_fault_is_named() {
    let entry = EntryId([9; 32]);
    let more = format!(r#","entry":"{}","detail":"out of order""#, entry.to_base32());
    let provider = Fixture::start(move |_| Act::problem("invalid-entry", 422, &more));
    let session = provider.session();
    let error = provider.runtime.block_on(session.exchange(BUCKET, vec![1, 2, 3])).unwrap_err();
    let RemoteError::Problem(report) = &error else { panic!("{error}") };
    assert_eq!((report.problem, report.entry), (Problem::InvalidEntry, Some(entry)));
    assert!(error.to_string().contains(&entry.to_string()), "{error}");
}

#[test]
fn answers_larger_than_any_honest_one_are_refused_before_they_are_kept() {
    let ok = b"HTTP/1.1 200 X\r\n".to_vec();
    let announced = [&ok[..], b"content-length: 10737418240\r\n\r\n"].concat();
    let unannounced = [&ok[..], b"transfer-encoding: chunked\r\n\r\n"].concat();
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 65_536], b"\r\n"].concat();
    let fields = [b"x: ".as_slice(), &[b'y'; 200], b"\r\n"].concat();
    for (first, then) in [(announced, vec![b'x'; 65_536]), (unannounced, chunk), (ok, fields)] {
        let provider = Fixture::start(move |_| Act::Flood(first.clone(), then.clone()));
        let session = provider.session();
        let error = provider.runtime.block_on(session.exchange(BUCKET, vec![1])).unwrap_err();
        assert!(
            matches!(error, RemoteError::TooLarge { limit } if limit <= RESPONSE_LEN_MAX)
                || matches!(error, RemoteError::Protocol(_)),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_http_is_told_as_such() {
    let provider = Fixture::start(|_| Act::Raw(b"220 mail.example ESMTP\r\n\r\n".to_vec()));
    let session = provider.session();
    let error = provider.runtime.block_on(session.vault_terms()).unwrap_err();
    assert!(matches!(error, RemoteError::Protocol(_)), "{error}");
}

#[test]
fn an_answer_that_is_cut_short_is_no_answer() {
    let provider =
        Fixture::start(|_| Act::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\nabc".to_vec()));
    let session = provider.session();
    let error = provider.runtime.block_on(session.vault_terms()).unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
    assert_eq!(provider.count("/vault"), 2);
}

#[test]
fn a_silent_provider_is_left_after_a_while() {
    let provider = Fixture::start(|_| Act::Silence);
    let options = Options { idle_timeout: Duration::from_millis(500), ..options() };
    let remote = provider.connect_with(None, options).unwrap();
    let session = session(&remote);
    let error = provider.runtime.block_on(session.vault_terms()).unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
    assert!(provider.count("/vault") <= 1); // on a busy machine the opening was slow already
}

#[test]
fn nobody_at_the_address_is_told_and_transient() {
    let runtime = strongroom_client::remote::Runtime::new().unwrap();
    let url = format!("http://{}", dead_address()).parse().unwrap();
    let error = runtime.block_on(Remote::connect(url, None, options())).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("sync")));
}

#[test]
fn a_chunk_with_one_bit_flipped_is_damaged_and_a_whole_one_is_not() {
    let mut chunk = vec![0; CHUNK_SEALED_LEN];
    SystemRng.fill(&mut chunk);
    let id = ChunkId(*blake3::hash(&chunk).as_bytes());
    let mut flipped = chunk.clone();
    flipped[CHUNK_SEALED_LEN / 2] ^= 1;
    let answers = [chunk.clone(), flipped, chunk[1..].to_vec(), Vec::new()];
    let asked = AtomicUsize::new(0);
    let provider =
        Fixture::start(move |_| Act::ok(answers[asked.fetch_add(1, Ordering::SeqCst)].clone()));
    let session = provider.session();
    let get = || provider.runtime.block_on(session.get_chunk(BUCKET, id, None));
    assert_eq!(get().unwrap(), chunk);
    for _ in 0..3 {
        assert_eq!(get().unwrap_err(), RemoteError::Damaged(id));
    }
}

#[test]
fn a_range_is_answered_by_a_range_of_no_more_than_was_asked_for() {
    let asked = AtomicUsize::new(0);
    let provider = Fixture::start(move |request| {
        assert_eq!(request.fields["range"], "bytes=10-19");
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Act::Answer(206, "", vec![1; 10]),
            1 => Act::Answer(206, "", vec![1; 4]),
            2 => Act::Answer(206, "", vec![1; 11]),
            3 => Act::ok(vec![1; 10]),
            _ => Act::Answer(416, "", Vec::new()),
        }
    });
    let session = provider.session();
    let get =
        || provider.runtime.block_on(session.get_chunk(BUCKET, ChunkId([1; 32]), Some(10..20)));
    assert_eq!(get().unwrap().len(), 10);
    assert_eq!(get().unwrap().len(), 4);
    assert_eq!(get().unwrap_err(), RemoteError::TooLarge { limit: 10 });
    assert!(matches!(get().unwrap_err(), RemoteError::Protocol(_)));
    assert!(matches!(get().unwrap_err(), RemoteError::Protocol(_)));
}

#[test]
fn malformed_answers_of_every_kind_are_refused() {
    let provider = Fixture::start(|_| Act::ok(vec![0xff; 7]));
    let session = provider.session();
    let run = &provider.runtime;
    let key = record_key();
    let malformed = |error: RemoteError| matches!(error, RemoteError::Protocol(_));
    assert!(malformed(run.block_on(session.vault_terms()).unwrap_err()));
    assert!(malformed(run.block_on(session.holdings()).unwrap_err()));
    assert!(malformed(run.block_on(session.exchange(BUCKET, vec![1])).unwrap_err()));
    assert!(malformed(run.block_on(session.have(BUCKET, &[ChunkId([1; 32]); 7])).unwrap_err()));
    assert!(malformed(run.block_on(session.have(BUCKET, &[ChunkId([1; 32]); 6])).unwrap_err()));
    let read = session.read_records(RecordId([3; 32]), &key);
    assert!(malformed(run.block_on(read).unwrap_err()));
}

#[test]
fn what_no_provider_would_take_is_not_sent() {
    let provider = Fixture::start(terms);
    let session = provider.session();
    let run = &provider.runtime;
    let id = ChunkId([1; 32]);
    let large = Bytes::from(vec![0; CHUNK_SEALED_LEN + 1]);
    assert!(run.block_on(session.put_chunk(BUCKET, id, large.clone())).is_err());
    assert!(run.block_on(session.put_chunk(BUCKET, id, Bytes::new())).is_err());
    assert!(run.block_on(session.put_chunks(BUCKET, &[(id, large)])).is_err());
    assert!(run.block_on(session.exchange(BUCKET, vec![0; 9 << 20])).is_err());
    assert_eq!(provider.count("/buckets"), 0);
}
