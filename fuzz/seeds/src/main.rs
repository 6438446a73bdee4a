//! Writes the fuzzers' first inputs. Comes in: the folder of golden files and the folder of
//! corpora. Goes out: one file per case in the corpus of every target that reads it. Must not
//! know: any format.
//!
//! Targets with several decoders choose by their first byte; it is put in front here.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Golden files by their decoder: which target reads them, and which first byte it wants.
const READERS: [(&str, &str, Option<u8>); 101] = [
    ("header", "header", None),
    ("entry", "entry", None),
    ("clear genesis", "clear", Some(0)),
    ("clear version", "clear", Some(1)),
    ("clear epoch", "clear", Some(2)),
    ("clear member", "clear", Some(3)),
    ("clear revoke", "clear", Some(4)),
    ("clear checkpoint", "clear", Some(5)),
    ("clear tombstone", "clear", Some(6)),
    ("clear purge", "clear", Some(7)),
    ("frames", "frames", None),
    ("frames", "chain", None),
    ("sign-up", "api", Some(0)),
    ("vault terms", "api", Some(1)),
    ("holdings", "api", Some(2)),
    ("have", "api", Some(3)),
    ("record put", "api", Some(4)),
    ("records", "api", Some(5)),
    ("copy chunks", "api", Some(6)),
    ("capability", "capability", Some(0)),
    ("capability chain", "capability", Some(1)),
    ("session opening", "session", Some(0)),
    ("session answer", "session", Some(1)),
    ("request", "http_signature", None),
    ("recovery record", "recovery_record", None),
    ("manifest", "manifest", None),
    ("version body", "version_body", None),
    ("epoch body", "sealed_parts", Some(0)),
    ("member body", "sealed_parts", Some(1)),
    ("reason", "sealed_parts", Some(2)),
    ("checkpoint body", "sealed_parts", Some(3)),
    ("fork proof", "sealed_parts", Some(4)),
    ("key log genesis", "key_log", Some(0)),
    ("key log event", "key_log", Some(1)),
    ("card", "card", Some(0)),
    ("card text", "card", Some(1)),
    ("pointer", "card", Some(2)),
    ("pointer text", "card", Some(3)),
    ("contact", "card", Some(4)),
    ("invitation", "invitation", Some(0)),
    ("message", "drops", Some(0)),
    ("drop address", "drops", Some(1)),
    ("drop card", "drops", Some(2)),
    ("pairing message", "pairing", Some(0)),
    ("pairing device", "pairing", Some(1)),
    ("pairing gift", "pairing", Some(2)),
    ("pairing code", "pairing", Some(3)),
    ("link", "link", Some(0)),
    ("link record", "link", Some(2)),
    ("link uses", "link", Some(3)),
    ("path", "names", None),
    ("name", "names", None),
    ("key store", "key_store", Some(0)),
    ("local row", "key_store", Some(1)),
    ("sealed part", "sealed_part", None),
    ("back", "sealed_keys", Some(0)),
    ("child", "sealed_keys", Some(1)),
    ("wrap", "sealed_keys", Some(3)),
    ("recovery record", "sealed_keys", Some(6)),
    ("phrase", "texts", Some(2)),
    ("clear message", "clear", Some(8)),
    ("clear segment", "clear", Some(9)),
    ("settings", "own_forms", Some(0)),
    ("bucket document", "own_forms", Some(1)),
    ("key log document", "own_forms", Some(2)),
    ("record contents", "own_forms", Some(3)),
    ("key store content", "own_forms", Some(4)),
    ("replica row", "own_forms", Some(5)),
    ("bucket row", "own_forms", Some(6)),
    ("provider row", "own_forms", Some(8)),
    ("tip row", "own_forms", Some(9)),
    ("totals row", "own_forms", Some(10)),
    ("document row", "own_forms", Some(11)),
    ("name row", "own_forms", Some(12)),
    ("exchange row", "own_forms", Some(13)),
    ("checkpoints row", "own_forms", Some(14)),
    ("fork row", "own_forms", Some(15)),
    ("record row", "own_forms", Some(16)),
    ("journal row", "own_forms", Some(17)),
    ("journal chunk row", "own_forms", Some(18)),
    ("agree seeds", "own_forms", Some(19)),
    ("vault key document", "own_forms", Some(20)),
    ("closed document", "own_forms", Some(21)),
    ("settled document", "own_forms", Some(22)),
    ("link document", "own_forms", Some(23)),
    ("edv vault document", "own_forms", Some(24)),
    ("edv grant document", "own_forms", Some(25)),
    ("edv seen document", "own_forms", Some(26)),
    ("edv identity document", "own_forms", Some(27)),
    ("own bucket document", "own_forms", Some(28)),
    ("jwe", "jwe", Some(0)),
    ("jwe", "jwe", Some(1)),
    ("edv document", "jwe", Some(4)),
    ("zcap", "zcap", None),
    ("zcap chain", "zcap", None),
    ("edv request", "edv_request", None),
    ("edv configuration", "edv_bodies", None),
    ("edv stored document", "edv_bodies", None),
    ("edv index entry", "edv_bodies", None),
    ("edv chunk", "edv_bodies", None),
    ("edv query", "edv_bodies", None),
];

