//! Where an operator set a rule aside: what an auditor asks for first.

use jiff::Timestamp;

/// By which flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideFlag {
    AcceptUnseen,
    AcceptNotRedefinable,
    AcceptBrokenChain,
    OverrideProtection,
    AcceptChangedBase,
    /// `rollback --files`: the domain stays undefined.
    Files,
    /// `rollback --xml`: another definition than the saved one.
    Xml,
    /// `rollback --path`: elsewhere than where it was.
    Path,
    /// `rebuild --from`: taken in though nothing proves that this program wrote it.
    From,
}

impl OverrideFlag {
    /// The flag without its dashes.
    pub fn word(self) -> &'static str {
        match self {
            OverrideFlag::AcceptUnseen => "accept-unseen",
            OverrideFlag::AcceptNotRedefinable => "accept-not-redefinable",
            OverrideFlag::AcceptBrokenChain => "accept-broken-chain",
            OverrideFlag::OverrideProtection => "override-protection",
            OverrideFlag::AcceptChangedBase => "accept-changed-base",
            OverrideFlag::Files => "files",
            OverrideFlag::Xml => "xml",
            OverrideFlag::Path => "path",
            OverrideFlag::From => "from",
        }
    }
}

/// One rule set aside by one command. A flag that was given and not needed is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub flag: OverrideFlag,
    /// What was accepted or departed from.
    pub what: String,
}

impl Override {
    pub fn new(flag: OverrideFlag, what: impl Into<String>) -> Self {
        Self {
            flag,
            what: what.into(),
        }
    }

    /// As a sentence has it.
    pub fn phrase(&self) -> String {
        format!("--{}: {}", self.flag.word(), self.what)
    }
}

/// An override with who did it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    pub by: Override,
    /// See [`super::Evidence::name`].
    pub user: String,
    pub at: Timestamp,
}
