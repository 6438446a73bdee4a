//! Deterministic CBOR (RFC 8949, section 4.2.1). Comes in: bytes of a stranger. Goes out: items, or
//! one error. Must not know: what is encoded.
//!
//! One value has one encoding: shortest integers, definite lengths, map keys ascending by their
//! encoded bytes. The reader refuses every other form, and every length over the caller's limit
//! *before* it allocates. Formats that we define ourselves are arrays of a fixed number of fields;
//! maps appear where a standard asks for them (capabilities).

/// Why bytes are not what a decoder expected. One closed list for all formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The input ends inside an item.
    #[error("the bytes end too early")]
    Cut,
    /// An integer or length is not in its shortest form, or a length is indefinite.
    #[error("not the deterministic encoding")]
    NotCanonical,
    /// Another type of item was due here.
    #[error("an item of another type was expected")]
    Type,
    /// A length, count or value is over (or under) its limit.
    #[error("a length or value is outside its limits")]
    Limit,
    /// Map keys are not ascending, or one stands twice.
    #[error("keys are out of order or doubled")]
    Order,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// Bytes are left over.
    #[error("bytes are left over")]
    Trailing,
    /// A value that this format number does not know.
    #[error("an unknown field or value")]
    Unknown,
}

/// Major types.
const UINT: u8 = 0;
const NINT: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// Writes deterministic CBOR. Map keys are the caller's to order; the reader would refuse them.
///
/// ```
/// use strongroom_wire::cbor::Writer;
/// let mut w = Writer::new();
/// w.array(2).uint(500).text("a");
/// assert_eq!(w.into_bytes(), [0x82, 0x19, 0x01, 0xf4, 0x61, b'a']);
/// ```
#[derive(Debug, Default, Clone)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `len` bytes.
    pub fn with_capacity(len: usize) -> Self {
        Self { out: Vec::with_capacity(len) }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        let be = value.to_be_bytes();
        match value {
            0..=23 => self.out.push(major | value as u8),
            24..=0xff => self.out.extend_from_slice(&[major | 0x18, be[7]]),
            0x100..=0xffff => self.out.extend_from_slice(&[major | 0x19, be[6], be[7]]),
            0x1_0000..=0xffff_ffff => {
                self.out.extend_from_slice(&[major | 0x1a, be[4], be[5], be[6], be[7]]);
            }
            _ => {
                self.out.push(major | 0x1b);
                self.out.extend_from_slice(&be);
            }
        }
        self
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        let bits = value.cast_unsigned();
        if value < 0 { self.head(NINT, !bits) } else { self.head(UINT, bits) }
    }

    /// The head of a byte string of `len` bytes, for bytes that follow from somewhere else.
    pub fn bytes_head(&mut self, len: usize) -> &mut Self {
        self.head(BYTES, len as u64)
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64).out.extend_from_slice(bytes);
        self
    }

    /// A text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(TEXT, text.len() as u64).out.extend_from_slice(text.as_bytes());
        self
    }

    /// The head of an array of `len` items, which follow.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u64)
    }

    /// The head of a map of `len` pairs, which follow in the order of their encoded keys.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(MAP, len as u64)
    }

    /// A tag; its item follows.
    pub fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(TAG, tag)
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.head(SIMPLE, 20 + u64::from(value))
    }

    /// Null: an absent optional field.
    pub fn null(&mut self) -> &mut Self {
        self.head(SIMPLE, 22)
    }

    /// `Some` by the given function, `None` as null.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => {
                self.null();
            }
        }
        self
    }

    /// Items that are CBOR already.
    pub fn raw(&mut self, encoded: &[u8]) -> &mut Self {
        self.out.extend_from_slice(encoded);
        self
    }
}

