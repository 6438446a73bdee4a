//! Every limit both sides keep, in one place. Comes in: nothing. Goes out: constants with a unit
//! and a line on what breaks above them. Must not know: anything else.
//!
//! A decoder looks here *before* it allocates, counts or recurses.

/// Bytes of one replication frame, with its type. Above it, a phone cannot hold one in memory
/// beside the chunk it is working on. Room for one whole chunk and its wrapping.
pub const FRAME_LEN_MAX: usize = 1_114_112;

/// Frames in one request body or answer. Above it, tiny frames would take many times their bytes
/// in memory. Room for a full body of small (512-byte) frames.
pub const FRAMES_MAX: usize = 16_384;

/// Bytes of one request body. Several frames travel in one request; above it a provider would
/// have to hold too much for one unfinished request.
pub const REQUEST_BODY_LEN_MAX: usize = 8 * 1_048_576;

/// Bytes of one request's head (request line and fields). Above it: 431.
pub const REQUEST_HEAD_LEN_MAX: usize = 65_536;

/// Entries in one request. Above it one commit would hold up the others for too long.
pub const BATCH_ENTRIES_MAX: usize = 16_384;

/// Bytes of one answer to a pull. The rest is fetched with the next cursor.
pub const RESPONSE_LEN_MAX: usize = 8 * 1_048_576;

/// Bytes of one sealed chunk, tag included. All but the last of a document are exactly this long.
pub const CHUNK_SEALED_LEN: usize = 1_048_576;

/// Plaintext bytes in one full chunk.
pub const CHUNK_PLAIN_LEN: usize = CHUNK_SEALED_LEN - SEAL_TAG_LEN;

/// The highest suite byte of this format; the lowest is 1.
pub const SUITE_MAX: u8 = 2;

/// Bytes an authenticated cipher of suites 1 and 2 adds.
pub const SEAL_TAG_LEN: usize = 16;

/// Padded plaintext bytes that stand in an entry; longer content goes into chunks.
pub const INLINE_PLAIN_LEN_MAX: usize = 65_536;

/// Bytes of a sealed part, tag included.
pub const SEALED_LEN_MAX: usize = INLINE_PLAIN_LEN_MAX + SEAL_TAG_LEN;

/// Bytes of a clear part. The largest is an epoch of 512 wraps (606,208 B) with its lists.
pub const CLEAR_LEN_MAX: usize = 700_000;

/// Bytes of an encoded entry header: 16 fields and 16 parents.
pub const HEADER_LEN_MAX: usize = 1_024;

/// Parents of one entry. A merge of more heads is done in two steps.
pub const PARENTS_MAX: usize = 16;

/// Capabilities in one chain. Above it, a verifier's work could be driven up by a stranger.
pub const CHAIN_LEN_MAX: usize = 8;

/// Bytes of one encoded capability, signature included.
pub const CAPABILITY_LEN_MAX: usize = 2_048;

/// Wraps in one epoch. More members are teams (buckets that open buckets).
pub const EPOCH_WRAPS_MAX: usize = 512;

/// Back keys in one epoch, and epochs it may follow.
pub const EPOCH_PREV_MAX: usize = 16;

/// Milliseconds after which an epoch's key has been in use for long enough: 90 days.
pub const EPOCH_AGE_MS: u64 = 90 * 24 * 3_600 * 1_000;

/// Entries after which an epoch's key has sealed enough. It may be more by one transaction.
pub const EPOCH_ENTRIES: u64 = 10_000;

/// Child slots in one epoch.
pub const EPOCH_CHILDREN_MAX: usize = 1_024;

/// Document keys that come with the grant of one document: one an epoch and generation it was
/// written under. Above it a grant takes more than 48 KiB; the oldest are left out.
pub const DOCUMENT_OPEN_MAX: usize = 1_024;

/// Chunk ids that stand directly in a clear part; more go into reference lists.
pub const REFERENCES_INLINE_MAX: usize = 16;

