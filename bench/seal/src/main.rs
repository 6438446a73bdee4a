//! Sealing against its primitives, interleaved in one run on the same bytes, one thread.
//!
//! Prints medians of processor time, and the ratio.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use strongroom_seal::keys::{ContentKey, DeviceSecret};
use strongroom_seal::padding::Padme;
use strongroom_seal::part::{self, Draft, Hedge};
use strongroom_seal::rng::{DangerSeeded, Rng};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{ArrivedChunk, Cutter, PIECE_LEN, open_chunk};
use strongroom_seal::suite::Suite;
use strongroom_wire::ids::{AuthorKey, DocumentTag};

/// Content of one round. More than any cache.
const CONTENT: usize = 128 * PIECE_LEN;
const ROUNDS: usize = 11;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Processor time of this thread: what others do on the machine does not count.
fn secs(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    work();
    now() - start
}

/// What any program must at least do with each piece: hash it, seal it, hash the result. The copy
/// out of `content` stands for the read that both sides pay.
fn primitives(suite: Suite, content: &[u8], buffer: &mut [u8]) {
    for piece in content.chunks(PIECE_LEN) {
        let plain = &mut buffer[..piece.len()];
        plain.copy_from_slice(piece);
        let hash = blake3::hash(plain);
        let tag: [u8; 16] = if suite == Suite::Aes256Gcm {
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, hash.as_bytes()).unwrap());
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), plain).unwrap();
            tag.as_ref().try_into().unwrap()
        } else {
            let cipher = XChaCha20Poly1305::new(hash.as_bytes().into());
            let nonce = XNonce::from([0; 24]);
            cipher.encrypt_inout_detached(&nonce, b"", plain.into()).unwrap().into()
        };
        buffer[piece.len()..piece.len() + 16].copy_from_slice(&tag);
        black_box(blake3::hash(&buffer[..piece.len() + 16]));
    }
}

fn ours(suite: Suite, content: &[u8], device: &DeviceSecret, rng: &mut DangerSeeded) {
    let mut cutter = Cutter::new(Padme);
    for read in content.chunks(65_536) {
        let mut rest = read;
        while !rest.is_empty() {
            let space = cutter.space();
            let count = space.len().min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            if let Some(piece) = cutter.filled(count) {
                let sealed = piece.seal(suite, device, rng.bytes32()).unwrap();
                cutter.recycle(black_box(sealed).bytes);
            }
        }
    }
    for piece in cutter.finish().unwrap() {
        black_box(piece.seal(suite, device, rng.bytes32()).unwrap());
    }
}

fn per_op(count: u32, mut work: impl FnMut(u32)) -> f64 {
    let times =
        (0..ROUNDS).map(|_| secs(|| (0..count).for_each(&mut work)) / f64::from(count)).collect();
    median(times) * 1e6
}

fn main() {
    let device = DeviceSecret::from_secret_bytes(&[1; 32]);
    let mut rng = DangerSeeded::new(1);
    let mut content = vec![0; CONTENT];
    rng.fill(&mut content);
    let mut buffer = vec![0; PIECE_LEN + 16];

    for (suite, name) in
        [(Suite::Aes256Gcm, "AES-256-GCM"), (Suite::XChaCha20Poly1305, "XChaCha20")]
    {
        let (mut bare, mut sealed) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            bare.push(secs(|| primitives(suite, &content, &mut buffer)));
            sealed.push(secs(|| ours(suite, &content, &device, &mut rng)));
        }
        // Padmé adds nothing here: 128 pieces are padded to 128 pieces and a little.
        let padded = Cutter::resume(Padme, 128).finish().unwrap().padded() as f64;
        let mib = 1_048_576.0;
        let bare_rate = CONTENT as f64 / mib / median(bare);
        let seal_rate = padded / mib / median(sealed);
        println!("suite {}", suite.byte());
        println!("bare {name:11} and two BLAKE3 passes   {bare_rate:8.0} MiB/s");
        println!("chunk stream, sealed                     {seal_rate:8.0} MiB/s");
        println!("ratio (goal 0.85)                        {:8.2}", seal_rate / bare_rate);
        println!("processor time of sealing                {:8.2} s/GiB", 1_024.0 / seal_rate);
        open(suite, &content, &device, &mut rng);
    }
    small(&device, &mut rng);
    passwords();
}

