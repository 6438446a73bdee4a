//! JSON (RFC 8259), strictly. Comes in: a stranger's bytes. Goes out: a tree of values that
//! borrows from them, or a refusal; and texts as `JSON.stringify` writes them. Must not know: what
//! any member means.
//!
//! Stricter than others where they differ among each other: a member that stands twice, a lone
//! surrogate and bytes after the value refuse the whole. Depth and number of values are bounded.

use std::borrow::Cow;

use super::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};

/// Why bytes are no JSON that is taken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON")]
    Form,
    /// The same member twice in one object: readers differ on which counts.
    #[error("a member stands twice")]
    Twice,
    /// Too deep, or too many values.
    #[error("too deep, or too many values")]
    Limit,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, in the order it was written. No name stands twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one value and nothing after it but white space.
    ///
    /// ```
    /// use strongroom_wire::edv::json::{Json, JsonError};
    /// let value = Json::parse(br#"{"a": [1, "x"]}"#).unwrap();
    /// assert_eq!(value.member("a").and_then(Json::items).unwrap().len(), 2);
    /// assert_eq!(Json::parse(br#"{"a": 1, "a": 2}"#), Err(JsonError::Twice));
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = core::str::from_utf8(bytes).map_err(|_| JsonError::Form)?;
        let mut reader = Reader { text, at: 0, values: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(JsonError::Form) }
    }

    /// The members, if this is an object.
    pub fn members(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The member of this name, if this is an object and has it.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members()?.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The items, if this is an array.
    pub fn items(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is written as digits alone and fits.
    pub fn integer(&self) -> Option<u64> {
        match self {
            Self::Number(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => {
                digits.parse().ok()
            }
            _ => None,
        }
    }

    /// Yes or no, if this is one of them.
    pub fn truth(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// Writes the value without white space, members in their order, as `JSON.stringify` does.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(out, text),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Writes a text with its quotes, escaping what `JSON.stringify` escapes and nothing else.
pub fn write_text(out: &mut String, text: &str) {
    use core::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether two members have the same name.
fn one_stands_twice(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    /// Up to so many, comparing each with each is less work than sorting.
    const FEW: usize = 12;
    if members.len() <= FEW {
        let before = |at| members.iter().take(at);
        let mut each = members.iter().enumerate();
        return each.any(|(at, (name, _))| before(at).any(|(other, _)| other == name));
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

/// Bytes before the first that ends a text, is escaped in it or may not stand in it; none if there
/// is no such byte.
fn plain_len(bytes: &[u8]) -> Option<usize> {
    /// Looked at together, without a branch for each: a compiler makes few instructions of that.
    const TOGETHER: usize = 32;
    let special = |c: &u8| matches!(c, b'"' | b'\\' | 0..b' ');
    let any = |piece: &[u8]| piece.iter().fold(false, |found, c| found | special(c));
    let start = bytes.chunks(TOGETHER).position(any)? * TOGETHER;
    let within = bytes.get(start..)?.iter().position(special)?;
    Some(start + within)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether the next thing is this byte; if so it is passed.
    fn passes(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.passes(byte) { Ok(()) } else { Err(JsonError::Form) }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        if !self.rest().starts_with(word) {
            return Err(JsonError::Form);
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.values += 1;
        if depth > JSON_DEPTH_MAX || self.values > JSON_VALUES_MAX {
            return Err(JsonError::Limit);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(JsonError::Form),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.need(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.passes(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.passes(b']') {
                return Ok(Json::Array(items));
            }
            self.need(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.need(b'{')?;
        let mut members = Vec::new();
        self.space();
        if self.passes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.need(b':')?;
            members.push((name, self.value(depth + 1)?));
            self.space();
            if self.passes(b'}') {
                break;
            }
            self.need(b',')?;
        }
        if one_stands_twice(&members) { Err(JsonError::Twice) } else { Ok(Json::Object(members)) }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(JsonError::Form) }
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.passes(b'-');
        if !self.passes(b'0') {
            self.digits()?;
        }
        if self.passes(b'.') {
            self.digits()?;
        }
        if self.passes(b'e') || self.passes(b'E') {
            if !self.passes(b'-') {
                self.passes(b'+');
            }
            self.digits()?;
        }
        self.text.get(start..self.at).map(Json::Number).ok_or(JsonError::Form)
    }

    /// A text, borrowed if nothing in it is escaped.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.need(b'"')?;
        let mut whole = String::new();
        loop {
            let rest = self.rest();
            let len = plain_len(rest.as_bytes()).ok_or(JsonError::Form)?;
            let plain = rest.get(..len).ok_or(JsonError::Form)?;
            self.at += len;
            if self.passes(b'"') {
                if whole.is_empty() {
                    return Ok(Cow::Borrowed(plain));
                }
                whole.push_str(plain);
                return Ok(Cow::Owned(whole));
            }
            whole.push_str(plain);
            self.need(b'\\')?;
            whole.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        let c = self.peek().ok_or(JsonError::Form)?;
        self.at += 1;
        Ok(match c {
            b'"' | b'\\' | b'/' => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(JsonError::Form),
        })
    }

    /// Four hex digits, or two times four that form a pair.
    fn code_point(&mut self) -> Result<char, JsonError> {
        let high = self.hex()?;
        let code = match high {
            0xd800..=0xdbff => {
                self.need(b'\\')?;
                self.need(b'u')?;
                match self.hex()? {
                    low @ 0xdc00..=0xdfff => 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(JsonError::Form),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or(JsonError::Form)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..4).ok_or(JsonError::Form)?;
        if !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(JsonError::Form);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| JsonError::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "}",
            "[",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "0x1",
            "NaN",
            "Infinity",
            "nul",
            "True",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\\u+123\"",
            "1 2",
            "{} x",
            "\u{feff}{}",
            "// c\n1",
            "[\"a\"\"b\"]",
        ] {
            assert_eq!(Json::parse(bad.as_bytes()), Err(JsonError::Form), "{bad:?}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), Err(JsonError::Form));
    }

    #[test]
    fn a_member_twice_is_refused_however_it_is_spelt() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#, r#"[{"x":{"y":1,"y":2}}]"#] {
            assert_eq!(Json::parse(bad.as_bytes()), Err(JsonError::Twice), "{bad}");
        }
        assert!(Json::parse(br#"{"a":{"a":1},"b":{"a":2}}"#).is_ok());
    }

    #[test]
    fn a_member_twice_is_found_among_few_and_among_many() {
        for count in [2, 11, 12, 13, 14, 40] {
            let names = |last: usize| {
                let each =
                    |at: usize| format!("\"m{}\":0", if at + 1 == count { last } else { at });
                format!("{{{}}}", (0..count).map(each).collect::<Vec<_>>().join(","))
            };
            assert!(Json::parse(names(count).as_bytes()).is_ok(), "{count}");
            for twice in [0, (count - 1) / 2, count - 2] {
                assert_eq!(Json::parse(names(twice).as_bytes()), Err(JsonError::Twice), "{count}");
            }
        }
    }

    #[test]
    fn a_text_ends_where_it_ends_at_any_length() {
        for len in 0..200 {
            let text = "é".repeat(len % 7) + &"a".repeat(len);
            let json = format!("[\"{text}\",\"{text}\\n{text}\"]");
            let read = Json::parse(json.as_bytes()).unwrap();
            let both = [text.clone(), format!("{text}\n{text}")].map(|it| Json::Text(it.into()));
            assert_eq!(read.items(), Some(&both[..]), "{len}");
            for bad in [format!("\"{text}"), format!("\"{text}\t\""), format!("\"{text}\\")] {
                assert_eq!(Json::parse(bad.as_bytes()), Err(JsonError::Form), "{bad}");
            }
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
        for depth in [JSON_DEPTH_MAX + 1, 1_000_000] {
            assert_eq!(Json::parse(nested(depth).as_bytes()), Err(JsonError::Limit));
        }
        let many = |items: usize| format!("[{}]", vec!["0"; items].join(","));
        assert!(Json::parse(many(JSON_VALUES_MAX - 1).as_bytes()).is_ok());
        assert_eq!(Json::parse(many(JSON_VALUES_MAX).as_bytes()), Err(JsonError::Limit));
    }

    #[test]
    fn texts_are_unescaped_and_written_as_javascript_does() {
        let value =
            Json::parse(br#" { "k\n" : [ "\u017elut\u00fd \ud83d\ude00\/", 1e-3, true ] } "#);
        let mut out = String::new();
        value.unwrap().write(&mut out);
        assert_eq!(out, "{\"k\\n\":[\"žlutý 😀/\",1e-3,true]}");
    }
}
