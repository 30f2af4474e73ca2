//! What a domain says of its own storage: the policy in its metadata.

use jiff::Timestamp;

use super::Verdict;

/// The namespace of the policy's element. The number is the format's version: a later one that this
/// version must not misread gets another.
pub const POLICY_NAMESPACE: &str = "https://virt-retire.org/xmlns/policy/1";
/// How XML abbreviates the namespace.
pub const POLICY_PREFIX: &str = "retire";

/// A domain's policy, as it was read or is to be written.
///
/// In the XML (all elements in [`POLICY_NAMESPACE`]; every attribute but `target` and `fate` is
/// optional):
///
/// ```xml
/// <metadata>
///   <retire:policy xmlns:retire='https://virt-retire.org/xmlns/policy/1' default='keep' protected='yes'>
///     <retire:disk target='vda' fate='remove'/>
///     <retire:disk target='vdb' fate='keep'/>
///   </retire:policy>
/// </metadata>
/// ```
///
/// `expires='2026-12-25T00:00:00Z'` (RFC 3339) has `watch` retire the domain after that moment,
/// once it is shut off; with `stop='yes'` it is stopped for that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// For read-write disks that are not named. What is read-only, shareable or removable is only
    /// ever removed by its own name: a default that took an installation ISO along is what this
    /// project exists to prevent.
    pub default: Option<Verdict>,
    /// Undefine and destroy are refused.
    pub protected: bool,
    /// From when on `watch` retires the domain.
    pub expires_at: Option<Timestamp>,
    /// It is stopped for that, where it runs then.
    pub stop: bool,
    /// Target and word, in the order they were set; no target twice.
    pub disks: Vec<(String, Verdict)>,
}

impl Policy {
    /// What it says of one target by name.
    pub fn of(&self, target: &str) -> Option<Verdict> {
        self.disks
            .iter()
            .find(|(name, _)| name == target)
            .map(|(_, verdict)| *verdict)
    }

    pub fn set(&mut self, target: &str, verdict: Verdict) {
        match self.disks.iter_mut().find(|(name, _)| name == target) {
            Some((_, old)) => *old = verdict,
            None => self.disks.push((target.to_owned(), verdict)),
        }
    }

    /// Whether there was a word to take away.
    pub fn clear(&mut self, target: &str) -> bool {
        let before = self.disks.len();
        self.disks.retain(|(name, _)| name != target);
        self.disks.len() != before
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it may take any storage away: what `watch` asks.
    pub fn removes(&self) -> bool {
        self.default == Some(Verdict::Remove)
            || self
                .disks
                .iter()
                .any(|(_, verdict)| *verdict == Verdict::Remove)
    }
}
