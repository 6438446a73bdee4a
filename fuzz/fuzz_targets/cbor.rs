//! Fuzzes the reader of bare CBOR items: a walk over everything, as deep as the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::limits::CBOR_DEPTH_MAX;

/// Reads one item of any type and writes it again.
fn walk(r: &mut Reader<'_>, w: &mut Writer, depth: usize) -> Result<(), CborError> {
    if depth > CBOR_DEPTH_MAX {
        return Err(CborError::Limit);
    }
    if r.null() {
        w.null();
        return Ok(());
    }
    let first = *r.rest().first().ok_or(CborError::Cut)?;
    match first >> 5 {
        0 => w.uint(r.uint()?),
        1 => w.int(r.int()?),
        2 => w.bytes(r.bytes(1_000)?),
        3 => w.text(r.text(1_000)?),
        4 => {
            let len = r.array(1_000)?;
            w.array(len);
            return (0..len).try_for_each(|_| walk(r, w, depth + 1));
        }
        5 => {
            let (len, mut last) = (r.map(1_000)?, Vec::new());
            w.map(len);
            for _ in 0..len {
                w.int(r.key(&mut last)?);
                walk(r, w, depth + 1)?;
            }
            return Ok(());
        }
        6 => {
            r.tag(18)?;
            w.tag(18);
            return walk(r, w, depth + 1);
        }
        _ => w.bool(r.bool()?),
    };
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let (mut r, mut w) = (Reader::new(data), Writer::new());
    if walk(&mut r, &mut w, 0).is_ok() {
        let read = data.len() - r.rest().len();
        assert_eq!(w.into_bytes(), data[..read]);
    }
});
