//! L2 · Links. Takes a member who may let in, and what a link is for; gives the member entry that
//! lets the link in, and its text; and for whoever opens one, its parts and the chain of one use.
//! Must not know: clocks, disks, who will open it.
//!
//! A link is a member like any: its principal, agree key, member key and tag key follow from what
//! stands in its text (docs/spec/link.md). So epochs are made for it, and it is taken out, as
//! anybody is.

use base64ct::{Base64UrlUnpadded, Encoding};
use strongroom_seal::identity::MemberSigningKey;
use strongroom_seal::link::{Link, LinkError, LinkKey, link_principal};
use strongroom_seal::rng::Rng;
use strongroom_seal::wrap::{Place, wrap};
use strongroom_wire::capability::{
    Actions, Capability, CapabilityChain, CapabilityError, Claims, Target,
};
use strongroom_wire::clear::{Clear, Member};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::Thumbprint;
use strongroom_wire::limits::{ALIAS_LEN_MAX, CLOCK_SKEW_SECS, LINK_LEN, USE_KEY_AGE_MAX_SECS};
use zeroize::Zeroizing;

use crate::granting::{GrantError, Granter, Rights, control, unique};
use crate::parts::{LinkFacts, MemberBody};
use crate::writer::Planned;

/// What stands between the provider's address and the link's own bytes.
const PAGE: &str = "/open#";

/// Why a text is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkTextError {
    /// It has no `/open#`.
    #[error("it is no link: one looks like https://HOST/open#…")]
    None,
    /// What stands behind the `#` is not the whole of it.
    #[error("it is not whole: what stands behind the `#` was cut or changed")]
    Text,
    /// Its bytes are none.
    #[error(transparent)]
    Bytes(#[from] LinkError),
}

/// A link as text. It wipes itself: who has it can open what it leads to.
///
/// ```
/// use strongroom_core::link::{from_text, to_text};
/// let (origin, link) = from_text(&format!("https://rooms.example/open#{}", "AQ".repeat(55)))?;
/// assert_eq!(origin, "https://rooms.example");
/// assert_eq!(to_text(&origin, &link).len(), 137);
/// # Ok::<(), strongroom_core::link::LinkTextError>(())
/// ```
pub fn to_text(origin: &str, link: &Link) -> Zeroizing<String> {
    let bytes = link.encode();
    let fragment = Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes));
    Zeroizing::new([origin, PAGE, &fragment].concat())
}

/// The provider's address, and the link. White space around it is passed over.
pub fn from_text(text: &str) -> Result<(String, Link), LinkTextError> {
    let text = text.trim();
    let (origin, fragment) = text.split_once(PAGE).ok_or(LinkTextError::None)?;
    if origin.is_empty() || origin.len() > ALIAS_LEN_MAX || !origin.contains("://") {
        return Err(LinkTextError::None);
    }
    let mut bytes = Zeroizing::new([0; LINK_LEN]);
    let read = Base64UrlUnpadded::decode(fragment, bytes.as_mut_slice());
    let read = read.map_err(|_| LinkTextError::Text)?;
    Ok((origin.to_owned(), Link::decode(read)?))
}

/// What a link is for.
#[derive(Debug)]
pub struct ForLink<'a> {
    /// What it stands for.
    pub key: &'a LinkKey,
    /// What members call it; at most 255 bytes.
    pub label: &'a str,
    /// Until then, seconds since 1970; no longer than the granter's own.
    pub until: u64,
    /// From then, seconds since 1970.
    pub from: u64,
    /// How often it may be opened, and at which provider; none: any number of times.
    pub uses: Option<(u64, Thumbprint)>,
}

/// Lets a link in, to read. Gives the member entry to be, and the chain from the root key to the
/// link's member key.
pub fn let_in(
    granter: &Granter<'_>,
    link: &ForLink<'_>,
    rng: &mut impl Rng,
) -> Result<(Planned, CapabilityChain), GrantError> {
    let agree = link.key.agree().pair().public();
    let principal = link_principal(&agree);
    let parent = granter.chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let holder = link.key.member().public();
    let expires = link.until.min(above.expires);
    let claims = Claims::new(above.target, Actions::PULL, expires, unique(rng))
        .for_holder(holder, Some(granter.names.member_tag(principal)))
        .with_depth(0);
    let capability =
        issue(parent, &Claims { not_before: Some(link.from), ..counted(claims, link) }, |it| {
            granter.member.sign(it)
        })?;
    let (epoch, n) = granter.epoch;
    let place = Place { suite: granter.suite, bucket: granter.bucket, n };
    let tag_key = link.key.tag_key();
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: Some(Box::new(wrap(place, epoch, &agree, &tag_key, rng)?)),
        commitment: Some(epoch.commitment().0),
        open: Vec::new(),
    });
    let body = MemberBody {
        principal,
        proof: None,
        tag_key: Some(tag_key),
        rights: Rights::Read.word().to_owned(),
        from_now: false,
        card: None,
        link: Some(LinkFacts { agree: agree.to_bytes(), label: link.label.to_owned() }),
    };
    let planned = control(Kind::Member, granter.heads, &clear, body.encode().to_vec());
    Ok((planned, granter.chain.extended(capability)?))
}

