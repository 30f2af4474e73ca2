//! What must hold of a world when all is over, by the laws of the contract.

use std::path::Path;

use virt_retire::model::{FileRole, Progress, State, Transaction};

use super::adversary::{ASIDE, Move, STRANGER};
use super::disk::{Content, Inode};
use super::host::Host;
use super::scenario::{DISK, Report, Scenario, WEB, is_open};

/// Laws that the host breaks. `act` is what somebody else did to it, if he did.
pub fn broken(scenario: &Scenario, host: &Host, act: Option<Move>) -> Vec<String> {
    let mut broken = host.breaches.clone();
    nothing_is_lost(scenario, host, act, &mut broken);
    for transaction in &host.journal {
        match transaction.state() {
            State::RolledBack => is_there(transaction, host, act, &mut broken),
            State::Committed => is_retired(transaction, host, act, &mut broken),
            State::Purged => is_purged(transaction, host, act, &mut broken),
            State::Prepared if !transaction.commit_at_once => {
                is_retired(transaction, host, act, &mut broken);
            }
            state if act.is_none() => broken.push(format!(
                "law 1: transaction {} is {} though nobody stood in its way",
                transaction.id,
                state.word()
            )),
            _ => {}
        }
    }
    if host.journal.is_empty() && act.is_none() {
        if host.libvirt.defined != scenario.start.libvirt.defined {
            broken.push("law 1: nothing was begun, and a definition is another".into());
        }
        for original in &scenario.originals {
            if host.disk.inode(&original.path) != Some(original.inode) {
                let path = original.path.display();
                broken.push(format!("law 1: nothing was begun, and {path} is gone"));
            }
        }
    }
    broken
}

/// Law 2: each file that was there has a name, and holds what it held. Law 4: others' files, too.
fn nothing_is_lost(scenario: &Scenario, host: &Host, act: Option<Move>, broken: &mut Vec<String>) {
    for original in &scenario.originals {
        let path = &original.path;
        // Law 5 says whether it may.
        if may_be_purged(host) {
            used_is_not_purged(original.inode, host, act, broken);
            continue;
        }
        // A guest that is started uses its managed save up.
        // Whoever undefines it has it removed.
        if matches!(act, Some(Move::Start | Move::Undefine))
            && path.extension().is_some_and(|it| it == "save")
        {
            continue;
        }
        if original.is_copied {
            let mut files = host.disk.names();
            if !files.any(|(_, it)| host.disk.content(it) == Some(&original.content)) {
                broken.push(format!("law 2: no copy is left of {}", path.display()));
            }
            continue;
        }
        if path.extension().is_some_and(|it| it == "fd") && took_nvram(act) {
            continue;
        }
        if host.disk.names_of(original.inode).is_empty() {
            broken.push(format!("law 2: the file of {} is lost", path.display()));
        }
        let wrote = act == Some(Move::Write) && path == Path::new(DISK);
        if !wrote && host.disk.content(original.inode) != Some(&original.content) {
            broken.push(format!("law 2: {} holds something else", path.display()));
        }
    }
    let theirs = Content::of("a stranger's");
    let has_theirs = host
        .disk
        .names()
        .any(|(_, it)| host.disk.content(it) == Some(&theirs));
    if host.acted.is_some()
        && matches!(act, Some(Move::Occupy | Move::Replace | Move::Strange))
        && !has_theirs
    {
        broken.push("law 4: a stranger's file is lost".into());
    }
    if host.acted.is_some()
        && !host.is_taken_back
        && matches!(act, Some(Move::DefineOther | Move::TakeName))
        && !host.libvirt.defined.contains_key(&STRANGER)
    {
        broken.push("law 4: a stranger's domain is gone".into());
    }
}

fn may_be_purged(host: &Host) -> bool {
    let mut states = host.journal.iter().map(Transaction::state);
    states.any(|state| matches!(state, State::Purging | State::Purged))
}