/// Reference lists one version may name.
pub const REFERENCE_LISTS_MAX: usize = 16;

/// Chunk ids in one reference list (1 MiB of ids).
pub const REFERENCE_LIST_IDS_MAX: usize = 32_768;

/// Chunks a manifest lists directly; above it, the list is sealed into chunks of its own.
pub const MANIFEST_DIRECT_CHUNKS_MAX: usize = 512;

/// UTF-8 bytes of one document name. What every common file system takes.
pub const NAME_LEN_MAX: usize = 255;

/// UTF-8 bytes of one whole path inside a bucket.
pub const PATH_LEN_MAX: usize = 4_096;

/// Directories above one another. Deeper trees are refused at `put`, not at `get`.
pub const PATH_DEPTH_MAX: usize = 256;

/// Bytes of a symbolic link's target.
pub const LINK_TARGET_LEN_MAX: usize = 4_096;

/// Nesting of CBOR items in anything we decode.
pub const CBOR_DEPTH_MAX: usize = 16;

/// Cutoffs in one revoke.
pub const CUTOFFS_MAX: usize = 1_024;

/// Targets in one revoke.
pub const REVOKE_TARGETS_MAX: usize = 256;

/// Bytes of a recovery record's plaintext; the record has one size always.
pub const RECOVERY_PLAIN_LEN: usize = 2_048;

/// Bytes of a recovery record, signature included.
pub const RECOVERY_RECORD_LEN: usize = 1 + 8 + 1_120 + RECOVERY_PLAIN_LEN + SEAL_TAG_LEN + 64;

/// Recovery records answered to one read: the newest and seven older ones.
pub const RECOVERY_RECORDS_MAX: usize = 8;

/// Seconds by which `created` of a signed request may differ from the provider's clock.
pub const CLOCK_SKEW_SECS: u64 = 300;

/// Seconds a session lives at most.
pub const SESSION_AGE_MAX_SECS: u64 = 3_600;

/// Sessions one key may have open at one provider process.
pub const SESSIONS_PER_KEY_MAX: usize = 16;

/// Counters a session remembers below the highest it has seen.
pub const SESSION_WINDOW: u64 = 1_024;

/// Milliseconds an entry's clock may be ahead of the provider's at admission.
pub const HLC_AHEAD_MAX_MS: u64 = 24 * 3_600 * 1_000;

/// Seconds a capability of a root key to its controller lives: twenty years.
pub const ROOT_CAPABILITY_AGE_SECS: u64 = 20 * 365 * 24 * 3_600;

/// Delegations a capability may still allow. One less than a chain is long.
pub const CAPABILITY_DEPTH_MAX: u8 = 7;

/// Bytes of an encoded chain: every capability and the heads around it.
pub const CHAIN_BYTES_MAX: usize = CHAIN_LEN_MAX * (CAPABILITY_LEN_MAX + 3) + 1;

/// Seconds since 1970 that a capability may name: the end of the year 9999. Above it, sums with a
/// tolerance could overflow and dates have no common text form.
pub const TIME_SECS_MAX: u64 = 253_402_300_799;

/// Seconds the fresh key lives to which the holder of a link with `uses` delegates.
pub const USE_KEY_AGE_MAX_SECS: u64 = 3_600;

/// Verified chains a provider remembers. Above it, the one not used for longest is forgotten and
/// verified again when it comes back.
pub const VERIFIED_CHAINS_MAX: usize = 4_096;

/// Nonces of signed requests a provider remembers. Above it, it refuses signed requests (not
/// those in sessions) until the oldest have run out, because forgetting one would allow a replay.
pub const NONCES_MAX: usize = 65_536;

/// Chunks in one LOST frame; a request may hold several.
pub const LOST_CHUNKS_MAX: usize = 16_384;

/// Keys of authors kept as points (about 250 B each), so that a check of a signature need not
/// decompress them. Above it all are forgotten, which costs time only.
pub const KNOWN_KEYS_MAX: usize = 1_024;