/// Reads deterministic CBOR and nothing else.
///
/// ```
/// use strongroom_wire::cbor::{CborError, Reader};
/// let mut r = Reader::new(&[0x18, 0x17]); // 23 in two bytes: not the shortest form
/// assert_eq!(r.uint(), Err(CborError::NotCanonical));
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Refuses left-over bytes.
    pub fn end(&self) -> Result<(), CborError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CborError> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(CborError::Cut)?;
        self.rest = tail;
        Ok(head)
    }

    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let (&first, tail) = self.rest.split_first().ok_or(CborError::Cut)?;
        self.rest = tail;
        let (major, info) = (first >> 5, first & 31);
        let (width, floor) = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(CborError::NotCanonical),
        };
        let value = self.take(width)?.iter().fold(0_u64, |sum, &b| (sum << 8) | u64::from(b));
        // Simple values in the long form (and floats) have no place in our formats.
        if value < floor || major == SIMPLE {
            return Err(CborError::NotCanonical);
        }
        Ok((major, value))
    }

    fn expect(&mut self, major: u8) -> Result<u64, CborError> {
        match self.head()? {
            (found, value) if found == major => Ok(value),
            _ => Err(CborError::Type),
        }
    }

    fn len(&mut self, major: u8, max: usize) -> Result<usize, CborError> {
        let len = self.expect(major)?;
        let len = usize::try_from(len).map_err(|_| CborError::Limit)?;
        if len > max { Err(CborError::Limit) } else { Ok(len) }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, CborError> {
        self.expect(UINT)
    }

    /// An unsigned integer of at most `max`.
    pub fn uint_max(&mut self, max: u64) -> Result<u64, CborError> {
        let value = self.uint()?;
        if value > max { Err(CborError::Limit) } else { Ok(value) }
    }

    /// An unsigned integer of one byte.
    pub fn u8(&mut self) -> Result<u8, CborError> {
        u8::try_from(self.uint()?).map_err(|_| CborError::Limit)
    }

    /// An unsigned integer of four bytes.
    pub fn u32(&mut self) -> Result<u32, CborError> {
        u32::try_from(self.uint()?).map_err(|_| CborError::Limit)
    }

    /// A signed integer.
    pub fn int(&mut self) -> Result<i64, CborError> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| CborError::Limit)?;
        match major {
            UINT => Ok(value),
            NINT => Ok(!value),
            _ => Err(CborError::Type),
        }
    }

    /// A byte string of at most `max` bytes.
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], CborError> {
        let len = self.len(BYTES, max)?;
        self.take(len)
    }

    /// A byte string of exactly `N` bytes.
    pub fn bytes_exact<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| CborError::Limit)
    }

    /// A text of at most `max` UTF-8 bytes.
    pub fn text(&mut self, max: usize) -> Result<&'a str, CborError> {
        let len = self.len(TEXT, max)?;
        core::str::from_utf8(self.take(len)?).map_err(|_| CborError::Utf8)
    }

    /// The head of an array of at most `max` items. A count of more items than bytes are left is
    /// refused at once, so a caller may reserve room for it.
    pub fn array(&mut self, max: usize) -> Result<usize, CborError> {
        let len = self.len(ARRAY, max)?;
        if len > self.rest.len() { Err(CborError::Cut) } else { Ok(len) }
    }

    /// The head of an array of exactly `len` items.
    pub fn array_exact(&mut self, len: usize) -> Result<(), CborError> {
        if self.array(len)? == len { Ok(()) } else { Err(CborError::Limit) }
    }

    /// The head of a map of at most `max` pairs. Read each key with [`Reader::key`].
    pub fn map(&mut self, max: usize) -> Result<usize, CborError> {
        let len = self.len(MAP, max)?;
        if len > self.rest.len() { Err(CborError::Cut) } else { Ok(len) }
    }

    /// The next key of a map, an integer. `last` holds the encoded key before it (empty at first);
    /// a key that is not greater, by encoded bytes, is refused.
    pub fn key(&mut self, last: &mut Vec<u8>) -> Result<i64, CborError> {
        let before = self.rest;
        let key = self.int()?;
        let used = before.len() - self.rest.len();
        let encoded = before.get(..used).ok_or(CborError::Cut)?;
        if !last.is_empty() && encoded <= last.as_slice() {
            return Err(CborError::Order);
        }
        last.clear();
        last.extend_from_slice(encoded);
        Ok(key)
    }

    /// A tag that must have this number.
    pub fn tag(&mut self, tag: u64) -> Result<(), CborError> {
        if self.expect(TAG)? == tag { Ok(()) } else { Err(CborError::Unknown) }
    }

    /// True or false.
    pub fn bool(&mut self) -> Result<bool, CborError> {
        match self.expect(SIMPLE)? {
            20 => Ok(false),
            21 => Ok(true),
            _ => Err(CborError::Type),
        }
    }

    /// Reads null if it is next.
    pub fn null(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xf6, tail)) => {
                self.rest = tail;
                true
            }
            _ => false,
        }
    }

    /// `None` for null, else by the given function.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<Option<T>, CborError> {
        if self.null() { Ok(None) } else { read(self).map(Some) }
    }

    /// Whether the next item is an array.
    pub fn is_array(&self) -> bool {
        self.rest.first().is_some_and(|first| first >> 5 == ARRAY)
    }

    /// Whether the next item is a byte string.
    pub fn is_bytes(&self) -> bool {
        self.rest.first().is_some_and(|first| first >> 5 == BYTES)
    }
}

/// Ids in ascending order, none twice: what several formats ask of their lists.
pub fn strictly_ascending<T: Ord>(ids: &[T]) -> bool {
    ids.windows(2).all(|pair| matches!(pair, [a, b] if a < b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_has_one_form() {
        for value in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let mut w = Writer::new();
            w.uint(value);
            let bytes = w.into_bytes();
            assert_eq!(Reader::new(&bytes).uint(), Ok(value));
        }
        for long in [&[0x18_u8, 0x17][..], &[0x19, 0, 0xff], &[0x1a, 0, 0, 0xff, 0xff]] {
            assert_eq!(Reader::new(long).uint(), Err(CborError::NotCanonical));
        }
        for value in [0, -1, -24, -25, -70_004, i64::MIN, i64::MAX] {
            let mut w = Writer::new();
            w.int(value);
            assert_eq!(Reader::new(&w.into_bytes()).int(), Ok(value));
        }
    }

    #[test]
    fn indefinite_lengths_floats_and_long_simples_are_refused() {
        for bad in [&[0x5f_u8][..], &[0x9f], &[0xf9, 0, 0], &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Reader::new(bad).bytes(9), Err(CborError::NotCanonical));
        }
        assert_eq!(Reader::new(&[0xf8, 0x20]).bool(), Err(CborError::NotCanonical));
    }

    #[test]
    fn a_length_is_refused_before_anything_is_taken() {
        let huge = [0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(&huge).bytes(1_000), Err(CborError::Limit));
        let many = [0x9a, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(&many).array(usize::MAX), Err(CborError::Cut));
    }

    #[test]
    fn map_keys_ascend_by_encoded_bytes() {
        let mut last = Vec::new();
        let mut r = Reader::new(&[0x01, 0x20, 0x01]); // 1, -1, 1
        assert_eq!(r.key(&mut last), Ok(1));
        assert_eq!(r.key(&mut last), Ok(-1));
        assert_eq!(r.key(&mut last), Err(CborError::Order));
    }
}
