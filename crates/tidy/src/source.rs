//! One Rust file, as a reader sees it. Comes in: its text. Goes out: its header, and its code
//! without comments, strings and tests. Must not know: where the file stands.

/// A Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// The crate's folder: `wire` of `crates/wire/src/ids.rs`.
    pub fn room(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|path| path.split('/').next()).unwrap_or("")
    }

    /// Whether it is shipped: not a test, an example or a bench.
    pub fn is_shipped(&self) -> bool {
        self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// Whether a crate begins here.
    pub fn is_crate_root(&self) -> bool {
        let rest = self.path.split_once("/src/").map(|(_, rest)| rest);
        rest.is_some_and(|rest| matches!(rest, "lib.rs" | "main.rs") || rest.starts_with("bin/"))
    }

    /// The module's own words: the `//!` lines at its top, in lower case and in one line.
    pub fn header(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(str::trim).collect::<Vec<_>>().join(" ").to_lowercase()
    }

    /// Its code, line by line with numbers from 1: no comments, and nothing after the first
    /// `#[cfg(test)]` that stands in the first column (tests come last in a file).
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .map(|(at, line)| (at + 1, before_comment(line)))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}

/// The line up to a comment. A `//` inside a string cuts the line too early; what is searched for
/// does not stand behind one.
fn before_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// The modules of its own crate that a line of code names: `names` in `use crate::names::Name`.
/// Groups (`crate::{a, b}`) are taken apart.
pub fn uses_of(line: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let Some(rest) = line.get(at + "crate::".len()..) else { continue };
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        match group {
            Some(group) => found.extend(group.split(',').map(|one| first_name(one.trim()))),
            None => found.push(first_name(rest)),
        }
    }
    found.retain(|name| !name.is_empty() && name.chars().all(is_name));
    found
}

fn first_name(path: &str) -> &str {
    path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "crates/wire/src/ids.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn code_has_no_comments_and_no_tests() {
        let text =
            "//! Ids.\n\nlet a = 1; // one\n/// two\n    #[cfg(test)]\n#[cfg(test)]\nmod tests";
        let source = source(text);
        let code: Vec<_> = source.code().map(|(at, line)| (at, line.trim())).collect();
        assert_eq!(code, [(3, "let a = 1;"), (5, "#[cfg(test)]")]);
        assert_eq!(source.header(), "ids.");
    }

    #[test]
    fn uses_are_found_one_by_one_and_in_groups() {
        assert_eq!(uses_of("use crate::parts::{A, B};"), ["parts"]);
        assert_eq!(uses_of("use crate::{parts, writer::Author};"), ["parts", "writer"]);
        assert_eq!(uses_of("a(crate::tree::x(), crate::names::y)"), ["tree", "names"]);
        assert!(uses_of("use strongroom_wire::ids;").is_empty());
    }

    #[test]
    fn places_are_known() {
        assert_eq!(source("").room(), "wire");
        assert!(source("").is_shipped() && !source("").is_crate_root());
        let bin = Source { path: "crates/server/src/bin/x.rs".to_owned(), text: String::new() };
        assert!(bin.is_crate_root());
    }
}
