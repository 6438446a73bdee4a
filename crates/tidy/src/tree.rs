//! The source tree. Comes in: nothing but where this crate stands. Goes out: the texts of the
//! files that belong to the repository. Must not know: version control; a tree without it is
//! checked the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names of what is made, not written.
const MADE: [&str; 7] = ["target", ".git", "out", "corpus", "artifacts", "dist", "__pycache__"];

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text file of the repository: path from the root, with `/`, and text. What is no UTF-8 is
/// left out.
pub fn all_files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    visit(&root(), "", &mut found);
    found
}

fn visit(dir: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let Ok(kind) = entry.file_type() else { continue };
        // In a second work tree of git `.git` is a file, which names the first.
        if MADE.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            visit(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.insert(path, text);
        }
    }
}

/// What each crate under `crates/` links when it is shipped, of ours: folder → folders.
pub fn manifests(files: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (path, text) in files {
        let room = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
        let Some(room) = room.filter(|room| !room.contains('/')) else { continue };
        let mut linked = Vec::new();
        let mut inside = false;
        for line in text.lines() {
            if line.starts_with('[') {
                inside = line.contains("dependencies") && !line.contains("dev-dependencies");
            }
            let ours = line.strip_prefix("strongroom-").filter(|_| inside);
            linked.extend(ours.and_then(|rest| rest.split(['.', ' ', '=']).next()));
        }
        let linked = linked.into_iter().map(str::to_owned).collect();
        found.insert(room.to_owned(), linked);
    }
    found
}
