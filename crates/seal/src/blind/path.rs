//! Dotted paths into a document. Comes in: the name of an attribute and JSON. Goes out: the values
//! that stand there. Must not know: how they are blinded.

use serde_json::Value;

/// Where a path may begin.
const ROOTS: [&str; 2] = ["content", "meta"];

/// The members a name leads through; `None` if it is no attribute's name. `\.` is a dot.
pub(super) fn parse(name: &str) -> Option<Vec<String>> {
    let mut keys = vec![String::new()];
    let mut letters = name.chars();
    while let Some(c) = letters.next() {
        match c {
            '.' => keys.push(String::new()),
            '\\' => {
                let escaped = letters.next()?;
                if escaped != '.' && escaped != '\\' {
                    return None;
                }
                keys.last_mut()?.push(escaped);
            }
            c => keys.last_mut()?.push(c),
        }
    }
    let starts = keys.first().is_some_and(|first| ROOTS.contains(&first.as_str()));
    (starts && keys.len() > 1 && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}

/// The values of an attribute, `None` if the document does not have it. Members of an array are
/// values of their own; a path goes on in each of them.
pub(super) fn values(document: &Value, name: &str) -> Option<Vec<Value>> {
    match lookup(document, &parse(name)?)? {
        Value::Array(values) => Some(values),
        value => Some(vec![value]),
    }
}

fn lookup(value: &Value, keys: &[String]) -> Option<Value> {
    let Some((key, rest)) = keys.split_first() else { return Some(value.clone()) };
    match value.as_object()?.get(key)? {
        Value::Array(items) => {
            Some(Value::Array(items.iter().filter_map(|item| lookup(item, rest)).collect()))
        }
        value => lookup(value, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_begins_with_content_or_meta_and_escapes_dots() {
        assert_eq!(parse("content.a.b").unwrap(), ["content", "a", "b"]);
        assert_eq!(parse(r"meta.a\.b").unwrap(), ["meta", "a.b"]);
        for bad in ["", "content", "meta.", "content..a", "a.b", "content.a\\", r"content.\a"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn arrays_spread_and_paths_go_on_inside_them() {
        let people = json!([{"n": 1}, {"n": [2, 3]}, 4]);
        let document = json!({"content": {"tags": ["a", "b"], "people": people,
            "empty": [], "no": null}});
        let found = |name| values(&document, name);
        assert_eq!(found("content.tags"), Some(vec![json!("a"), json!("b")]));
        assert_eq!(found("content.people.n"), Some(vec![json!(1), json!([2, 3])]));
        assert_eq!(found("content.empty"), Some(vec![]));
        assert_eq!(found("content.no"), Some(vec![Value::Null]));
        assert_eq!(found("content.absent"), None);
        assert_eq!(found("content.tags.length"), Some(vec![]));
    }
}
