//! Requests that were heard and are sent again, and providers that are not who they say.

use std::time::Duration;

use strongroom_client::ErrorKind;
use strongroom_client::remote::ProviderUrl;
use strongroom_evil::{Act, Asked, EvilProvider, Rule, Seen};

use crate::world::{LAPTOP, PHONE, World, documented};

/// Everything that was answered well and carried a signature.
fn signed(world: &World, which: impl Fn(&Asked) -> bool) -> Vec<Asked> {
    let good = world.evil.tap().find(|seen: &Seen| {
        let fine = seen.answer.as_ref().is_some_and(|answer| answer.status < 300);
        fine && seen.asked.headers.contains_key("signature") && which(&seen.asked)
    });
    good.into_iter().map(|seen| seen.asked).collect()
}

#[track_caller]
fn all_refused(world: &World, heard: &[Asked], what: &str) {
    let before = world.evil.stored();
    assert!(!heard.is_empty(), "{what}: nothing was heard");
    for asked in heard {
        let answer = world.evil.replay(asked);
        assert_eq!(answer.status, 401, "{what}: {} {}", asked.method, asked.path);
    }
    assert!(world.evil.stored() == before, "{what}: something was written");
}

#[test]
fn a30_replayed_swapped_renamed() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let before = laptop.picture();
    let heard = signed(&world, |_| true);
    assert!(heard.len() > 15, "{}", heard.len());
    all_refused(&world, &heard, "replayed");

    // A request nobody has counted yet, with another body, method, path.
    let rule = world.play(Rule::new("held back", Act::Drop).on_exchange().at(PHONE));
    let _ = world.phone.try_put("/x", b"x", &strongroom_client::PutOptions::default());
    assert!(rule.fired() > 0);
    world.evil.honest();
    let held = world.evil.tap().find(|seen| seen.answer.is_none() && seen.asked.is_exchange());
    // The device tried more than once, each time with a new counter.
    assert!(held.len() > 1);
    let (held, good) = (held[0].asked.clone(), held[1].asked.clone());
    let swapped = |change: &dyn Fn(&mut Asked)| {
        let mut asked = held.clone();
        change(&mut asked);
        asked
    };
    let bad = [
        swapped(&|asked| {
            let mut body = asked.body.to_vec();
            body.truncate(body.len() / 2);
            asked.body = body.into();
        }),
        swapped(&|asked| asked.body = bytes::Bytes::new()),
        swapped(&|asked| asked.method = "PUT".to_owned()),
        swapped(&|asked| asked.path.push_str("?x=1")),
        swapped(&|asked| drop(asked.headers.insert("host", "evil.example".parse().unwrap()))),
        swapped(&|asked| drop(asked.headers.remove("signature"))),
    ];
    let stored = world.evil.stored();
    for asked in &bad {
        let answer = world.evil.replay(asked);
        assert!(matches!(answer.status, 400 | 401 | 405), "{} {}", answer.status, asked.path);
    }
    assert!(world.evil.stored() == stored);
    assert_eq!(world.evil.replay(&good).status, 200, "as it was, and once, it is good");
    all_refused(&world, &[good], "and only once");

    // A provider that does everything twice changes nothing.
    let rule = world.play(Rule::new("twice", Act::Repeat).at(LAPTOP));
    laptop.sync_well();
    assert!(rule.fired() > 0);
    world.evil.honest();
    assert!(laptop.picture().1 >= before.1);
    world.works_again(&laptop);
}

