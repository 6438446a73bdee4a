//! Moments as XML Schema and RFC 3339 write them. Comes in: a stranger's text, or seconds. Goes
//! out: milliseconds since 1970 beside the text, which is signed as it stands. Must not know:
//! what time it is.

use crate::limits::TIME_SECS_MAX;

/// Bytes of the longest text: nine digits of a fraction and an offset.
const TEXT_LEN_MAX: usize = 35;

/// A moment, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    millis: u64,
}

impl Moment {
    /// Whole seconds since 1970, as `2030-01-01T00:00:00Z`. The year 9999 is the last.
    ///
    /// ```
    /// use strongroom_wire::edv::time::Moment;
    /// assert_eq!(Moment::of_secs(1_861_920_000).text(), "2029-01-01T00:00:00Z");
    /// ```
    pub fn of_secs(secs: u64) -> Self {
        let secs = secs.min(TIME_SECS_MAX);
        let (days, second) = (secs / 86_400, secs % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        Self { text, millis: secs * 1_000 }
    }

    /// Reads date, `T`, time with seconds, fraction or none, and `Z` or an offset; 1970 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_LEN_MAX || !text.is_ascii() {
            return None;
        }
        let (date, rest) = text.split_once('T')?;
        let (time, rest) = rest.split_at_checked(8)?;
        let days = date_of(date)?;
        let [hour, minute, second] = three(time, ':', [2, 2, 2])?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
            None => ("0", rest),
        };
        let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        if fraction.is_empty() || fraction.len() > 9 {
            return None;
        }
        let secs = days * 86_400 + hour * 3_600 + minute * 60 + second;
        let secs = secs.checked_add_signed(-offset_of(zone)?)?;
        (secs <= TIME_SECS_MAX)
            .then(|| Self { text: text.to_owned(), millis: secs * 1_000 + millis })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Milliseconds since 1970.
    pub const fn millis(&self) -> u64 {
        self.millis
    }

    /// Whole seconds since 1970.
    pub const fn secs(&self) -> u64 {
        self.millis / 1_000
    }
}

/// Digits of fixed widths with something between them.
fn three(text: &str, between: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(between);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 of `yyyy-mm-dd`.
fn date_of(text: &str) -> Option<u64> {
    let [year, month, day] = three(text, '-', [4, 2, 2])?;
    if !(1..=12).contains(&month) || day == 0 || year < 1970 {
        return None;
    }
    // Months from March on, so that the leap day comes last.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = years * 365 + years / 4 - years / 100 + years / 400;
    let days = (before + (153 * months + 2) / 5 + day - 1).checked_sub(719_468)?;
    // A day that the month does not have would be one of the next.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Year, month and day of a day since 1970.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Seconds east of Greenwich.
fn offset_of(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let [hours, minutes, _] = three(&format!("{hours}:{minutes}:00"), ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60).then_some(())?;
    Some(sign * (hours * 3_600 + minutes * 60).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_of_javascript() {
        // Date.parse of each.
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2029-01-02T03:04:05Z", 1_862_017_445_000),
            ("2030-01-01T00:00:00.5Z", 1_893_456_000_500),
            ("2030-01-01T00:00:00.123456789Z", 1_893_456_000_123),
            ("2030-01-01T02:00:00+02:00", 1_893_456_000_000),
            ("2029-12-31T18:30:00-05:30", 1_893_456_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            assert_eq!(Moment::parse(text).map(|moment| moment.millis()), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "",
            "T",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01T00:00Z",
            "2030-1-1T00:00:00Z",
            "2030-01-01 00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:60:00Z",
            "2030-01-01T00:00:60Z",
            "2029-02-29T00:00:00Z",
            "2030-04-31T00:00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-00-01T00:00:00Z",
            "2030-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00z",
            "2030-01-01T00:00:00+0100",
            "2030-01-01T00:00:00+24:00",
            "2030-01-01T00:00:00Z ",
            "2030-01-01T00:00:00.1234567890Z",
            "+030-01-01T00:00:00Z",
            "2030-01-01T0é:00:00Z",
            "2030-01-01T00:00:00.12",
            "Tue, 01 Jan 2030 00:00:00 GMT",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secs in 0..=TIME_SECS_MAX) {
            let moment = Moment::of_secs(secs);
            prop_assert_eq!(moment.secs(), secs);
            prop_assert_eq!(Moment::parse(moment.text()), Some(moment));
        }
    }
}