/// Law 5: whoever took it up before the last question finds it.
fn used_is_not_purged(inode: Inode, host: &Host, act: Option<Move>, broken: &mut Vec<String>) {
    let asked = match act {
        Some(Move::OverlayWaiting) => host.listed_before_purge.get(Path::new("/images")),
        Some(Move::Open) => host.last_holders.get(&inode),
        _ => return,
    };
    let is_lost = host.original == Some(inode) && host.disk.names_of(inode).is_empty();
    let asked = asked.copied().unwrap_or(0);
    let in_time = host.acted.is_some_and(|at| at <= asked);
    if is_lost && in_time && !host.is_taken_back {
        broken.push(format!("law 5: a purge destroyed what {act:?} uses"));
    }
}

fn is_purged(transaction: &Transaction, host: &Host, act: Option<Move>, broken: &mut Vec<String>) {
    let id = transaction.id;
    for (_, moved, stored) in transaction.files().chain(transaction.copies()) {
        if host.disk.inode(&stored).is_some() {
            let path = moved.path.display();
            broken.push(format!(
                "law 8: {id} is purged, and {path} is in quarantine"
            ));
        }
    }
    for folder in transaction.folders() {
        if host.disk.is_folder(&folder) && act != Some(Move::Strange) {
            broken.push(format!("law 8: {id} is purged, and its folder is left"));
        }
    }
}

/// A guest that is not defined takes its NVRAM along when it ends. (That we end none that somebody
/// else has undefined is looked at when it happens.)
fn took_nvram(act: Option<Move>) -> bool {
    matches!(act, Some(Move::End | Move::Undefine))
}

fn is_there(transaction: &Transaction, host: &Host, act: Option<Move>, broken: &mut Vec<String>) {
    let id = transaction.id;
    let uuid = transaction.domain().uuid;
    let ours = |act: Option<Move>, moves: &[Move]| {
        uuid == WEB && act.is_some_and(|act| moves.contains(&act))
    };
    match host.libvirt.defined.get(&uuid) {
        Some((_, now)) => {
            let is_same = *now == transaction.definition;
            if !is_same && !ours(act, &[Move::Define, Move::Edit, Move::Undefine]) {
                broken.push(format!(
                    "law 4: {id} is rolled back, and its definition differs"
                ));
            }
        }
        None if ours(act, &[Move::Undefine]) => {}
        // It was transient, and is again; or the host went down, or it ended, before it was ours.
        None if !transaction.plan.persistent
            && (host.libvirt.running.contains_key(&uuid)
                || host.had_no_power
                || ours(act, &[Move::End])) => {}
        None => broken.push(format!(
            "law 1: {id} is rolled back, and its domain is not defined"
        )),
    }
    for (_, copied, place) in transaction.copies() {
        if host.disk.inode(&copied.path).is_none() {
            let path = copied.path.display();
            broken.push(format!("law 1: {id} is rolled back, and {path} is gone"));
        }
        if host.disk.inode(&place).is_some() {
            broken.push(format!("law 1: {id} is rolled back, and its copy is left"));
        }
    }
    for (_, moved, stored) in transaction.files() {
        let inode = moved.facts.identity.inode;
        let path = moved.path.display();
        if host.disk.inode(&stored) == Some(inode) {
            broken.push(format!(
                "law 1: {id} is rolled back, and {path} is in quarantine"
            ));
        }
        let is_home = host.disk.inode(&moved.path) == Some(inode);
        let is_aside = host.disk.inode(Path::new(ASIDE)) == Some(inode);
        let is_gone = moved.role == FileRole::Nvram && took_nvram(act);
        let set_aside = moved.role == FileRole::ManagedSave && act.is_some();
        if !is_home && !is_aside && !set_aside && !is_gone {
            let names = host.disk.names_of(inode);
            broken.push(format!(
                "law 1: {id} is rolled back, and {path} is at {names:?}"
            ));
        }
    }
}

