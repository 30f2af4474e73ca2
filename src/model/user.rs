//! Who else uses a file (law 5).

/// The contract's kinds of users, plus how each uses the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserKind {
    Domain,
    Image,
    Process,
    Mount,
    Loop,
}

impl UserKind {
    pub fn word(self) -> &'static str {
        match self {
            UserKind::Domain => "domain",
            UserKind::Image => "image",
            UserKind::Process => "process",
            UserKind::Mount => "mount",
            UserKind::Loop => "loop",
        }
    }
}

/// One user of one file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User {
    pub kind: UserKind,
    /// A domain's name, an image's path, `PID (command)`, a mount point, a loop device.
    pub name: String,
    /// In which way, as a person would say it: `disk vda of`, `backing file of`, `open by`.
    pub how: String,
}

impl User {
    /// As a sentence has it: `disk vda of domain web1`, `open by process 7 (qemu)`.
    pub fn phrase(&self) -> String {
        format!("{} {} {}", self.how, self.kind.word(), self.name)
    }
}
