//! Headers of the form `Scheme name="value",name="value"`. Comes in: a stranger's header. Goes
//! out: its parameters, each at most once. Must not know: what any of them means.

/// Parameters of one header.
const PARAMS_MAX: usize = 16;

/// Reads such a header; the scheme's case does not count. Values have no quotes or escapes in
/// them; a value of digits may stand without quotes.
pub(super) fn parse<'a>(header: &'a str, scheme: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let (own, mut rest) = header.trim().split_once(' ')?;
    if !own.eq_ignore_ascii_case(scheme) {
        return None;
    }
    let mut params: Vec<(&str, &str)> = Vec::new();
    loop {
        let (name, after) = rest.trim_start().split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(after) => after.split_once('"')?,
            None => digits(after)?,
        };
        let known = params.iter().any(|(other, _)| *other == name);
        if known || name.is_empty() || params.len() >= PARAMS_MAX {
            return None;
        }
        params.push((name, value));
        if after.is_empty() {
            return Some(params);
        }
        rest = after.trim_start().strip_prefix(',')?;
    }
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 { None } else { text.split_at_checked(len) }
}

/// The value of a parameter.
pub(super) fn of<'a>(params: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    params.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_is_read() {
        let params = parse("zcap id=\"urn:a\", action=\"read\",created=12", "Zcap").unwrap();
        assert_eq!(params, [("id", "urn:a"), ("action", "read"), ("created", "12")]);
        assert_eq!((of(&params, "action"), of(&params, "x")), (Some("read"), None));
        let many = format!("z {}", ["a=\"\""; 17].join(","));
        for bad in [
            "",
            "zcap",
            "zcap ",
            "zcapid=\"a\"",
            "zcap id",
            "zcap id=",
            "zcap id=a",
            "zcap id=\"a",
            "zcap id=\"a\",",
            "zcap id=\"a\";x=\"b\"",
            "zcap id=\"a\",id=\"a\"",
            "zcap =\"a\"",
            "zcap id=\"a\"x=\"b\"",
            "other id=\"a\"",
            &many,
        ] {
            assert_eq!(parse(bad, "zcap"), None, "{bad}");
        }
    }
}
