//! Queries over blinded attributes. Comes in: JSON of a stranger. Goes out: what is asked. Must not
//! know: what the tokens stand for, which documents there are.

use super::super::ids::LocalId;
use super::super::json::Json;
use super::super::limits::{ATTRIBUTE_LEN_MAX, QUERY_LIMIT_MAX, QUERY_TERMS_MAX, URL_LEN_MAX};
use super::{ModelError, Shape, local_id, text, wrong};

/// What is asked of a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The id of the key under which attributes were blinded.
    pub index: String,
    /// Which documents.
    pub filter: Filter,
    /// Only how many there are.
    pub count: bool,
    /// At most so many; none: all.
    pub limit: Option<usize>,
    /// Whole documents (or, where it says so, their ids alone).
    pub return_documents: bool,
    /// Only those after this one.
    pub cursor: Option<LocalId>,
}

/// Which documents a query is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Those that have all names and values of one of these.
    Equals(Vec<Vec<(String, String)>>),
    /// Those that have all these names.
    Has(Vec<String>),
}

impl Query {
    /// Reads a query.
    ///
    /// ```
    /// use strongroom_wire::edv::model::{Filter, Query};
    /// let query = Query::parse(br#"{"index": "h", "equals": {"n": "v"}}"#).unwrap();
    /// assert_eq!(query.filter, Filter::Equals(vec![vec![("n".into(), "v".into())]]));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        const MEMBERS: [&str; 7] =
            ["index", "equals", "has", "count", "limit", "returnDocuments", "cursor"];
        let json = Json::parse(bytes)?;
        let it = Shape::of(&json, "the query", &MEMBERS)?;
        let filter = match (it.maybe("equals"), it.maybe("has")) {
            (Some(equals), None) => Filter::equals(equals)?,
            (None, Some(has)) => Filter::has(has)?,
            _ => return Err(wrong("the query", "one of `equals` and `has`")),
        };
        let flag = |name, other| {
            let found = it.maybe(name).map(Json::truth);
            found.map_or(Ok(other), |it| it.ok_or(wrong("the query", "yes or no")))
        };
        Ok(Self {
            index: it.text("index", ("index", URL_LEN_MAX))?,
            filter,
            count: flag("count", false)?,
            limit: it.maybe("limit").map(limit).transpose()?,
            return_documents: flag("returnDocuments", true)?,
            cursor: it.maybe("cursor").map(|json| local_id(json, "cursor")).transpose()?,
        })
    }
}

fn limit(json: &Json<'_>) -> Result<usize, ModelError> {
    let limit = json.integer().and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (1..=QUERY_LIMIT_MAX).contains(limit));
    limit.ok_or(wrong("limit", "a whole number from 1 to 1000"))
}

impl Filter {
    fn equals(json: &Json<'_>) -> Result<Self, ModelError> {
        const AT: &str = "equals";
        let wants = wrong(AT, "one object or several, of one name and value at least");
        let objects = match json {
            Json::Object(_) => core::slice::from_ref(json),
            _ => json.items().filter(|all| !all.is_empty()).ok_or(wants)?,
        };
        let mut terms = 0;
        let mut filters = Vec::new();
        for object in objects {
            let members = object.members().filter(|all| !all.is_empty()).ok_or(wants)?;
            terms += members.len();
            if terms > QUERY_TERMS_MAX {
                return Err(wrong(AT, "not so many"));
            }
            let mut filter = Vec::with_capacity(members.len());
            for (name, value) in members {
                if name.is_empty() || name.len() > ATTRIBUTE_LEN_MAX {
                    return Err(wants);
                }
                let value = text(value, (AT, ATTRIBUTE_LEN_MAX))?;
                filter.push((name.clone().into_owned(), value.to_owned()));
            }
            filters.push(filter);
        }
        Ok(Self::Equals(filters))
    }

    fn has(json: &Json<'_>) -> Result<Self, ModelError> {
        let names = json.items().filter(|all| (1..=QUERY_TERMS_MAX).contains(&all.len()));
        let names = names.ok_or(wrong("has", "a list of one name at least, and not too many"))?;
        let name = |json| text(json, ("has", ATTRIBUTE_LEN_MAX)).map(str::to_owned);
        names.iter().map(name).collect::<Result<_, _>>().map(Self::Has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_its_defaults() {
        let read = Query::parse(br#"{"index":"h","has":["a","b"]}"#).unwrap();
        assert_eq!(read.filter, Filter::Has(vec!["a".into(), "b".into()]));
        assert_eq!((read.count, read.limit, read.return_documents), (false, None, true));
        let cursor = "z19pjAGaCdp2EkKzUcvdSf9wG";
        let all = format!(
            r#"{{"index":"h","equals":[{{"a":"b","c":"d"}},{{"e":"f"}}],"count":true,
                "limit":1000,"returnDocuments":false,"cursor":"{cursor}"}}"#
        );
        let read = Query::parse(all.as_bytes()).unwrap();
        assert_eq!((read.count, read.limit, read.return_documents), (true, Some(1_000), false));
        assert_eq!(read.cursor, LocalId::parse(cursor).ok());
        assert!(matches!(read.filter, Filter::Equals(objects) if objects.len() == 2));
    }

    #[test]
    fn what_asks_nothing_or_too_much_is_refused() {
        let many = format!(r#"{{"index":"h","has":[{}"x"]}}"#, r#""x","#.repeat(QUERY_TERMS_MAX));
        for bad in [
            "{}",
            "[]",
            r#"{"index":"h"}"#,
            r#"{"index":"h","equals":[]}"#,
            r#"{"index":"h","equals":{}}"#,
            r#"{"index":"h","equals":[{}]}"#,
            r#"{"index":"h","equals":[{"a":"b"},7]}"#,
            r#"{"index":"h","equals":[{"a":7}]}"#,
            r#"{"index":"h","equals":[{"":"b"}]}"#,
            r#"{"index":"h","equals":[{"a":"b","a":"c"}]}"#,
            r#"{"index":"h","has":[]}"#,
            r#"{"index":"h","has":"a"}"#,
            r#"{"index":"h","has":["a",""]}"#,
            r#"{"index":"h","has":["a"],"equals":[{"a":"b"}]}"#,
            r#"{"equals":[{"a":"b"}]}"#,
            r#"{"index":"","has":["a"]}"#,
            r#"{"index":"h","has":["a"],"limit":0}"#,
            r#"{"index":"h","has":["a"],"limit":1001}"#,
            r#"{"index":"h","has":["a"],"limit":1.5}"#,
            r#"{"index":"h","has":["a"],"limit":"1"}"#,
            r#"{"index":"h","has":["a"],"count":"true"}"#,
            r#"{"index":"h","has":["a"],"cursor":"a"}"#,
            r#"{"index":"h","has":["a"],"sort":"a"}"#,
            &many,
        ] {
            assert!(Query::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
