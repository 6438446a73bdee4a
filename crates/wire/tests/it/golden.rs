//! Golden files. Comes in: a folder of vectors/ and named decoders. Goes out: nothing, or the case
//! that did not end as its file says. Must not know: any format.
//!
//! A file is `{"decoder": …, "cases": [{"name", "expect", "why", …input}]}`. Bytes are a hex
//! string, or a list of hex strings and `{"byte": "00", "times": 1184}`. With the environment
//! variable `STRONGROOM_WRITE_VECTORS=1` the generators write the files instead of comparing.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Runs of equal bytes shorter than this are written out.
const RUN_MIN: usize = 64;

/// What a decoder makes of one case: the bytes it would write for what it read, or the name of the
/// error.
pub type Outcome = Result<Vec<u8>, String>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// Plain hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads plain hex.
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex: {text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Hex with long runs of one byte folded.
pub fn fold(bytes: &[u8]) -> Value {
    let mut parts = Vec::new();
    let mut plain = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() < RUN_MIN {
            plain.extend_from_slice(run);
            continue;
        }
        if !plain.is_empty() {
            parts.push(Value::from(hex(&plain)));
            plain.clear();
        }
        parts.push(json!({"byte": hex(&run[..1]), "times": run.len()}));
    }
    if parts.is_empty() {
        return Value::from(hex(&plain));
    }
    if !plain.is_empty() {
        parts.push(Value::from(hex(&plain)));
    }
    Value::from(parts)
}

/// Reads what [`fold`] wrote.
pub fn unfold(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => unhex(text),
        Value::Array(parts) => parts.iter().flat_map(unfold).collect(),
        run => {
            let byte = unhex(run["byte"].as_str().unwrap())[0];
            vec![byte; usize::try_from(run["times"].as_u64().unwrap()).unwrap()]
        }
    }
}

/// The bytes under "hex" of a case.
pub fn bytes(case: &Value) -> Vec<u8> {
    unfold(&case["hex"])
}

/// One file in the making.
pub struct Book {
    file: String,
    decoder: String,
    cases: Vec<Value>,
}

impl Book {
    /// `file` is a path below vectors/ without its ending.
    pub fn new(file: &str, decoder: &str) -> Self {
        Self { file: file.to_owned(), decoder: decoder.to_owned(), cases: Vec::new() }
    }

    /// A case whose input is bytes. `expect` is `ok` or the name of an error.
    pub fn case(&mut self, name: &str, expect: &str, why: &str, bytes: &[u8]) -> &mut Self {
        self.object(name, expect, why, &json!({"hex": fold(bytes)}))
    }

    /// A case whose input is several named things.
    pub fn object(&mut self, name: &str, expect: &str, why: &str, input: &Value) -> &mut Self {
        let mut case = input.clone();
        assert!(self.cases.iter().all(|case| case["name"] != name), "{name} stands twice");
        case["name"] = name.into();
        case["expect"] = expect.into();
        case["why"] = why.into();
        self.cases.push(case);
        self
    }

    /// Compares with the file, or writes it.
    pub fn settle(&self) {
        let path = folder().join(format!("{}.json", self.file));
        let book = json!({"decoder": self.decoder, "cases": self.cases});
        if std::env::var_os("STRONGROOM_WRITE_VECTORS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("{book:#}\n")).unwrap();
            return;
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        let found: Value = serde_json::from_str(&found).unwrap_or_default();
        for case in &self.cases {
            let name = &case["name"];
            let same = found["cases"].as_array().into_iter().flatten().any(|old| old == case);
            assert!(same, "{}: case {name} is not what the generator makes", path.display());
        }
    }
}

/// Runs every case of a folder through its file's decoder; returns (good, broken) cases.
pub fn run(subject: &str, decode: impl Fn(&str, &Value) -> Outcome) -> (usize, usize) {
    let mut files: Vec<_> = fs::read_dir(folder().join(subject))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    let (mut good, mut broken) = (0, 0);
    for path in files {
        let book: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let decoder = book["decoder"].as_str().unwrap();
        for case in book["cases"].as_array().unwrap() {
            let place = format!("{}: {} ({})", path.display(), case["name"], case["why"]);
            match (case["expect"].as_str().unwrap(), decode(decoder, case)) {
                ("ok", Ok(again)) => {
                    let same = case.get("hex").is_none() || again == bytes(case);
                    assert!(same, "{place}: read, but written differently");
                    good += 1;
                }
                ("ok", Err(error)) => panic!("{place}: refused: {error}"),
                (expect, Ok(_)) => panic!("{place}: accepted, expected {expect}"),
                (expect, Err(error)) => {
                    assert_eq!(expect, error, "{place}");
                    broken += 1;
                }
            }
        }
    }
    (good, broken)
}
