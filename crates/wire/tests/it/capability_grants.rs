//! What a verified chain allows, and to whom: rows A31 and A46 as far as no entry is needed.

use strongroom_wire::capability::{Action, Capability, Target};
use strongroom_wire::ids::DocumentTag;

use crate::capability_rules::{counted, for_anyone, invited};
use crate::chains::{
    BUCKET, DOCUMENT, NOW, OTHER_BUCKET, OTHER_DOCUMENT, Story, VAULT, VERSION, public, tag,
};

#[test]
fn a31_a_grant_is_for_its_holder() {
    let grant = Story::new().verify().unwrap();
    assert_eq!(grant.holder(), Some(public(4)));
    assert!(grant.may_be_used_by(&public(4)));
    // Neither those above it nor a stranger.
    for who in [0, 1, 2, 3, 9] {
        assert!(!grant.may_be_used_by(&public(who)), "{who}");
    }
    let mut story = Story::new();
    for_anyone(&mut story);
    assert!(story.verify().unwrap().may_be_used_by(&public(9)));
}

#[test]
fn a_grant_tells_what_the_chain_allows() {
    let story = Story::new();
    let grant = story.verify().unwrap();
    let issued = story.issue();
    assert_eq!(grant.rank(), 3, "Alice, Bob and Carroll; her device has her tag");
    assert_eq!((grant.not_before(), grant.expires()), (NOW - 1_000, NOW + 1_000));
    assert!(grant.holds_at(NOW - 1_000) && grant.holds_at(NOW + 999));
    assert!(!grant.holds_at(NOW - 1_001) && !grant.holds_at(NOW + 1_000));
    assert!(grant.ids().eq(issued.iter().map(Capability::id)));
    assert_eq!(grant.capability(), issued[3].id());
    assert_eq!(grant.elements()[1].issuer, public(1));
    assert_eq!(grant.member(), Some(tag(3)));
    let bucket = Target::Bucket(BUCKET);
    assert!(grant.allows(Action::Write, &bucket));
    assert!(grant.allows(Action::Pull, &Target::Document(BUCKET, DOCUMENT)));
    assert!(!grant.allows(Action::Grant, &bucket));
    assert!(!grant.allows(Action::Pull, &Target::Bucket(OTHER_BUCKET)));
    assert!(!grant.allows(Action::Pull, &Target::Vault(VAULT)));
}

#[test]
fn who_may_pull_a_document_may_pull_the_control_log_and_nothing_else() {
    let mut story = Story::new();
    story.retarget(2, Target::Document(BUCKET, DOCUMENT));
    let grant = story.verify().unwrap();
    let log = Target::Document(BUCKET, DocumentTag::ZERO);
    assert!(grant.allows(Action::Pull, &log));
    assert!(!grant.allows(Action::Write, &log));
    assert!(!grant.allows(Action::Pull, &Target::Document(OTHER_BUCKET, DocumentTag::ZERO)));
    assert!(!grant.allows(Action::Pull, &Target::Document(BUCKET, OTHER_DOCUMENT)));
    assert!(!grant.allows(Action::Pull, &Target::Bucket(BUCKET)));
    assert!(grant.allows(Action::Pull, &Target::Version(BUCKET, DOCUMENT, VERSION)));
}

#[test]
fn an_invite_key_is_good_for_an_acceptance_and_nothing_else() {
    let mut story = Story::new();
    invited(&mut story);
    let accepted = story.verify().unwrap();
    assert!(!accepted.is_invitation());
    assert!(accepted.allows(Action::Write, &Target::Bucket(BUCKET)));
    story.steps.truncate(2);
    let invitation = story.verify().unwrap();
    assert!(invitation.is_invitation());
    for action in Action::ALL {
        assert!(!invitation.allows(action, &Target::Bucket(BUCKET)), "{action:?}");
    }
}

#[test]
fn a_counted_link_opens_with_a_use_key_only() {
    let mut story = Story::new();
    counted(&mut story);
    let opened = story.verify().unwrap();
    let used = opened.use_key().unwrap();
    assert_eq!((used.counted, used.uses, used.key), (story.issue()[1].id(), 2, public(3)));
    assert!(opened.allows(Action::Pull, &Target::Bucket(BUCKET)));
    story.steps.truncate(2);
    let link = story.verify().unwrap();
    assert!(link.needs_use_key() && link.use_key().is_none());
    assert!(!link.allows(Action::Pull, &Target::Bucket(BUCKET)));
}
