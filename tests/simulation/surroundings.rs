//! The ports around: who has files open, what time it is, what the operator's keyboard says.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use virt_retire::model::{Direction, FileFacts, Step, Transaction, User, UserKind};
use virt_retire::ports::{Asked, Census, Clock, Control, Outsider, Sighting};

use super::host::Shared;

pub struct Surroundings(pub Shared);

impl Surroundings {
    fn outsiders(&self) -> HashMap<(u64, u64), Vec<Outsider>> {
        let host = self.0.get();
        let mut users: HashMap<_, Vec<Outsider>> = HashMap::new();
        let user = |name: String| User {
            kind: UserKind::Process,
            name,
            how: "open by".into(),
        };
        for running in host.libvirt.running.values() {
            for inode in &running.held {
                users.entry((1, *inode)).or_default().push(Outsider {
                    user: user(format!("7 (qemu of {})", running.domain.name)),
                    guest: Some(running.domain.uuid),
                    locks_for_guests: false,
                });
            }
        }
        for inode in &host.opened {
            users.entry((1, *inode)).or_default().push(Outsider {
                user: user("8 (backup)".into()),
                guest: None,
                locks_for_guests: false,
            });
        }
        users
    }
}

impl Census for Surroundings {
    fn look(&self) -> Sighting {
        if self.0.look("census", "").is_err() {
            return Sighting::default();
        }
        Sighting {
            users: self.outsiders(),
            unseen: Vec::new(),
            blind: false,
            as_root: true,
        }
    }

    fn holders(&self, path: &Path, facts: &FileFacts) -> Asked {
        if self.0.look("holders", path.display()).is_err() {
            return Asked::default();
        }
        let moment = self.0.get().moment;
        let inode = facts.identity.inode;
        self.0.edit().last_holders.insert(inode, moment);
        let now = self.0.get().disk.facts(path);
        let is_it = now.is_some_and(|now| now.identity.is_same_file(&facts.identity));
        let mut all = self.outsiders();
        let holders = all.remove(&facts.identity.key()).filter(|_| is_it);
        Asked {
            holders: holders.unwrap_or_default(),
            is_certain: true,
        }
    }
}

impl Clock for Surroundings {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0.get().seconds).unwrap()
    }

    fn uptime(&self) -> Option<virt_retire::model::Uptime> {
        None
    }

    fn pause(&self, _: Duration) {}
}

impl Control for Surroundings {
    fn wiping(&self, _: &std::path::Path, _: u64, _: u64) {}

    fn may_begin(&self) -> bool {
        self.0.get().signals == 0
    }

    fn step(&self, _: &Transaction, _: usize, _: &Step, _: Direction) {}

    fn wants_rollback(&self) -> bool {
        self.0.get().signals > 0
    }

    fn begin_run(&self, _: usize, _: usize) {}

    fn end_run(&self) {}

    fn wants_out(&self) -> bool {
        self.0.get().signals > 1
    }
}
