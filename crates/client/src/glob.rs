//! Patterns for names. Comes in: what a person typed. Goes out: whether a name matches. Must not
//! know: what names there are.

/// A pattern with `*`, `?` and `[abc]`, or a plain part of a name whatever the case.
///
/// ```
/// use strongroom_client::glob::Pattern;
/// assert!(Pattern::new("*.pdf").matches("deed.pdf"));
/// assert!(Pattern::new("DEED").matches("the deed.pdf"));
/// assert!(!Pattern::new("d?ed").matches("deeed"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<char>,
    is_glob: bool,
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        let is_glob = text.contains(['*', '?', '[']);
        let text = if is_glob { text.to_owned() } else { text.to_lowercase() };
        Self { text: text.chars().collect(), is_glob }
    }

    /// Whether a whole name matches (or, without signs, contains the text).
    pub fn matches(&self, name: &str) -> bool {
        if self.is_glob {
            let name: Vec<char> = name.chars().collect();
            return glob(&self.text, &name);
        }
        let part: String = self.text.iter().collect();
        name.to_lowercase().contains(&part)
    }
}

/// Linear in pattern × name: a star only ever goes back to its own last try.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if let Some('*') = pattern.get(p) {
            star = Some((p, n));
            p += 1;
            continue;
        }
        if let Some(next) = name.get(n).and_then(|c| one(pattern, p, *c)) {
            p = next;
            n += 1;
            continue;
        }
        let Some((at, tried)) = star else { return false };
        star = Some((at, tried + 1));
        p = at + 1;
        n = tried + 1;
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|c| *c == '*'))
}

/// Where the pattern goes on if its next sign takes this character.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => {
            let rest = pattern.get(at + 1..)?;
            let Some(end) = rest.iter().position(|one| *one == ']') else {
                return (c == '[').then_some(at + 1);
            };
            let (set, inverted) = match rest.get(..end)? {
                ['!', set @ ..] => (set, true),
                set => (set, false),
            };
            let mut found = false;
            let mut i = 0;
            while let Some(low) = set.get(i) {
                if let (Some('-'), Some(high)) = (set.get(i + 1), set.get(i + 2)) {
                    found |= (*low..=*high).contains(&c);
                    i += 3;
                } else {
                    found |= *low == c;
                    i += 1;
                }
            }
            (found != inverted).then_some(at + end + 2)
        }
        literal => (*literal == c).then_some(at + 1),
    }
}