/// Keys of which multiples are kept (131 kB each), so that a check of a signature takes half the
/// time. Above it all are let go and made again, which costs time only.
pub const KEY_MULTIPLES_MAX: usize = 32;

/// Good signatures after which a key's multiples are made: that takes as long as five checks.
pub const KEY_MULTIPLES_AFTER: u32 = 32;

/// Bytes of one HTTP signature's parameters. Ours are below 300.
pub const SIGNATURE_INPUT_LEN_MAX: usize = 1_024;

/// Bytes of the body that opens a session; the largest holds an X-Wing public key.
pub const SESSION_OPEN_LEN_MAX: usize = 1_280;

/// Bytes of the answer to it; the largest holds an X-Wing ciphertext and a signature.
pub const SESSION_ANSWER_LEN_MAX: usize = 1_280;

/// Events in one key log. A person who adds or removes a device every week fills it in 80 years.
pub const KEY_LOG_EVENTS_MAX: usize = 4_096;

/// Bytes of one key-log event, signatures included. The largest wraps an agree seed to 64 devices.
pub const KEY_LOG_EVENT_LEN_MAX: usize = 98_304;

/// Root keys of one principal.
pub const ROOT_KEYS_MAX: usize = 8;

/// Devices of one principal at the same time.
pub const DEVICES_MAX: usize = 64;

/// Aliases of one principal at the same time.
pub const ALIASES_MAX: usize = 64;

/// ASCII bytes of one alias.
pub const ALIAS_LEN_MAX: usize = 512;

/// Cutoffs in one retirement of a device: chains it wrote, in any number of buckets.
pub const DEVICE_CUTOFFS_MAX: usize = 512;

/// Authors one checkpoint lists; with the members below it must fit a sealed part. More changed
/// authors are listed by the next checkpoints.
pub const CHECKPOINT_AUTHORS_MAX: usize = 512;

/// Members whose key-log heads one checkpoint names.
pub const CHECKPOINT_MEMBERS_MAX: usize = 256;

/// Headers on each side of a fork proof: how far the next signature may be from the fork.
pub const FORK_PROOF_HEADERS_MAX: usize = 1_024;

/// Bytes of one message of a pairing. The largest brings a chain of eight capabilities; above it a
/// mailbox that asks for no account would be somebody's store.
pub const PAIRING_MESSAGE_LEN_MAX: usize = 16_384;

/// Messages of one side of a pairing. It takes four.
pub const PAIRING_MESSAGES_MAX: usize = 6;

/// Seconds a pairing mailbox lives from its first message on: two people compare six words.
pub const PAIRING_AGE_SECS: u64 = 600;

/// Pairing mailboxes at one provider at once; full ones hold 100 MB each thousand.
pub const PAIRINGS_MAX: usize = 1_024;

/// Bytes of the name of a device.
pub const DEVICE_NAME_LEN_MAX: usize = 128;

/// Bytes of a sealed invitation: the granter's key log is most of it.
pub const INVITATION_LEN_MAX: usize = 1_048_576;

/// Bytes of a card: a name and a whole key log. Room for 300 to 700 events of a person with a few
/// devices. The worst one (1,210 events by eight signers each) takes two seconds to check.
pub const CARD_LEN_MAX: usize = 1_048_576;

/// Bytes of a card as text, with what mail programs put around and between its lines.
pub const CARD_TEXT_LEN_MAX: usize = 2 * CARD_LEN_MAX;

/// Bytes of what a QR code says of a principal. Above it, cameras do not read it from a screen.
pub const POINTER_LEN_MAX: usize = 1_024;

/// UTF-8 bytes of a name in a card, and of what a contact is called.
pub const PERSON_NAME_LEN_MAX: usize = 128;

/// Bytes of a DID document. Real ones have a few thousand.
pub const DID_DOCUMENT_LEN_MAX: usize = 65_536;

/// Services in a DID document.
pub const DID_SERVICES_MAX: usize = 64;

/// Ways by which a contact's key log came, as far as they count. More are not noted.
pub const CONTACT_WAYS_MAX: usize = 16;

