//! `edv query`. Comes in: names and values. Goes out: documents of an EDV vault that have them.
//! Must not know: keys, requests.

use serde_json::{Map, Value, json};
use strongroom_client::edv::Wanted;

use crate::{
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::count,
};

/// Find documents of an EDV vault by their values
#[derive(Debug, clap::Args)]
#[command(after_help = "A value is JSON if it can be read as that (7, true, \"7\"), else a text.")]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// With this value: content.name=value; several must all be there
    #[arg(long, value_name = "NAME=VALUE", required_unless_present = "has")]
    equals: Vec<String>,
    /// Or: with this attribute, whatever its value
    #[arg(long, value_name = "NAME", conflicts_with = "equals")]
    has: Vec<String>,
    /// Say how many the server counts, and fetch none
    #[arg(long)]
    count: bool,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let mut equals = Map::new();
    for pair in &args.equals {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{pair}` is no value of an attribute"))
                .hint("write it as content.name=value")
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        equals.insert(name.to_owned(), value);
    }
    let equals = if equals.is_empty() { Vec::new() } else { vec![equals] };
    let wanted = Wanted { equals, has: args.has.clone(), limit: args.limit };
    let vault = session.open()?;
    let edv = vault.edv(&args.vault)?;
    if args.count {
        let number = edv.count(&wanted)?;
        return session
            .out
            .facts(&json!({"count": number}), |to| writeln!(to, "{}", count(number)));
    }
    let found = {
        let progress = session.progress();
        edv.query(&wanted, session.strict, &progress)?
    };
    session.out.facts(&found, |to| {
        for document in &found.documents {
            let line = json!({"id": document.id, "content": document.content,
                "meta": document.meta});
            writeln!(to, "{}", session.out.name(&line.to_string()))?;
        }
        Ok(())
    })?;
    for document in &found.documents {
        super::warn_of(session, &document.id, document.trust);
    }
    if found.more && args.limit.is_none() {
        session.out.remark("the server says that there are more, and not how to get them");
    }
    if found.wrong > 0 {
        let wrong = count(found.wrong);
        session.out.remark(&format!("{wrong} answers did not have what was asked for: left out"));
    }
    for line in &found.damaged {
        session.out.remark(line);
    }
    if found.damaged.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}
