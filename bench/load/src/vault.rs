//! A vault with one bucket and many authors in it. Comes in: a provider. Goes out: the bucket,
//! opened there, and its authors, each with what it needs to write. Must not know: documents.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Remote, Runtime};
use strongroom_core::founding::{Enrolment, Founded, Founder, enrol, found};
use strongroom_core::writer::{ChainPosition, Under};
use strongroom_seal::identity::{DeviceSigningKey, SessionSigningKey, VaultSigningKey};
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::keys::{ContentKey, DeviceSecret};
use strongroom_seal::rng::Rng as _;
use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::frame;
use strongroom_wire::ids::{BucketId, EntryId, PrincipalId, VaultTag};

use crate::Failure;

/// One author: a device of its own, enrolled.
pub struct Author {
    pub secret: DeviceSecret,
    pub capability: Capability,
    pub chain: CapabilityChain,
    pub position: ChainPosition,
}

/// The bucket, open at the provider.
pub struct Bucket {
    pub id: BucketId,
    pub epoch: EntryId,
    pub content: ContentKey,
    pub authors: Vec<Author>,
}

/// Milliseconds since 1970.
pub fn now() -> Result<u64, Failure> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?)
}

/// Signs up, founds a bucket, enrols so many authors and opens it all at the provider.
pub fn make(runtime: &Runtime, remote: &Remote, writers: usize) -> Result<Bucket, Failure> {
    let (founded, authors, entries) = found_with(writers)?;
    let bucket = founded.bucket;
    let mut frames = Vec::new();
    frame::write_entries(&mut frames, entries.iter().map(Vec::as_slice));
    runtime.block_on(async {
        let nobody = Arc::new(SessionSigningKey::generate(&mut SystemRng));
        let session = remote.session(nobody, &CapabilityChain::none());
        let key = VaultSigningKey::generate(&mut SystemRng);
        let mut vault = VaultTag::ZERO;
        SystemRng.fill(&mut vault.0);
        session.sign_up(vault, &key, None).await?;
        let chain = host_chain(vault, &key, now()? / 1_000 + 86_400)?;
        remote.session(Arc::new(key), &chain).open_bucket(bucket, frames).await?;
        Ok::<(), Failure>(())
    })?;
    let content = founded.epoch_key.content(bucket);
    Ok(Bucket { id: bucket, epoch: founded.epoch, content, authors })
}

type Made = (Founded, Vec<Author>, Vec<Vec<u8>>);

fn found_with(writers: usize) -> Result<Made, Failure> {
    let rng = &mut SystemRng;
    let mut principal = PrincipalId::ZERO;
    rng.fill(&mut principal.0);
    let agree = AgreeSeed::generate(rng).pair().public();
    let device = DeviceSigningKey::generate(rng);
    let now = now()?;
    let mut secrets: Vec<DeviceSecret> =
        (0..writers).map(|_| DeviceSecret::generate(rng)).collect();
    let first = secrets.remove(0);
    let founder = Founder { principal, agree: &agree, device: &device, secret: &first, now };
    let founded = found(&founder, rng)?;
    let content = founded.epoch_key.content(founded.bucket);
    let under = Under { bucket: founded.bucket, epoch: founded.epoch, content: &content };
    let tag = founded.name_key.member_tag(principal);

    let mut entries = founded.entries.clone();
    let mut authors = vec![Author {
        secret: DeviceSecret::from_secret_bytes(&first.to_secret_bytes()),
        capability: founded.author_capability.clone(),
        chain: founded.member_chain.extended(founded.author_capability.clone())?,
        position: founded.position,
    }];
    for secret in secrets {
        let head = entries.last().map(|entry| entry.id()).ok_or("nothing was founded")?;
        let enrolment = Enrolment {
            founder: &Founder { principal, agree: &agree, device: &device, secret: &secret, now },
            instance: 0,
            member: &founded.member,
            chain: &founded.member_chain,
            tag,
            heads: &[head],
            clock: authors.last().map(|author| author.position.clock).unwrap_or_default(),
        };
        let enrolled = enrol(&enrolment, &under, rng)?;
        entries.push(enrolled.entry);
        authors.push(Author {
            secret,
            chain: founded.member_chain.extended(enrolled.capability.clone())?,
            capability: enrolled.capability,
            position: enrolled.position,
        });
    }
    let encoded = entries.iter().map(|entry| entry.encode()).collect();
    Ok((founded, authors, encoded))
}

fn host_chain(
    vault: VaultTag,
    key: &VaultSigningKey,
    expires: u64,
) -> Result<CapabilityChain, Failure> {
    let mut unique = [0; 16];
    SystemRng.fill(&mut unique);
    let claims = Claims::new(Target::Vault(vault), Actions::of(&[Action::Host]), expires, unique)
        .for_holder(key.public(), None);
    let capability = Capability::issue(&claims, |input| key.sign(input))?;
    Ok(CapabilityChain::new(vec![capability])?)
}