fn is_retired(transaction: &Transaction, host: &Host, act: Option<Move>, broken: &mut Vec<String>) {
    let id = transaction.id;
    let uuid = transaction.domain().uuid;
    let state = transaction.state().word();
    // What is done after the last question that would have told of it cannot be refused any more.
    let asked = |questions: &[&str]| {
        let last = questions.iter().filter_map(|it| host.decided_after.get(it));
        last.max().copied().unwrap_or(0)
    };
    let too_late = |questions: &[&str]| {
        // What was decided before all this is no matter of it.
        let is_asked = asked(questions) > 0;
        !host.is_decided || is_asked && host.acted.is_none_or(|at| at > asked(questions))
    };
    if host.libvirt.defined.contains_key(&uuid)
        && !too_late(&["status", "status by name", "domains", "definition"])
    {
        broken.push(format!("law 1: {id} is {state}, and its domain is defined"));
    }
    if act.is_none() && host.libvirt.defined.contains_key(&uuid) {
        broken.push(format!("law 1: {id} is {state}, and its domain is defined"));
    }
    let progress = transaction.progress();
    // What somebody uses is left to him.
    let is_used = matches!(
        act,
        Some(Move::DefineOther | Move::TakeName | Move::Overlay | Move::Open | Move::Start)
    );
    let mut all_left = is_used;
    for (index, moved, stored) in transaction.files() {
        let inode = moved.facts.identity.inode;
        let path = moved.path.display();
        let is_done = progress[index] == Progress::Done;
        if is_used && !is_done && host.disk.inode(&moved.path) == Some(inode) {
            continue;
        }
        all_left &= moved.path != Path::new(DISK);
        let used_up = moved.role == FileRole::ManagedSave
            && matches!(act, Some(Move::Start | Move::Undefine));
        if host.disk.inode(&stored) != Some(inode) && !used_up {
            broken.push(format!(
                "law 1: {id} is {state}, and {path} is not in quarantine"
            ));
        }
        if host.disk.inode(&moved.path) == Some(inode) {
            broken.push(format!("law 1: {id} is {state}, and {path} is at home"));
        }
    }
    if uuid != WEB || all_left {
        return;
    }
    // Law 5.
    if act == Some(Move::Open) {
        let asked = host
            .original
            .and_then(|inode| host.last_holders.get(&inode));
        let moved = host.decided_after.get("move").copied().unwrap_or(0);
        if host.is_decided
            && host
                .acted
                .is_some_and(|at| at <= asked.copied().unwrap_or(moved))
        {
            broken.push(format!(
                "law 5: {id} is {state}, and took what somebody has open"
            ));
        }
        return;
    }
    let questions: &[&str] = match act {
        Some(Move::DefineOther) => &["domains"],
        Some(Move::Overlay) => &["list"],
        Some(Move::Start) => &["status", "domains", "holders"],
        _ => return,
    };
    if !too_late(questions) {
        broken.push(format!(
            "law 5: {id} is {state}, and took what {act:?} uses"
        ));
    }
    let moved = host.decided_after.get("move").copied().unwrap_or(0);
    if asked(questions) < moved && host.acted.is_some_and(|at| at < moved) {
        broken.push(format!(
            "law 5: {id} is {state}, and nobody asked about {act:?} after the move"
        ));
    }
}

/// Law 8, of a verb that came to its end.
pub fn untrue(
    scenario: &Scenario,
    report: &Report,
    host: &Host,
    act: Option<Move>,
) -> Option<String> {
    let states: Vec<State> = host.journal.iter().map(Transaction::state).collect();
    let all = |wanted: &[State]| states.iter().all(|state| wanted.contains(state));
    let before: Vec<State> = scenario
        .start
        .journal
        .iter()
        .map(Transaction::state)
        .collect();
    let is_true = match report {
        Report::Done => {
            !states.is_empty()
                && (all(&[State::Prepared])
                    || all(&[State::Committed])
                    || all(&[State::RolledBack])
                    || all(&[State::Purged]))
        }
        Report::PutBack => match before.is_empty() {
            true => all(&[State::RolledBack]),
            false => states == before,
        },
        Report::Refused(_) => states == before,
        // After a write that failed nobody knows what the journal says.
        Report::Open(_) => host.journal.iter().any(is_open) || act == Some(Move::Fault),
    };
    let told = format!("law 8: it said {report:?}, and the states are {states:?}");
    if !is_true {
        return Some(told);
    }
    let honest = act.is_some() || *report == Report::Done;
    (!honest).then(|| format!("law 8: {report:?}, though nobody stood in its way"))
}