#[test]
fn a49_sessions_end_with_the_process_and_count() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let before = laptop.picture();
    let in_session = |asked: &Asked| asked.route() != "/session";
    all_refused(&world, &signed(&world, in_session), "in its own session");

    // With another session's name, so with another chain and key.
    let names: Vec<String> = signed(&world, in_session)
        .iter()
        .map(|asked| asked.headers["signature-input"].to_str().unwrap().to_owned())
        .collect();
    let id =
        |input: &str| input.split("keyid=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let first = id(&names[0]);
    let other = names.iter().map(|name| id(name)).find(|name| *name != first).unwrap();
    let mut renamed = signed(&world, |asked| {
        in_session(asked) && asked.headers["signature-input"].to_str().unwrap().contains(&first)
    });
    for asked in &mut renamed {
        let input = asked.headers["signature-input"].to_str().unwrap().replace(&first, &other);
        asked.headers.insert("signature-input", input.parse().unwrap());
    }
    all_refused(&world, &renamed, "under another session's name");

    // After a restart no session lives; the device opens another and goes on.
    world.evil.restart();
    all_refused(&world, &signed(&world, in_session), "after a restart");
    laptop.sync_well();
    world.closing(&laptop, &before);
}

#[test]
fn a50_replayed_after_a_restart() {
    let (world, laptop) = World::with_laptop();
    let before = laptop.picture();
    let all = |_: &Asked| true;
    let heard = signed(&world, all);
    let openings = heard.iter().filter(|asked| asked.route() == "/session").count();
    let sign_ups = heard.iter().filter(|asked| asked.route() == "/vaults").count();
    assert!(openings > 3 && sign_ups == 1, "{openings} {sign_ups}");
    // Times are whole seconds: what was signed in the second of the start counts as after it.
    std::thread::sleep(Duration::from_millis(1_100));
    world.evil.restart();
    all_refused(&world, &heard, "signed before the start");
    world.closing(&laptop, &before);
}

#[test]
fn a31_at_another_provider() {
    // It started before anything was signed: what is older than a provider is refused for that.
    let other = EvilProvider::start();
    let (world, laptop) = World::with_laptop();
    let before = laptop.picture();
    for asked in signed(&world, |_| true) {
        let answer = other.replay(&asked);
        assert_eq!(answer.status, 401, "{} {}", asked.method, asked.path);
    }
    world.closing(&laptop, &before);
}

#[test]
fn a45_man_in_the_middle() {
    let world = World::new();
    let laptop = world.recover(LAPTOP).unwrap();
    let before = laptop.picture();
    let other = std::sync::Arc::new(EvilProvider::start());

    // Another provider at the pinned address: it hears nothing more.
    let relay = other.clone();
    let describe = Act::invent(move |asked| relay.replay(asked));
    let rule = Rule::new("another's description", describe);
    let rule = world.play(rule.when(|asked| asked.route().ends_with("/strongroom")).at(LAPTOP));
    let laptop = laptop.reopened();
    let heard = world.evil.tap().len();
    laptop.sync_catches("another provider's key");
    assert!(rule.fired() > 0);
    assert!(world.evil.tap().len() - heard <= 2, "it was asked on");
    assert_eq!(laptop.picture(), before);
    world.evil.honest();

    // The right description in front of a relay that has not the key.
    let relay = other.clone();
    let open = Act::invent(move |asked| relay.replay(asked));
    let rule = Rule::new("relayed", open).when(|asked| asked.route() == "/session").at(LAPTOP);
    let rule = world.play(rule);
    let laptop = laptop.reopened();
    match laptop.sync() {
        Ok(report) => assert!(!report.unreachable.is_empty() || !report.refused.is_empty()),
        Err(error) => documented(&error, "relayed"),
    }
    assert!(rule.fired() > 0);
    assert_eq!(laptop.picture(), before);
    world.evil.honest();

    // Plain HTTP beyond this machine is no address of a provider.
    for url in ["http://vaults.example", "http://192.0.2.7:80", "ftp://vaults.example"] {
        assert!(url.parse::<ProviderUrl>().is_err(), "{url}");
    }
    let laptop = laptop.reopened();
    assert_eq!(laptop.vault.status(true).unwrap().remotes[0].reachable, Some(true));
    assert_eq!(laptop.cat("/nothing").unwrap_err().kind(), ErrorKind::NotFound);
    world.closing(&laptop, &before);
}
