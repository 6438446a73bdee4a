//! What the library tells of people. Comes in: verified key logs and contacts. Goes out: plain data
//! that prints as JSON. Must not know: keys that open anything, terminals.

use serde::Serialize;

/// Who this vault's controller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdInfo {
    /// `prn:…`: what others pin and compare.
    pub principal: String,
    /// `kev:…`: the last event of the key log.
    pub head: String,
    /// Events of the key log.
    pub events: u64,
    /// Devices that sign now, `key:…`.
    pub devices: Vec<String>,
    /// The device this is.
    pub this_device: String,
    /// How often the key that grants go to was changed, the first time included.
    pub agree_number: u64,
    /// Names the log claims.
    pub aliases: Vec<String>,
}

/// A card to hand out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardInfo {
    /// Whose.
    pub principal: String,
    /// The last event in it.
    pub head: String,
    /// Events in it.
    pub events: u64,
    /// The name in it, if one was asked for.
    pub name: Option<String>,
    /// Whether it says where messages go.
    pub inbox: bool,
    /// The card as text.
    pub text: String,
}

/// What a QR code says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointerInfo {
    /// Whose.
    pub principal: String,
    /// The last event of their log.
    pub head: String,
    /// Where the card is, if that was said.
    pub at: Option<String>,
    /// The name in it, if one was asked for.
    pub name: Option<String>,
    /// The text of the code.
    pub text: String,
}

/// Where a contact's key log can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasInfo {
    /// The alias.
    pub uri: String,
    /// Whether the contact's log claims it, too: then each says that the other is right.
    pub claimed_back: bool,
}

/// Somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactInfo {
    /// What the person calls them.
    pub name: String,
    /// What they call themselves: a claim.
    pub claimed_name: Option<String>,
    /// `tofu`, `cross-checked` or `verified`.
    pub level: &'static str,
    /// `prn:…`.
    pub principal: String,
    /// `kev:…`: the last event seen.
    pub head: String,
    /// Events of the pinned log.
    pub events: u64,
    /// Whether their log has a key that grants can go to.
    pub can_receive: bool,
    /// Whether they closed their log: nothing follows, nothing should be granted.
    pub closed: bool,
    /// Where the log can be asked for again.
    pub aliases: Vec<AliasInfo>,
    /// What led to this log independently.
    pub ways: Vec<String>,
    /// When they were first added.
    pub added: u64,
    /// When they were compared last; 0: never.
    pub verified: u64,
    /// Last events of other histories that a device of the person took for theirs. While there
    /// are any, nothing is granted to them.
    pub histories: Vec<String>,
    /// Whether another contact has the same name: neither can be used by it.
    pub name_taken_twice: bool,
}

/// What two people read to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SafetyInfo {
    /// Who it is compared with.
    pub name: String,
    /// 12 groups of 5 digits.
    pub groups: Vec<String>,
    /// The level before.
    pub level: &'static str,
    /// The last event of the own log that was counted in.
    pub own_head: String,
    /// The last event of theirs.
    pub their_head: String,
}
