//! What a capability allows. Comes in: action names, as text or one by one. Goes out: a set. Must
//! not know: to what, for whom or how long.

use core::fmt;
use core::str::FromStr;

/// One thing a provider can be asked to do. The numbers are places in the text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Action {
    /// Fetch entries and chunks.
    Pull = 0,
    /// Put messages in, as into a drop.
    Append = 1,
    /// Store what others wrote, without authorship (relay, mirror).
    Put = 2,
    /// Write versions.
    Write = 3,
    /// Remove documents.
    Tombstone = 4,
    /// Have sealed parts and chunks dropped.
    Purge = 5,
    /// Add members.
    Grant = 6,
    /// Make epochs.
    Rotate = 7,
    /// Take part in a recovery.
    Recover = 8,
    /// Revoke, deactivate.
    Admin = 9,
    /// For a vault: open buckets at this provider.
    Host = 10,
}

impl Action {
    /// All actions, in the order of the text form.
    pub const ALL: [Self; 11] = [
        Self::Pull,
        Self::Append,
        Self::Put,
        Self::Write,
        Self::Tombstone,
        Self::Purge,
        Self::Grant,
        Self::Rotate,
        Self::Recover,
        Self::Admin,
        Self::Host,
    ];

    /// Its name in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Append => "append",
            Self::Put => "put",
            Self::Write => "write",
            Self::Tombstone => "tombstone",
            Self::Purge => "purge",
            Self::Grant => "grant",
            Self::Rotate => "rotate",
            Self::Recover => "recover",
            Self::Admin => "admin",
            Self::Host => "host",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of actions.
///
/// ```
/// use strongroom_wire::capability::{Action, Actions};
/// let actions: Actions = "pull write".parse().unwrap();
/// assert!(actions.contains(Action::Write) && actions.is_within(Actions::ALL));
/// assert!("write pull".parse::<Actions>().is_err()); // one set has one spelling
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Actions(u16);

impl Actions {
    /// Bytes of the longest text form: all names and the spaces between them.
    pub const TEXT_LEN_MAX: usize = 69;
    /// Nothing. No capability holds this.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self((1 << Action::ALL.len()) - 1);
    /// `pull` alone: what a capability for anyone may allow.
    pub const PULL: Self = Self(Action::Pull.bit());

    /// The set of these actions.
    pub const fn of(actions: &[Action]) -> Self {
        let mut bits = 0;
        let mut rest = actions;
        while let [action, tail @ ..] = rest {
            bits |= action.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Whether the action is in the set.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// Whether every action of this set is in `other`.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set and one action more.
    #[must_use]
    pub const fn with(self, action: Action) -> Self {
        Self(self.0 | action.bit())
    }

    /// This set without one action.
    #[must_use]
    pub const fn without(self, action: Action) -> Self {
        Self(self.0 & !action.bit())
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions, in the order of the text form.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |action| self.contains(*action))
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, action) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(action.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// The text is not the one spelling of a set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of action names in their fixed order, with one space between")]
pub struct ActionsError;

impl FromStr for Actions {
    type Err = ActionsError;

    /// Names in the order of [`Action::ALL`], one space between, at least one, none twice.
    fn from_str(text: &str) -> Result<Self, ActionsError> {
        if text.len() > Self::TEXT_LEN_MAX {
            return Err(ActionsError);
        }
        let mut left = Action::ALL.iter();
        let mut actions = Self::NONE;
        for name in text.split(' ') {
            // Going on where the last name was found refuses wrong order and repetition alike.
            let action = left.find(|action| action.name() == name).ok_or(ActionsError)?;
            actions = actions.with(*action);
        }
        Ok(actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_one_spelling() {
        for bits in 1..=Actions::ALL.0 {
            let set = Actions(bits);
            let text = set.to_string();
            assert!(text.len() <= Actions::TEXT_LEN_MAX);
            assert_eq!(text.parse(), Ok(set));
        }
        assert_eq!(Actions::ALL.to_string().len(), Actions::TEXT_LEN_MAX);
    }

    #[test]
    fn other_spellings_are_refused() {
        let bad = [
            "",
            " ",
            "pull ",
            " pull",
            "pull  write",
            "write pull",
            "pull pull",
            "Pull",
            "read",
            "pull,write",
            "pull\twrite",
            "pull write\0",
            "pul",
            "pullwrite",
        ];
        for text in bad {
            assert_eq!(text.parse::<Actions>(), Err(ActionsError), "{text:?}");
        }
    }
}