/// Larger cases only slow a fuzzer down.
const SEED_LEN_MAX: usize = 16_384;

fn unfold(value: &Value) -> Option<Vec<u8>> {
    let unhex = |text: &str| {
        let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
        pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<_>>>()
    };
    match value {
        Value::String(text) => unhex(text),
        Value::Array(parts) => Some(parts.iter().map(unfold).collect::<Option<Vec<_>>>()?.concat()),
        Value::Object(run) => {
            let times = usize::try_from(run.get("times")?.as_u64()?).ok()?;
            Some(unhex(run.get("byte")?.as_str()?)?.repeat(times))
        }
        _ => None,
    }
}

/// The bytes a case is about; of a signed request, its parts in lines.
fn input(case: &Value) -> Option<Vec<u8>> {
    if case.get("signature-input").is_some() {
        let capability = ["strongroom-capability", "strongroom-capability-hash"]
            .iter()
            .find_map(|field| case[*field].as_str());
        let text = |field: &str| case[field].as_str().unwrap_or_default();
        let lines = [
            text("method"),
            text("uri"),
            text("content-digest"),
            capability.unwrap_or_default(),
            text("signature-input"),
            text("signature"),
        ];
        return Some(lines.join("\n").into_bytes());
    }
    if case["jwe"].is_object() {
        return Some(case["jwe"].to_string().into_bytes());
    }
    if let Some(plain) = case["plain"].as_str() {
        return Some(plain.as_bytes().to_vec());
    }
    if let Some(headers) = case["headers"].as_object() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = ["host", "content-type", "digest", "authorization", "capability-invocation"];
        let mut lines = vec![text(&case["method"]), text(&case["target"])];
        lines.extend(names.map(|name| headers.get(name).map(text).unwrap_or_default()));
        lines.push(text(&case["body"]));
        return Some(lines.join("\n").into_bytes());
    }
    let typed = case["typed"].as_str().map(|typed| typed.as_bytes().to_vec());
    let fields = ["hex", "file", "row", "sealed", "slot", "wrap", "record", "text"];
    typed.or_else(|| fields.iter().find_map(|field| unfold(&case[*field])))
}

fn plant(book: &Value, corpora: &Path, source: &str) -> std::io::Result<usize> {
    let mut count = 0;
    let cases = book["cases"].as_array().into_iter().flatten();
    for (number, case) in cases.enumerate() {
        let Some(bytes) = input(case) else { continue };
        if bytes.len() > SEED_LEN_MAX {
            continue;
        }
        for (decoder, target, first) in READERS {
            // Everything is worth a look by the reader of bare items.
            let chosen = book["decoder"] == decoder;
            for (folder, first) in [(chosen.then_some(target), first), (Some("cbor"), None)] {
                let Some(folder) = folder else { continue };
                let folder = corpora.join(folder);
                fs::create_dir_all(&folder)?;
                let seed = [first.as_slice(), &bytes].concat();
                fs::write(folder.join(format!("{source}-{number}")), seed)?;
            }
        }
        count += 1;
    }
    Ok(count)
}

fn main() -> std::io::Result<()> {
    let mut folders = std::env::args().skip(1);
    let (Some(vectors), Some(corpora)) = (folders.next(), folders.next()) else {
        eprintln!("usage: seeds VECTORS CORPORA");
        std::process::exit(2);
    };
    let mut count = 0;
    for subject in fs::read_dir(vectors)? {
        let subject = subject?.path();
        if !subject.is_dir() {
            continue;
        }
        for file in fs::read_dir(&subject)? {
            let file = file?.path();
            let Ok(book) = serde_json::from_str::<Value>(&fs::read_to_string(&file)?) else {
                continue;
            };
            let name = format!(
                "{}-{}",
                subject.file_name().unwrap_or_default().display(),
                file.file_stem().unwrap_or_default().display()
            );
            count += plant(&book, Path::new(&corpora), &name)?;
        }
    }
    println!("{count} golden cases planted");
    Ok(())
}
