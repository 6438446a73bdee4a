//! Text for people. Comes in: names, sizes, times. Goes out: what is safe and pleasant to read.
//! Must not know: where it is printed, what a vault is.

use std::{borrow::Cow, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};
pub use strongroom_client::report::count;

/// A name without what could move the cursor, hide text or turn its direction around.
pub fn visible(name: &str) -> Cow<'_, str> {
    if !name.contains(is_deceptive) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if is_deceptive(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Controls, and the marks that make `exe.txt` out of `txt.exe`.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || c == '\u{feff}'
}

/// `17 B`, `1.2 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // 1023.95 would print as 1024.0.
        if value < 1_023.95 {
            break;
        }
        value /= 1_024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// `1 file`, `9,758 files`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A moment in the local time zone, `2026-05-09 07:29:52`; `-` if there is no such moment.
pub fn time(seconds: i64) -> String {
    moment(seconds, &TimeZone::system())
}

/// Seconds since 1970, by this device's clock.
pub fn now_secs() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// The same for times that cannot be before 1970; 0 means never.
pub fn time_or_never(seconds: u64) -> String {
    if seconds == 0 {
        return "never".to_owned();
    }
    time(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn moment(seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// `90 seconds`, `15 minutes`, `8 hours`: whole units, nearest.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => counted(seconds, "second", "seconds"),
        120..7_200 => counted((seconds + 30) / 60, "minute", "minutes"),
        _ => counted((seconds + 1_800) / 3_600, "hour", "hours"),
    }
}

/// `drwxr-xr-x`, as `ls -l` shows it. Unknown bits are shown as `get` would set them.
pub fn mode(kind: &str, bits: Option<u16>) -> String {
    let mut shown = String::with_capacity(10);
    shown.push(match kind {
        "directory" => 'd',
        "link" => 'l',
        _ => '-',
    });
    let bits = bits.unwrap_or(match kind {
        "directory" => 0o755,
        "link" => 0o777,
        _ => 0o644,
    });
    for at in (0..9).rev() {
        let letter = ['x', 'w', 'r'][at % 3];
        shown.push(if bits & (1 << at) == 0 { '-' } else { letter });
    }
    shown
}

/// The first characters of an id, enough to type.
pub fn short(id: &str) -> &str {
    let end = id.char_indices().nth(SHORT_ID_LEN).map_or(id.len(), |(at, _)| at);
    &id[..end]
}

/// A sentence in lines of [`LINE_LEN`] characters, each with its line end.
pub fn wrapped(first: &str, next: &str, text: &str) -> String {
    let mut shown = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > LINE_LEN {
            shown += line.trim_end();
            shown.push('\n');
            next.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    shown += line.trim_end();
    shown.push('\n');
    shown
}

/// Characters of a line of text.
const LINE_LEN: usize = 100;
/// Characters of an id in tables.
const SHORT_ID_LEN: usize = 16;

/// Columns that line up. The last one is not padded, so it may hold names of any width.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// An empty table; `right` names the columns that hold numbers.
    pub fn new(right: &[usize]) -> Self {
        Self { rows: Vec::new(), right: right.to_vec(), indent: 0 }
    }

    /// Moves the table to the right.
    #[must_use]
    pub fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Adds a row, or a heading.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a row of words.
    pub fn heading<const N: usize>(&mut self, cells: [&str; N]) {
        self.row(cells.map(str::to_owned));
    }
}

impl core::fmt::Display for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            for (at, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let pad = width - cell.chars().count();
                if self.right.contains(&at) {
                    write!(line, "{:pad$}{cell}  ", "")?;
                } else {
                    write!(line, "{cell}{:pad$}  ", "")?;
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        assert_eq!(visible("plain – naïve 日本"), "plain – naïve 日本");
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{7f}"), "a\\u{1b}[2Jb\\nc\\u{7f}");
        assert_eq!(visible("photo\u{202e}gpj.exe"), "photo\\u{202e}gpj.exe");
        assert_eq!(visible("c1 \u{9b}31m"), "c1 \\u{9b}31m");
    }

    #[test]
    fn sizes_read_well_at_every_border() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (57 * 1_048_576, "57.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "file", "files"), "1 file");
        assert_eq!(counted(9_758, "file", "files"), "9,758 files");
    }

    #[test]
    fn times_outside_the_calendar_are_a_dash() {
        assert_eq!(moment(0, &TimeZone::UTC), "1970-01-01 00:00:00");
        assert_eq!(moment(-1, &TimeZone::UTC), "1969-12-31 23:59:59");
        assert_eq!(moment(i64::MAX, &TimeZone::UTC), "-");
        assert_eq!(moment(i64::MIN, &TimeZone::UTC), "-");
        assert_eq!(time_or_never(0), "never");
    }

    #[test]
    fn sentences_are_cut_between_words() {
        let text = "word ".repeat(30);
        let shown = wrapped("- ", "  ", text.trim());
        assert!(shown.lines().all(|line| line.len() <= LINE_LEN), "{shown}");
        assert_eq!(shown.split_whitespace().count(), 31);
        assert_eq!(shown.lines().nth(1).map(|line| line.starts_with("  word")), Some(true));
        let long = "x".repeat(200);
        assert_eq!(wrapped("", "", &long), format!("{long}\n"));
    }

    #[test]
    fn durations_are_round() {
        let cases = [(1, "1 second"), (90, "90 seconds"), (899, "15 minutes"), (28_799, "8 hours")];
        for (seconds, shown) in cases {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn modes_look_like_those_of_ls() {
        assert_eq!(mode("directory", Some(0o755)), "drwxr-xr-x");
        assert_eq!(mode("file", Some(0o640)), "-rw-r-----");
        assert_eq!(mode("link", None), "lrwxrwxrwx");
        assert_eq!(mode("file", None), "-rw-r--r--");
    }

    #[test]
    fn tables_line_up_and_leave_no_blanks_at_the_end() {
        let mut table = Table::new(&[0]).indented(2);
        table.heading(["SIZE", "NAME"]);
        table.row(["1".to_owned(), "ä".to_owned()]);
        assert_eq!(table.to_string(), "  SIZE  NAME\n     1  ä\n");
    }
}
