//! The npm client and `strongroom edv` over the same vaults: each reads the documents, streams and
//! indexes of the other. The other half is `interop/edv/ours/both-ways.mjs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{device::Device, provider::Provider};

const MIB: usize = 1 << 20;

/// Node's packages, installed once for the test, away from the repository.
struct Npm(TempDir);

impl Npm {
    fn install() -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/edv");
        let dir = tempfile::tempdir().unwrap();
        for file in ["package.json", "package-lock.json", ".npmrc", "ours/both-ways.mjs"] {
            let name = Path::new(file).file_name().unwrap();
            std::fs::copy(from.join(file), dir.path().join(name)).unwrap();
        }
        let npm = Self(dir);
        npm.run("npm", &["ci", "--no-progress"]);
        npm
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(program);
        let done = command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).output();
        let done = done.unwrap_or_else(|error| {
            panic!("{program}: {error}; these tests need Node 20 and npm: scripts/need says how")
        });
        let said = [done.stdout, done.stderr].concat();
        let words = String::from_utf8_lossy(&said);
        assert!(done.status.success(), "{program} {arguments:?} failed:\n{words}");
    }

    /// One step of the script.
    #[track_caller]
    fn step(&self, step: &str, files: &[&str]) {
        self.run("node", &[&["both-ways.mjs", step], files].concat());
    }
}

/// What the script makes of a length.
fn noise(len: usize) -> Vec<u8> {
    let mut x = 1_u32;
    std::iter::repeat_with(|| {
        x = x.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        (x >> 16) as u8
    })
    .take(len)
    .collect()
}

