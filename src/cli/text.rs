//! What a person reads.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use crate::model::{DiskPlan, EventKind, Fate, Plan, State, Step, Summary, Transaction, User};

use super::error::{CliError, Exit};
use super::safe::{safe, safe_path};

/// Prints to stdout. A reader that has gone (`| head`) is no error.
pub fn out(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::Error,
            "output",
            format!("the answer cannot be written: {error}"),
            "to see what was done: virt-retire list",
        )),
        _ => Ok(()),
    }
}

/// What a step is about, in a word or a path.
pub fn subject(plan: &Plan, step: &Step) -> String {
    match step {
        Step::SaveDefinition { .. }
        | Step::MakePersistent
        | Step::Stop { graceful: None }
        | Step::Undefine(_)
        | Step::ConfirmInactive => plan.domain.name.clone(),
        Step::Stop {
            graceful: Some(seconds),
        } => format!("{}, within {seconds} seconds", plan.domain.name),
        Step::SaveAutostart { always, once } => match (always, once) {
            (true, true) => "always and once".into(),
            (false, true) => "once".into(),
            _ => "always".into(),
        },
        Step::SaveSnapshots { names, .. } | Step::SaveCheckpoints { names, .. } => names.join(", "),
        Step::LinkManagedSave(saved) => super::safe::lossless(saved.image.path.as_os_str()),
        Step::Quarantine(moved) | Step::CopyState(moved) => {
            super::safe::lossless(moved.path.as_os_str())
        }
        Step::RefreshPool { pool } => pool.clone(),
    }
}

/// One plan: its disks with fate and reason, its steps, or why it is refused.
pub fn plan(plan: &Plan) -> String {
    let mut lines = vec![format!(
        "Domain {} ({}), {}{}",
        safe(&plan.domain.name),
        plan.domain.uuid,
        if plan.active { "running" } else { "shut off" },
        if plan.persistent { "" } else { ", transient" },
    )];
    if let Some(title) = &plan.title {
        lines.push(format!("Title: {}", safe(title)));
    }
    lines.push(String::new());
    if plan.disks.is_empty() {
        lines.push("It has no disks.".into());
    } else {
        lines.push(disks(&plan.disks));
    }
    for unseen in &plan.unseen {
        lines.push(format!("not looked at: {}", safe(unseen)));
    }
    lines.push(String::new());
    if plan.is_executable() {
        lines.push(format!(
            "Steps ({} into quarantine):",
            HumanBytes(plan.bytes())
        ));
        lines.push(steps(plan));
    } else {
        lines.push("Refused:".into());
        for refusal in &plan.refusals {
            lines.push(format!(
                "  {}: {}",
                refusal.code.word(),
                safe(&refusal.message)
            ));
            lines.push(format!("    hint: {}", safe(&refusal.hint)));
        }
    }
    lines.join("\n")
}

fn disks(disks: &[DiskPlan]) -> String {
    let mut table = table(["Disk", "Fate", "Size", "Volume", "Path", "Why"]);
    align_right(&mut table, 2);
    for disk in disks {
        let volume = match (&disk.pooled, &disk.path) {
            (Some(pooled), _) => format!("{}/{}", pooled.pool, pooled.volume),
            (None, Some(path)) if path.is_absolute() => "unmanaged".to_owned(),
            _ => "-".to_owned(),
        };
        let mut path = disk.path.as_ref().map_or("-".to_owned(), safe_path);
        if let Some(spelled) = &disk.spelled {
            path.push_str(&format!(" (as {})", safe(spelled)));
        }
        table.add_row([
            safe(&disk.target),
            disk.fate.word().to_owned(),
            HumanBytes(disk.size).to_string(),
            safe(&volume),
            path,
            why(disk.reason.text(), &disk.used_by),
        ]);
        for link in &disk.chain {
            table.add_row([
                "  below".to_owned(),
                link.fate.word().to_owned(),
                String::new(),
                String::new(),
                safe_path(&link.path),
                match (link.fate, link.used_by.is_empty()) {
                    (Fate::Keep, false) => why("someone else uses it", &link.used_by),
                    _ => String::new(),
                },
            ]);
        }
    }
    drawn(&table)
}

