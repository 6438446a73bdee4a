//! Limits of the vaults of the EDV protocol. Comes in: nothing. Goes out: constants with a unit
//! and a line on what breaks above them. Must not know: anything else.
//!
//! A decoder looks here *before* it allocates, counts or recurses.

/// Seconds by which the clocks of a client and a provider may differ.
pub const SKEW_SECS: u64 = 300;

/// Seconds a client's signature lasts by its own word.
pub const SIGNATURE_AGE_SECS: u64 = 600;

/// Seconds a client's signature may last. A provider has to remember signatures of writes so long.
pub const SIGNATURE_AGE_MAX_SECS: u64 = 3_600;

/// Bytes of an `authorization` header. Real ones have about 450.
pub const AUTHORIZATION_LEN_MAX: usize = 4_096;

/// Names that one signature covers.
pub const COVERED_MAX: usize = 32;

/// Bytes of one other header that is covered by a signature.
pub const HEADER_LEN_MAX: usize = 8_192;

/// Bytes of a `capability-invocation` header. A chain of ten needs about 8,000, as it is packed.
pub const INVOCATION_LEN_MAX: usize = 32_768;

/// Bytes of a zcap as JSON. One with nine parents in it has about 20,000 (each holds all above
/// it once). Above it, a header of 32 KB would unpack to megabytes.
pub const ZCAP_LEN_MAX: usize = 65_536;

/// Capabilities in one chain, root included. The reference has the same.
pub const CHAIN_LEN_MAX: usize = 10;

/// Seconds a delegation may last: a year. Above it, a revocation would have to be kept for ever.
pub const DELEGATION_AGE_MAX_SECS: u64 = 365 * 24 * 3_600;

/// Seconds a revocation is kept after the delegation has expired: more than clocks differ.
pub const REVOCATION_KEPT_SECS: u64 = 24 * 3_600;

/// Bytes of a URL or other name.
pub const URL_LEN_MAX: usize = 4_096;

/// Bytes of one action's name.
pub const ACTION_LEN_MAX: usize = 64;

/// Actions that one zcap lists.
pub const ACTIONS_MAX: usize = 16;

/// UTF-8 bytes of a zcap's `referenceId`.
pub const REFERENCE_LEN_MAX: usize = 256;

/// Quads that are brought into canonical form. A chain of ten has 193.
pub const QUADS_MAX: usize = 1_024;

/// Work of one labelling: looked-at quads and members of tried orders. A chain of ten takes 243.
pub const CANON_WORK_MAX: usize = 4_096;

/// How deep one labelling goes from node to node. Above it, the stack would overflow.
pub const CANON_DEPTH_MAX: usize = 96;

/// Controllers of one zcap.
pub const CONTROLLERS_MAX: usize = 16;

/// Objects and arrays within each other in JSON that is read here. A chain of ten needs 27.
pub const JSON_DEPTH_MAX: usize = 48;

/// Values in JSON that is read here (members, items, texts, numbers). Above it, small values would
/// take many times their bytes in memory.
pub const JSON_VALUES_MAX: usize = 262_144;

/// The greatest sequence: 2^53 - 2. Above it, a client cannot count on.
pub const SEQUENCE_MAX: u64 = (1 << 53) - 2;

/// Bytes of a document as JSON. Above it a provider would hold too much for one request.
pub const DOCUMENT_LEN_MAX: usize = 10 << 20;

/// Bytes of a chunk as JSON. A client's chunk of 1 MiB of plaintext takes 1,398,797.
pub const CHUNK_LEN_MAX: usize = 10 << 20;

/// Bytes of a configuration as JSON: three long names, and a list of networks.
pub const CONFIG_LEN_MAX: usize = 65_536;

/// Bytes of an index entry that comes alone.
pub const INDEX_ENTRY_LEN_MAX: usize = 2 << 20;

/// Bytes of a query.
pub const QUERY_LEN_MAX: usize = 262_144;

/// Networks in a list of those from which a vault takes requests.
pub const IP_ALLOW_LIST_MAX: usize = 256;

/// Bytes of a blinded name or value. Clients send 43.
pub const ATTRIBUTE_LEN_MAX: usize = 1_024;

/// Attributes of one document, over all keys. Each takes two rows of a provider's; above it one
/// commit would hold up the others for too long.
pub const ATTRIBUTES_MAX: usize = 8_192;

/// Keys one document is indexed under.
pub const INDEXED_MAX: usize = 64;

/// Names, or pairs of name and value, in one query. Each is looked up for each candidate.
pub const QUERY_TERMS_MAX: usize = 1_024;

/// Documents that a query may limit its answer to, and vaults or changes in one answer.
pub const QUERY_LIMIT_MAX: usize = 1_000;