fn id_of(said: &Value) -> String {
    said["id"].as_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A vault that both write.
struct Shared {
    provider: Provider,
    alice: Device,
    npm: Npm,
    keys: PathBuf,
    ids: PathBuf,
}

impl Shared {
    fn make() -> Self {
        let provider = Provider::start_with(&["--edv", "open"]);
        let alice = Device::at(&provider);
        let npm = Npm::install();
        alice.ok(&[
            "edv",
            "create",
            "both",
            "--unique",
            "content.sku",
            "--index",
            "content.n",
            "--leaky",
            "content.owner,content.kind",
        ]);
        let (keys, ids) = (npm.0.path().join("keys.json"), npm.0.path().join("ids.json"));
        alice.ok(&["edv", "export", "both", "--keys", text(&keys)]);
        Self { provider, alice, npm, keys, ids }
    }

    fn step(&self, step: &str) {
        self.npm.step(step, &[text(&self.keys), text(&self.ids)]);
    }
}

#[test]
fn the_npm_client_and_ours_read_each_other_both_ways() {
    let both = Shared::make();
    let alice = &both.alice;
    let content = json!({"sku": "A-1", "owner": "alice", "kind": ["x", "y"], "n": 1e21, "é": "ů"});
    let put = alice.json(&[
        "edv",
        "put",
        "both",
        "--content",
        &content.to_string(),
        "--meta",
        r#"{"by":"strongroom"}"#,
    ]);
    let document = id_of(&put);
    let blob = alice.folder.path().join("blob");
    std::fs::write(&blob, noise(2 * MIB + 7)).unwrap();
    let put = alice.json(&["edv", "put", "both", "--stream", text(&blob)]);
    let ids = json!({"document": document, "stream": id_of(&put)});
    std::fs::write(&both.ids, ids.to_string()).unwrap();

    both.step("reads");
    both.step("writes");
    let ids: Value = serde_json::from_slice(&std::fs::read(&both.ids).unwrap()).unwrap();
    reads_theirs(alice, &document, &ids);

    // Somebody with the npm client is let in by ours.
    let (theirs, grant) = (both.npm.0.path().join("theirs"), both.npm.0.path().join("grant"));
    both.npm.step("makesKeys", &[text(&theirs)]);
    let key: Value = serde_json::from_slice(&std::fs::read(&theirs).unwrap()).unwrap();
    let key = key["id"].as_str().unwrap();
    alice.ok(&["edv", "grant", "both", "--to", key, "--out", text(&grant)]);
    let npm_document = ids["npmDocument"].as_str().unwrap();
    both.npm.step("usesGrant", &[text(&theirs), text(&grant), npm_document]);
    // It was sealed again, for them too, and is not ours by that.
    let got = alice.json(&["edv", "get", "both", npm_document]);
    let trust = json!("not-authenticated");
    assert_eq!((&got["trust"], &got["content"]["sku"]), (&trust, &json!("B-1")));

    npm_vaults(&both);
}

fn reads_theirs(alice: &Device, document: &str, ids: &Value) {
    let updated = alice.json(&["edv", "get", "both", document]);
    assert_eq!(updated["content"]["owner"], "bob");
    assert_eq!(updated["trust"], "no-longer", "it was signed, and npm signs nothing");
    let strict = alice.run(&["edv", "get", "both", document, "--strict"]);
    assert_eq!(strict.code, 6);
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();
    let theirs = alice.json(&["edv", "get", "both", &id("npmDocument")]);
    assert_eq!(theirs["trust"], "not-authenticated");
    assert_eq!(theirs["meta"], json!({"by": "npm"}));
    assert_eq!(theirs["content"]["kind"], json!(["z", {"deep": [1, 0, 1e-7]}]));
    let back = alice.folder.path().join("back");
    let streamed = alice.json(&["edv", "get", "both", &id("npmStream"), "--stream", text(&back)]);
    assert_eq!(streamed["authenticated"], false);
    assert_eq!(std::fs::read(&back).unwrap(), noise(3 * MIB + 1));
    assert_eq!(alice.run(&["edv", "get", "both", &id("npmGone")]).code, 3);
    for (pairs, found) in [
        (vec!["content.sku=B-1"], 1),
        (vec!["content.n=0.1"], 1),
        (vec!["content.owner=carroll", r#"content.kind={"deep":[1,0,1e-7]}"#], 1),
        (vec!["content.owner=bob"], 1),
        (vec!["content.owner=alice"], 0),
        (vec!["content.sku=B-3"], 0),
    ] {
        let mut arguments = vec!["edv", "query", "both"];
        arguments.extend(pairs.iter().flat_map(|pair| ["--equals", pair]));
        let said = alice.json(&arguments);
        assert_eq!(said["documents"].as_array().unwrap().len(), found, "{pairs:?}");
        assert_eq!(said["wrong"], 0, "{pairs:?}");
    }
}

/// Vaults that the npm client made, of both its profiles.
fn npm_vaults(both: &Shared) {
    let Shared { provider, alice, npm, .. } = both;
    for version in ["recommended", "fips"] {
        let keys = npm.0.path().join(format!("{version}.json"));
        npm.step("creates", &[provider.url().trim_end_matches('/'), text(&keys), version]);
        let name = id_of_name(&alice.json(&["edv", "import", text(&keys)]));
        let made: Value = serde_json::from_slice(&std::fs::read(&keys).unwrap()).unwrap();
        let got = alice.json(&["edv", "get", &name, made["document"].as_str().unwrap()]);
        assert_eq!(got["content"], json!({"sku": "C-1"}));
        let trust = if version == "fips" { "open-to-all" } else { "not-authenticated" };
        assert_eq!(got["trust"], trust);
        let found = alice.json(&["edv", "query", &name, "--equals", "content.sku=C-1"]);
        assert_eq!(found["documents"].as_array().unwrap().len(), 1);
        let put = alice.json(&["edv", "put", &name, "--content", r#"{"sku":"C-2"}"#]);
        if version == "fips" {
            npm.step("readsFips", &[text(&keys), &id_of(&put)]);
        }
    }
}

fn id_of_name(said: &Value) -> String {
    said["name"].as_str().unwrap().to_owned()
}