fn why(reason: &str, users: &[User]) -> String {
    let mut lines = vec![reason.to_owned()];
    lines.extend(users.iter().map(user));
    lines.join("\n")
}

/// One user as a sentence has it: `disk vda of domain web`.
pub fn user(user: &User) -> String {
    format!(
        "{} {} {}",
        safe(&user.how),
        user.kind.word(),
        safe(&user.name)
    )
}

fn steps(plan: &Plan) -> String {
    let mut table = table(["#", "Step", "Size", "What"]);
    align_right(&mut table, 0);
    align_right(&mut table, 2);
    for (index, step) in plan.steps.iter().enumerate() {
        table.add_row([
            index.to_string(),
            step.kind().to_owned(),
            step.bytes()
                .map_or(String::new(), |bytes| HumanBytes(bytes).to_string()),
            match step.file() {
                Some(_) => format!("{} → quarantine", safe(&subject(plan, step))),
                None => safe(&subject(plan, step)),
            },
        ]);
    }
    drawn(&table)
}

/// `list`: one line a transaction.
pub fn list(summaries: &[Summary]) -> String {
    if summaries.is_empty() {
        return "No transactions yet.".into();
    }
    let mut table = table(["Id", "Domain", "State", "Size", "Started", "User", "Reason"]);
    align_right(&mut table, 0);
    align_right(&mut table, 3);
    for summary in summaries {
        table.add_row([
            summary.id.to_string(),
            safe(&summary.domain.name),
            if summary.held {
                format!("{}, held", summary.state.word())
            } else {
                summary.state.word().to_owned()
            },
            HumanBytes(summary.bytes).to_string(),
            time(summary.started_at),
            safe(&summary.user),
            safe(summary.reason.as_deref().unwrap_or("-")),
        ]);
    }
    drawn(&table)
}

/// `show`: who, why, the plan, what happened, what waits where.
pub fn show(transaction: &Transaction, in_quarantine: &[usize], secrets: bool) -> String {
    let summary = transaction.summary();
    let evidence = &transaction.evidence;
    let mut lines = vec![
        format!("Transaction {} ({})", transaction.id, transaction.uuid),
        format!("State:     {}", summary.state.word()),
        format!("Started:   {}", time(transaction.started_at)),
    ];
    if let Some(finished) = summary.finished_at {
        lines.push(format!("Finished:  {}", time(finished)));
    }
    lines.push(format!(
        "By:        {}{}{} on {}",
        safe(&evidence.user),
        evidence
            .login
            .as_ref()
            .map_or(String::new(), |login| format!(
                ", logged in as {}",
                safe(login)
            )),
        evidence
            .from
            .as_ref()
            .map_or(String::new(), |from| format!(", {}", safe(from))),
        safe(&evidence.host),
    ));
    lines.push(format!("Command:   {}", safe(&evidence.command.join(" "))));
    if let Some(reason) = &evidence.reason {
        lines.push(format!("Reason:    {}", safe(reason)));
    }
    for unseen in &evidence.accepted_unseen {
        lines.push(format!("Accepted:  not looked at: {}", safe(unseen)));
    }
    lines.push(format!("Libvirt:   {}", safe(&evidence.uri)));
    lines.push(format!("Manifest:  {}", safe_path(&transaction.home)));
    lines.push(String::new());
    lines.push(plan(&transaction.plan));
    lines.push(String::new());
    lines.push("Events:".into());
    lines.push(events(transaction));
    lines.push(String::new());
    lines.push(quarantine(transaction, in_quarantine));
    if secrets {
        lines.push(String::new());
        lines.push("Definition:".into());
        // Line by line, so that its layout stays and its contents cannot steer the terminal.
        lines.extend(transaction.definition.xml.reveal().lines().map(safe));
    }
    lines.join("\n")
}