fn open(suite: Suite, content: &[u8], device: &DeviceSecret, rng: &mut DangerSeeded) {
    let mut cutter = Cutter::new(Padme);
    cutter.space().copy_from_slice(&content[..PIECE_LEN]);
    let piece = cutter.filled(PIECE_LEN).unwrap();
    let sealed = piece.seal(suite, device, rng.bytes32()).unwrap();
    let mut times = vec![];
    for _ in 0..200 {
        let bytes = sealed.bytes.clone();
        times.push(secs(|| {
            let arrived = ArrivedChunk::check(sealed.reference.id, bytes).unwrap();
            black_box(open_chunk(suite, &sealed.reference, arrived).unwrap());
        }));
    }
    println!("chunk, hash checked and opened           {:8.0} MiB/s", 1.0 / median(times));
}

fn small(device: &DeviceSecret, rng: &mut DangerSeeded) {
    let content = ContentKey::from_secret_bytes(&[2; 32]);
    let us = per_op(10_000, |n| {
        black_box(content.document(DocumentTag([3; 16]), n));
    });
    println!("one derivation                           {us:8.2} µs");
    let document = content.document(DocumentTag([3; 16]), 0);
    for len in [200, 1_000, 8_000, 60_000] {
        let cbor = vec![7; len];
        let aad = [9; 400];
        let draft = |seq: u32| {
            let hedge =
                Hedge { device, author: AuthorKey([4; 32]), seq: seq.into(), random: [5; 32] };
            Draft::new(&document, &cbor, &Padme, hedge).unwrap()
        };
        let us = per_op(1_000, |n| {
            black_box(draft(n).seal(Suite::DEFAULT, &aad).unwrap());
        });
        println!("sealed part of {len:6} B, seal            {us:8.2} µs");
        let one = draft(0);
        let header = one.header();
        let sealed = one.seal(Suite::DEFAULT, &aad).unwrap();
        let us = per_op(1_000, |_| {
            black_box(part::open(Sealing::DEFAULT, &document, &header, &aad, &sealed).unwrap());
        });
        println!("sealed part of {len:6} B, open            {us:8.2} µs");
    }
    let local = device.local();
    let row = local.seal_row([6; 32], b"row", &[7; 200]).unwrap();
    let us = per_op(10_000, |_| {
        black_box(local.seal_row(rng.bytes32(), b"row", &[7; 200]).unwrap());
    });
    println!("local row of 200 B, seal (goal 2)        {us:8.2} µs");
    let us = per_op(10_000, |_| {
        black_box(local.open_row(b"row", &row).unwrap());
    });
    println!("local row of 200 B, open                 {us:8.2} µs");
    let us = per_op(10_000, |n| {
        black_box(local.blind("path", &n.to_be_bytes()));
    });
    println!("blind key                                {us:8.2} µs");
}

/// One Argon2id run at the floor, as the library computes it with its lanes at once. The product's
/// own run is in `strongroom_seal::keystore`.
fn passwords() {
    let params = argon2::Params::new(65_536, 3, 4, Some(32)).unwrap();
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut times = vec![];
    for _ in 0..5 {
        let start = Instant::now();
        let mut out = [0; 32];
        argon.hash_password_into(b"passphrase", &[1; 32], &mut out).unwrap();
        black_box(out);
        times.push(start.elapsed().as_secs_f64());
    }
    println!("Argon2id at the floor, lanes at once     {:8.3} s by the clock", median(times));
}