/// The same claims of a counted link: it delegates once, to the key of one use.
pub(crate) fn counted(mut claims: Claims, link: &ForLink<'_>) -> Claims {
    if let Some((uses, provider)) = link.uses {
        claims = claims.with_depth(1);
        claims.caveats.uses = Some(uses);
        claims.audience = Some(provider);
    }
    claims
}

fn issue(
    parent: &Capability,
    claims: &Claims,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<Capability, GrantError> {
    let claims = parent.attenuate(claims)?;
    Ok(Capability::issue(&claims, sign)?)
}

/// One use of a counted link: a fresh key, good for most of an hour, and the chain down to it. The
/// provider counts it once, however often it is used.
pub fn one_use(
    member: &MemberSigningKey,
    chain: &CapabilityChain,
    now: u64,
    rng: &mut impl Rng,
) -> Result<(MemberSigningKey, CapabilityChain), GrantError> {
    let key = MemberSigningKey::generate(rng);
    let parent = chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let from = now.saturating_sub(CLOCK_SKEW_SECS).max(above.not_before.unwrap_or(0));
    let expires = (from + USE_KEY_AGE_MAX_SECS).min(above.expires);
    let mut claims = Claims::new(above.target, above.actions, expires, unique(rng))
        .for_holder(key.public(), above.member);
    claims.not_before = Some(from);
    claims.audience = above.audience;
    claims.caveats = above.caveats;
    let capability = issue(parent, &claims, |it| member.sign(it))?;
    Ok((key, chain.extended(capability)?))
}

/// The document a link leads to; none: all of its bucket.
pub fn document_of(chain: &CapabilityChain) -> Option<strongroom_wire::ids::DocumentTag> {
    chain.last().map(|last| last.claims().target).as_ref().and_then(Target::document)
}

#[cfg(test)]
mod tests {
    use strongroom_seal::link::LinkSecret;
    use strongroom_wire::ids::BucketId;

    use super::*;

    fn link() -> Link {
        Link {
            password: true,
            drop: false,
            provider: [7; 16],
            bucket: BucketId([8; 32]),
            secret: LinkSecret::from_secret_bytes(&[9; 32]),
        }
    }

    #[test]
    fn a_link_is_read_as_it_was_written() {
        for origin in ["https://rooms.example", "http://127.0.0.1:7000", "https://[2001:db8::1]"] {
            let text = to_text(origin, &link());
            assert_eq!(text.len(), origin.len() + PAGE.len() + 110);
            let (read, back) = from_text(&format!("  {}\n", *text)).unwrap();
            assert_eq!((read.as_str(), back.encode()), (origin, link().encode()));
        }
    }

    #[test]
    fn what_mail_programs_make_of_a_link_is_refused_in_words() {
        let text = to_text("https://rooms.example", &link());
        let cut = &text[..text.len() - 1];
        let end = text.chars().last().unwrap();
        for (bad, error) in [
            ("", LinkTextError::None),
            ("https://rooms.example/open", LinkTextError::None),
            ("rooms.example/open#AQ", LinkTextError::None),
            ("/open#AQ", LinkTextError::None),
            (cut, LinkTextError::Text),
            (&format!("{}.", *text), LinkTextError::Text),
            (&format!("{}=", *text), LinkTextError::Text),
            (&text.replace("/open#AQ", "/open#A Q"), LinkTextError::Text),
            (&text.replace("/open#AQ", "/open#"), LinkTextError::Bytes(LinkError::Length)),
            (&text.replace("/open#AQ", "/open#Ag"), LinkTextError::Bytes(LinkError::Form)),
        ] {
            assert_eq!(from_text(bad).map(|_| ()), Err(error), "{bad}");
        }
        // The last character has bits to spare, of which only zeros are a spelling.
        assert_ne!(end, '_');
        let spared = format!("{cut}_");
        assert_eq!(from_text(&spared).map(|_| ()), Err(LinkTextError::Text));
    }
}