fn events(transaction: &Transaction) -> String {
    let mut table = table(["#", "When", "What"]);
    align_right(&mut table, 0);
    let step = |index: usize| {
        transaction
            .plan
            .steps
            .get(index)
            .map_or("?", |step| step.kind())
    };
    for event in &transaction.events {
        let what = match &event.kind {
            EventKind::Entered { state, cause: None } => format!("state {}", state.word()),
            EventKind::Entered {
                state,
                cause: Some(cause),
            } => format!("state {}: {}", state.word(), safe(cause)),
            EventKind::Intent {
                step: index,
                direction,
            } => format!("{} {index} {}", direction.word(), step(*index)),
            EventKind::Outcome {
                step: index,
                direction,
                result,
            } => {
                let how = match result {
                    Ok(false) => "done".to_owned(),
                    Ok(true) => "already done".to_owned(),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("{} {index} {}: {how}", direction.word(), step(*index))
            }
            EventKind::Decided { verb, by } => {
                format!("{} by {}", safe(verb), safe(&by.user))
            }
            EventKind::Settled { files, .. } => {
                format!("stopped; {} files looked at again", files.len())
            }
            EventKind::Held { held: true } => "held".to_owned(),
            EventKind::Held { held: false } => "released".to_owned(),
            EventKind::Noted { text } => safe(text),
            EventKind::Renamed(rename) => format!(
                "restored as {} ({})",
                safe(&rename.domain.name),
                rename.domain.uuid
            ),
        };
        table.add_row([event.sequence.to_string(), time(event.at), what]);
    }
    drawn(&table)
}

fn quarantine(transaction: &Transaction, in_quarantine: &[usize]) -> String {
    let waiting: Vec<_> = transaction
        .files()
        .filter(|(index, ..)| in_quarantine.contains(index))
        .collect();
    if waiting.is_empty() {
        return "Nothing of it is in quarantine.".into();
    }
    let mut table = table(["In quarantine", "Size", "From"]);
    align_right(&mut table, 1);
    for (_, moved, stored) in waiting {
        table.add_row([
            safe_path(&stored),
            HumanBytes(moved.facts.size).to_string(),
            safe_path(&moved.path),
        ]);
    }
    drawn(&table)
}

/// One line after a verb that changed a transaction.
pub fn done(summary: &Summary) -> String {
    let id = summary.id;
    let next = match summary.state {
        State::Prepared => {
            format!("decide: virt-retire commit {id}, or virt-retire rollback {id}")
        }
        State::Committed => format!("to undo: virt-retire rollback {id}"),
        State::RolledBack => match &summary.restored_as {
            Some(domain) => format!("back as {}, {}", safe(&domain.name), domain.uuid),
            None => "everything is back where it was".to_owned(),
        },
        _ => format!("to see it: virt-retire show {id}"),
    };
    let waiting = match summary.state {
        State::Prepared | State::Committed if summary.bytes > 0 => {
            format!(", {} in quarantine", HumanBytes(summary.bytes))
        }
        _ => String::new(),
    };
    let mut lines = vec![format!(
        "Transaction {id}: domain {} is {}{waiting} ({next}).",
        safe(&summary.domain.name),
        summary.state.word(),
    )];
    lines.extend(
        summary
            .notes
            .iter()
            .map(|note| format!("Note: {}.", safe(note))),
    );
    lines.join("\n")
}

/// Before `rollback` or `commit` asks: which transaction it is, and what of it waits where.
pub fn would_come_back(transaction: &Transaction) -> String {
    let summary = transaction.summary();
    let mut lines = vec![format!(
        "Transaction {}: domain {} ({}), {} since {}",
        transaction.id,
        safe(&transaction.domain().name),
        transaction.domain().uuid,
        summary.state.word(),
        time(
            transaction
                .events
                .last()
                .map_or(transaction.started_at, |event| event.at)
        ),
    )];
    if let Some(reason) = &summary.reason {
        lines.push(format!("  reason: {}", safe(reason)));
    }
    lines.extend(transaction.files().map(|(_, moved, stored)| {
        format!(
            "  {} ({}) → {}",
            safe_path(&stored),
            HumanBytes(moved.facts.size),
            safe_path(&moved.path)
        )
    }));
    lines.join("\n")
}

/// After `rollback`: what is there again.
pub fn came_back(transaction: &Transaction) -> String {
    let mut lines = Vec::new();
    let definition = &transaction.definition;
    if transaction.undefines() {
        let mut also = String::new();
        if definition.autostart.always || definition.autostart.once {
            also.push_str(", with autostart");
        }
        for (count, what) in [
            (definition.snapshots.len(), "snapshot"),
            (definition.checkpoints.len(), "checkpoint"),
        ] {
            if count > 0 {
                also.push_str(&format!(
                    ", with {count} {what}{}",
                    if count == 1 { "" } else { "s" }
                ));
            }
        }
        lines.push(format!(
            "  domain {} is defined again{also}",
            safe(&transaction.domain_now().name)
        ));
    }
    let places = crate::engine::brought_back(transaction);
    lines.extend(places.into_iter().map(|(path, moved)| {
        format!(
            "  {} is back ({})",
            safe_path(&path),
            HumanBytes(moved.facts.size)
        )
    }));
    lines.join("\n")
}

/// What `rebuild` found, and what it could not know.
pub fn rebuilt(rebuilt: &super::verbs::rebuild::Rebuilt) -> String {
    let mut lines = Vec::new();
    if let Some(damage) = &rebuilt.damage {
        lines.push(format!("The old journal is damaged: {}", safe(damage)));
    }
    if let Some(aside) = &rebuilt.aside {
        lines.push(format!("It is kept in {}", safe_path(aside)));
    }
    lines.push(format!(
        "The new journal has {} transactions.",
        rebuilt.transactions.len()
    ));
    for super::verbs::rebuild::One {
        transaction,
        state,
        unknown,
    } in &rebuilt.transactions
    {
        let id = transaction.id;
        lines.push(format!(
            "Transaction {id}: domain {} is {}{}",
            safe(&transaction.domain().name),
            state.word(),
            match state.claim() {
                crate::model::Claim::Unfinished => "; to put it right: virt-retire recover",
                _ => "",
            }
        ));
        lines.extend(
            unknown
                .iter()
                .map(|it| format!("  not known: {}", safe(it))),
        );
    }
    lines.push(
        "Transactions that left nothing in quarantine (rolled back, purged) are not in it.".into(),
    );
    lines.join("\n")
}

/// One line on what `recover` did with a transaction.
pub fn recovered(recovery: &crate::engine::Recovery) -> String {
    use crate::engine::Recovered;
    let transaction = &recovery.transaction;
    let (id, name) = (transaction.id, safe(&transaction.domain().name));
    let notes = transaction.notes();
    let told = match &recovery.result {
        Recovered::Undone => format!(
            "Transaction {id}: domain {name} was left half retired; it is back{}, {} files \
             and definition (rolled-back).",
            if notes.is_empty() { " as it was" } else { "" },
            transaction.files().count()
        ),
        Recovered::Finished { because } => format!(
            "Transaction {id}: domain {name} could not be put back ({}), so its retirement was \
             finished ({}). To undo it: virt-retire rollback {id}",
            safe(because),
            transaction.state().word()
        ),
        Recovered::Stuck { forward, back } => format!(
            "Transaction {id}: domain {name} is stuck. Back: {}. Forward: {}.",
            safe(back),
            safe(forward)
        ),
        Recovered::Left { because } => format!(
            "Transaction {id}: domain {name} is left {}: {}",
            transaction.state().word(),
            safe(because)
        ),
    };
    let notes = notes.iter().map(|note| format!("Note: {}.", safe(note)));
    std::iter::once(told)
        .chain(notes)
        .collect::<Vec<_>>()
        .join("\n")
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// Without the blanks that fill the last column.
fn drawn(table: &Table) -> String {
    table.trim_fmt()
}

fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
