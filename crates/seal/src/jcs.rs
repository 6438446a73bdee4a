//! JSON with one spelling (RFC 8785, JCS). Comes in: JSON that was read. Goes out: the text whose
//! bytes are hashed and signed. Must not know: what it says.
//!
//! Members are sorted by their names as UTF-16, strings are escaped as little as JSON allows, and
//! numbers are written as ECMAScript writes them: all of them are doubles there, so that
//! 9007199254740993 and 9007199254740992 are one value.

use serde_json::{Map, Number, Value};

/// The canonical text. Values nest at most 128 deep, as their reader allows no more.
///
/// ```
/// let value = serde_json::json!({"b": 1.0, "a": "\u{20ac}\n", "c": 1e21});
/// assert_eq!(strongroom_seal::jcs::to_string(&value), r#"{"a":"€\n","b":1,"c":1e+21}"#);
/// ```
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut String, members: &Map<String, Value>) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                out.push_str("\\u00");
                out.extend([u32::from(c) >> 4, u32::from(c) & 15].map(hex_digit));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn hex_digit(nibble: u32) -> char {
    char::from_digit(nibble, 16).unwrap_or('0')
}

/// `Number::toString` of ECMAScript, radix 10.
fn number_text(number: &Number) -> String {
    // Numbers that were read are finite.
    let value = number.as_f64().unwrap_or_default();
    if value == 0.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let (digits, point) = shortest(value.abs());
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let exponent = point - 1;
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, rest) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{whole}.{rest}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    };
    format!("{sign}{body}")
}

/// The shortest digits that mean this double, the even ones of two that are as near, and `point`:
/// the value is 0.digits × 10^point. The standard library's own digits are not even then; those of
/// the JSON library are.
fn shortest(value: f64) -> (String, i32) {
    let text = Value::from(value).to_string();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, rest].concat();
    let digits = all.trim_start_matches('0');
    let lead = i32::try_from(all.len() - digits.len()).unwrap_or_default();
    let whole = i32::try_from(whole.len()).unwrap_or_default();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    (digits.trim_end_matches('0').to_owned(), whole - lead + exponent)
}

fn zeros(count: i32) -> String {
    "0".repeat(usize::try_from(count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        to_string(&serde_json::from_str(json).unwrap())
    }

    fn of_bits(bits: u64) -> String {
        to_string(&Value::from(f64::from_bits(bits)))
    }

    #[test]
    fn numbers_are_those_of_rfc_8785_appendix_b() {
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(of_bits(bits), text, "{bits:016x}");
        }
    }

    #[test]
    fn numbers_are_doubles_however_they_are_spelt() {
        let same = canonical("[1.0,1e0,10e-1,100,-0,0.10,9007199254740993,18446744073709551616]");
        assert_eq!(same, "[1,1,1,100,0,0.1,9007199254740992,18446744073709552000]");
    }

    #[test]
    fn members_are_sorted_as_utf_16() {
        // The example of RFC 8785, 3.2.3.
        let json = "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\
                    \"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\",\
                    \"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\",\
                    \"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}";
        let canonical = canonical(json);
        let order: Vec<_> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
            .map(|word| canonical.find(word).unwrap())
            .into();
        assert!(order.is_sorted(), "{canonical}");
    }

    #[test]
    fn strings_are_escaped_as_little_as_possible() {
        // RFC 8785, 3.2.2.
        let json = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","l":[null,true,false]}"#;
        assert_eq!(
            canonical(json),
            "{\"l\":[null,true,false],\
             \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }
}