/// Bytes of the name of one way: a host.
pub const CONTACT_WAY_LEN_MAX: usize = 300;

/// Bytes of one part of a contact's card in the vault's own bucket: it stands in an entry.
pub const CARD_PART_LEN: usize = 49_152;

/// Seconds a drop card is good for at most: 100 days, a little more than an epoch. Above it, who
/// was taken out could be sealed to for longer.
pub const DROP_CARD_AGE_MAX_SECS: u64 = 100 * 24 * 3_600;

/// Bytes of a genesis as it stands in a drop card. Real ones have about 500.
pub const DROP_CARD_GENESIS_LEN_MAX: usize = 2_048;

/// Bytes of a drop card: a genesis, a chain, an X-Wing key. Real ones have about 3,000.
pub const DROP_CARD_LEN_MAX: usize = CHAIN_BYTES_MAX + 4_096;

/// Bytes of a provider's statement as text. Ours have about 450.
pub const STATEMENT_LEN_MAX: usize = 1_024;

/// Bytes of a drop's address: a chain, where it is kept, a secret. Real ones have about 1,200.
pub const DROP_ADDRESS_LEN_MAX: usize = CHAIN_BYTES_MAX + 8 * 600 + 512;

/// Bytes of an inbox in a card: an address, a device's key and its signature. Real ones have about
/// 1,300.
pub const CARD_INBOX_LEN_MAX: usize = DROP_ADDRESS_LEN_MAX + 128;

/// Bytes of what a provider keeps for one link. A chain of eight takes about 3,000.
pub const LINK_RECORD_LEN_MAX: usize = 8_192;

/// Links of one bucket that a provider keeps. Above it, a member with `grant` could fill its store.
pub const LINKS_PER_BUCKET_MAX: usize = 256;

/// Openings a link may be good for: a provider keeps a row for each of the last hour. Above it, a
/// link without a count does as well.
pub const LINK_USES_MAX: u64 = 10_000;

/// Bytes of the fragment of a link, before base64url.
pub const LINK_LEN: usize = 82;

/// UTF-8 bytes of what a link is called among members.
pub const LINK_LABEL_LEN_MAX: usize = 255;

/// Bytes of a JWE as JSON, and of the document of an Encrypted Data Vault around it: 10 MiB, which
/// is what servers take.
pub const JWE_LEN_MAX: usize = 10 * 1_048_576;

/// Bytes of plaintext in one JWE: what fits as base64url into the above with a few recipients.
pub const JWE_PLAIN_LEN_MAX: usize = 7 * 1_048_576;

/// Recipients of one JWE; each takes about 512 bytes in every document and every chunk.
pub const JWE_RECIPIENTS_MAX: usize = 1_024;

/// Characters of a JWE's protected header, as base64url. Ours have at most about 500.
pub const JWE_PROTECTED_LEN_MAX: usize = 8_192;

/// Bytes of the id of a key that a JWE is sealed to. A did:key with its fragment has 106.
pub const JWE_KEY_ID_LEN_MAX: usize = 512;

/// Attributes of one document that an Encrypted Data Vault's index has. Above it, two long arrays
/// under one compound index would multiply.
pub const BLIND_ATTRIBUTES_MAX: usize = 4_096;

/// Attributes one index is over.
pub const BLIND_INDEX_PARTS_MAX: usize = 8;

/// UTF-8 bytes of the name of an attribute.
pub const BLIND_NAME_LEN_MAX: usize = 512;

/// Chunks of one stream of an Encrypted Data Vault whose digests one document lists: 5.7 MB of
/// text, for 128 GiB in chunks of 1 MiB.
pub const EDV_STREAM_CHUNKS_MAX: usize = 131_072;

/// Indexes of one Encrypted Data Vault.
pub const EDV_INDEXES_MAX: usize = 32;

/// Grants of one Encrypted Data Vault at the same time: every document is sealed to each.
pub const EDV_GRANTS_MAX: usize = 256;
