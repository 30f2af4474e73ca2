//! A journal with the history of years, as the lines that `journal import` takes. `make bench` asks
//! how much a command pays for history that it does not read.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use virt_retire::journal::log::{Memory, Writer};
use virt_retire::journal::{Begin, CURRENT, Head, Mirror, encode};
use virt_retire::model::{self, Direction, Draft, SecretXml, State, Step, Transaction, Verb};

use crate::sample;

/// Of the domain's definition; libvirt's are of this size.
const XML_BYTES: usize = 2500;

/// Writes `count` transactions of one disk each, all of them purged.
pub fn write_lines(count: u64, out: &mut impl Write) -> io::Result<()> {
    let start: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let uuid = sample::uuid(0x1000);
    writeln!(
        out,
        r#"{{"line":"journal","format":{CURRENT},"uuid":"{uuid}","created_at":"{start}","migrated":0}}"#
    )?;
    let mut head = Head::new(Mirror::store(&uuid));
    for id in 1..=count {
        let at = start + SignedDuration::from_mins(30) * id as i32;
        let transaction = transaction(id, at);
        let begin = STANDARD.encode(encode(&Begin::from(&transaction)).unwrap());
        writeln!(out, r#"{{"line":"begin","record":"{begin}"}}"#)?;
        // What was before makes no difference to what is written, but for the log's head.
        let shelf = Memory::default();
        let mut sequence = head.sequence();
        let mut writer = Writer::new(&shelf, &head);
        writer.begin(&transaction, at).unwrap();
        for kind in life(transaction.plan.steps.len()) {
            writer.event(id, &kind, at).unwrap();
        }
        let appended = writer.finish().unwrap();
        for record in &appended.parts[0].entries {
            sequence += 1;
            let record = STANDARD.encode(record);
            writeln!(
                out,
                r#"{{"line":"event","sequence":{sequence},"record":"{record}"}}"#
            )?;
        }
        head = appended.head;
    }
    Ok(())
}

fn transaction(id: u64, at: Timestamp) -> Transaction {
    let mut draft: Draft = sample::draft();
    draft.uuid = sample::uuid(0x10_0000 + u128::from(id));
    draft.started_at = at;
    draft.plan.domain.name = format!("retired-{id}");
    draft.plan.domain.uuid = sample::uuid(0x10_0000_0000 + u128::from(id));
    draft.plan.refusals.clear();
    draft.plan.disks.truncate(1);
    let is_usual = |step: &Step| {
        matches!(
            step,
            Step::SaveDefinition { .. } | Step::Undefine(_) | Step::ConfirmInactive
        )
    };
    let mut steps = std::mem::take(&mut draft.plan.steps);
    let disk = steps.iter().find(|step| step.file().is_some()).cloned();
    steps.retain(is_usual);
    draft.plan.steps = steps.into_iter().chain(disk).collect();
    draft.definition.xml = SecretXml::new(format!(
        "<domain><name>retired-{id}</name>{}</domain>",
        "<controller type='pci' model='pcie-root-port'/>".repeat(XML_BYTES / 48)
    ));
    draft.definition.snapshots.clear();
    draft.definition.checkpoints.clear();
    draft.definition.current_snapshot = None;
    Transaction {
        id: model::TransactionId(id),
        draft,
        events: Vec::new(),
    }
}

/// From its begin to its purge.
fn life(steps: usize) -> Vec<model::EventKind> {
    use model::EventKind::{Decided, Destroyed, Destroying, Entered, Intent, Outcome};
    let entered = |state| Entered { state, cause: None };
    let direction = Direction::Forward;
    let mut life = vec![entered(State::Executing)];
    life.extend((0..steps).map(|step| Intent { step, direction }));
    life.extend((0..steps).map(|step| Outcome {
        step,
        direction,
        result: Ok(false),
    }));
    let step = steps - 1;
    life.extend([
        entered(State::Prepared),
        entered(State::Committed),
        Decided {
            verb: Verb::Purge,
            by: Box::new(sample::evidence()),
        },
        entered(State::Purging),
        Destroying { step },
        Destroyed {
            step,
            result: Ok(1 << 30),
        },
        entered(State::Purged),
    ]);
    life
}
