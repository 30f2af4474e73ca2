//! Who is watched: the durable list, and the part of it that belongs to the connection's libvirt,
//! in memory.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::Watched;
use crate::ports::Watchlist;
use crate::retire::Error;

pub(super) struct Guests<'a> {
    list: &'a dyn Watchlist,
    known: HashMap<Uuid, Watched>,
}

impl<'a> Guests<'a> {
    pub(super) fn new(list: &'a dyn Watchlist) -> Self {
        Self {
            list,
            known: HashMap::new(),
        }
    }

    /// Takes in those whom the list has for this URI.
    pub(super) fn load(&mut self, uri: &str) -> Result<(), Error> {
        for watched in self.list.list()? {
            if watched.uri == uri {
                self.known.insert(watched.domain.uuid, watched);
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, uuid: Uuid) -> Option<&Watched> {
        self.known.get(&uuid)
    }

    pub(super) fn uuids(&self) -> Vec<Uuid> {
        self.known.keys().copied().collect()
    }

    /// Puts a guest on the list or brings its record up to date; writes nothing that is there.
    pub(super) fn keep(&mut self, watched: Watched) -> Result<(), Error> {
        let uuid = watched.domain.uuid;
        let is_known = self.get(uuid).is_some_and(|known| {
            known.definition == watched.definition && known.has_same_files(&watched)
        });
        if !is_known {
            self.list.put(&watched)?;
            self.known.insert(uuid, watched);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, uuid: Uuid) -> Result<(), Error> {
        if self.known.remove(&uuid).is_some() {
            self.list.remove(uuid)?;
        }
        Ok(())
    }
}
