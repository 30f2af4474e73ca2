//! Whether libvirt would take back what a retirement takes from it: an undefine whose inverse
//! cannot work is no undefine with undo.

use std::path::Path;

use crate::model::Definition;
use crate::xml::emulators;

use super::{Survey, SurveyError, not_understood};

impl Survey<'_> {
    /// Why not, if so. `refusal` is what libvirt says of the domain's XML. What it keeps of
    /// snapshots and checkpoints it checks less: it takes back a machine type that is gone, and no
    /// emulator that is (seen with 11.3).
    pub(super) fn not_redefinable(
        &self,
        refusal: Option<String>,
        definition: &Definition,
    ) -> Result<Option<String>, SurveyError> {
        if refusal.is_some() {
            return Ok(refusal);
        }
        let snapshots = definition.snapshots.iter();
        let snapshots = snapshots.map(|one| (format!("snapshot {}", one.name), &one.xml));
        let checkpoints = definition.checkpoints.iter();
        let checkpoints = checkpoints.map(|one| (format!("checkpoint {}", one.name), &one.xml));
        for (what, xml) in snapshots.chain(checkpoints) {
            let named = emulators(xml.reveal()).map_err(|error| not_understood(&what, &error))?;
            for emulator in named {
                let real = self.storage.resolve(Path::new(&emulator))?.real;
                if self.storage.glance(&real)?.is_none() {
                    return Ok(Some(format!(
                        "its {what} names the emulator {emulator}, which is gone"
                    )));
                }
            }
        }
        Ok(None)
    }
}
