//! The failure story: the power goes while a domain is being retired. What the journal had
//! acknowledged before must be there afterwards, or `recover` works from a lie.
//!
//! Real file systems on loop devices are cut off with `xfs_io -x -c shutdown`, which loses all that
//! was not synced. Each cut runs this test binary again inside a mount namespace of its own, as a
//! writer that reports every acknowledged record on its standard output.
//!
//! Needs root, loop devices, xfsprogs and e2fsprogs (`.ci/install-dependencies`).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sample::{self, BeginOne};
use virt_retire::model::{Direction, EventKind, State};
use virt_retire::ports::{Journal, JournalReader};

/// Set in the writer: the mount point.
const WRITER: &str = "VIRT_RETIRE_TEST_WRITER";
/// Set in the checker: the mount point.
const CHECKER: &str = "VIRT_RETIRE_TEST_CHECKER";
/// As the barrier has it.
const NO_BARRIER: &str = "VIRT_RETIRE_TEST_NO_BARRIER";

/// Records between two closings of the journal: opening and closing write as well.
const A_SITTING: usize = 12;

/// Not a test of its own: the body of the processes that the tests below start.
#[test]
fn process_of_a_power_cut() {
    if let Some(mount) = std::env::var_os(WRITER) {
        write_until_cut_off(&Path::new(&mount).join("state"));
    }
    if let Some(mount) = std::env::var_os(CHECKER) {
        report(&Path::new(&mount).join("state"));
    }
}

/// Appends in batches of two, and says after each how many events were acknowledged.
fn write_until_cut_off(state: &Path) {
    let say = |number: u64| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "acknowledged {number}");
        let _ = out.flush();
    };
    // Closing syncs, whoever wants it: the counter-proof never gets there.
    let sitting = match std::env::var_os(NO_BARRIER) {
        Some(_) => usize::MAX,
        None => A_SITTING,
    };
    let mut acknowledged = 0;
    loop {
        let Ok(mut journal) = crate::sample::open(state) else {
            return;
        };
        let mut draft = sample::draft();
        if acknowledged % 5 == 0 {
            let long = "<!-- long -->".repeat(30_000);
            draft.definition.xml = virt_retire::model::SecretXml::new(long);
        }
        let Ok(begun) = journal.begin(draft) else {
            return;
        };
        acknowledged += 1;
        say(acknowledged);
        for step in 0..sitting {
            let direction = Direction::Forward;
            let intent = EventKind::Intent { step, direction };
            let entered = EventKind::Entered {
                state: State::Executing,
                cause: None,
            };
            if journal.append(begun.id, vec![intent, entered]).is_err() {
                return;
            }
            acknowledged += 2;
            say(acknowledged);
        }
    }
}

/// Says what is there: transactions and events, counted as the writer counts.
fn report(state: &Path) {
    match crate::sample::open(state) {
        Ok(journal) => {
            let summaries = journal.summaries().unwrap();
            let events: usize = (summaries.iter())
                .map(|summary| journal.read(summary.id).unwrap().events.len())
                .sum();
            assert_eq!(events % 2, 0, "half of a batch is there");
            println!("found {}", summaries.len() + events);
        }
        Err(error) => println!("error {error}"),
    }
}

#[derive(Debug)]
enum After {
    /// How many were acknowledged, and how many are there.
    Found { acknowledged: u64, found: u64 },
    /// What the check said instead.
    #[allow(dead_code, reason = "shown where an assertion fails")]
    Error(String),
}

impl After {
    fn is_loss(&self) -> bool {
        match self {
            After::Found {
                acknowledged,
                found,
            } => found < acknowledged,
            After::Error(_) => true,
        }
    }
}

/// Makes a file system, lets a writer run until it has had `records` acknowledged, cuts, mounts
/// again, and counts.
fn cut(kind: &str, records: u64, barrier: bool) -> After {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image");
    let mount = dir.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    // The shell keeps the namespace; each line it reads is the next thing to do in it.
    let mut shell = Shell::new(&image, &mount);
    shell.run(&format!("mkfs.{kind} -q \"$IMAGE\""));
    shell.run("mount -o loop \"$IMAGE\" \"$MOUNT\"");
    let extra = if barrier {
        ""
    } else {
        "VIRT_RETIRE_TEST_NO_BARRIER=1"
    };
    debug_assert!(extra.is_empty() || extra.starts_with(NO_BARRIER));
    let test = "\"$TEST\" --exact power_cut::process_of_a_power_cut --nocapture --quiet";
    // The journal itself is made durably in any case: what may be lost is what was appended.
    shell.run(&format!("{CHECKER}=\"$MOUNT\" {test} >\"$OUT\" 2>&1"));
    shell.start(&format!(
        "{extra} {WRITER}=\"$MOUNT\" timeout 300 {test} >\"$OUT\" 2>/dev/null & writer=$!"
    ));
    await_record(&shell.out, records);
    shell.run(CUT);
    // A writer that hangs instead of failing is a bug of its own.
    shell.run("wait $writer; [ $? -ne 124 ]");
    shell.run(REMOUNT);
    let acknowledged = last_number(&shell.out, "acknowledged ").unwrap_or(0);
    shell.run(&format!("{CHECKER}=\"$MOUNT\" {test} >\"$OUT\" 2>&1"));
    let said = std::fs::read_to_string(&shell.out).unwrap();
    let after = match last_number(&shell.out, "found ") {
        Some(found) => After::Found {
            acknowledged,
            found,
        },
        None => After::Error(said),
    };
    shell.run("umount \"$MOUNT\"");
    after
}

/// Until a writer has had this many records acknowledged, however long that takes on a busy
/// machine.
fn await_record(out: &Path, number: u64) {
    let until = Instant::now() + Duration::from_secs(120);
    while last_number(out, "acknowledged ").is_none_or(|last| last < number) {
        assert!(Instant::now() < until, "the writer comes to no {number}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The number in the last whole line that begins with `word`.
fn last_number(path: &Path, word: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().rev();
    lines.find_map(|line| line.split_once(word)?.1.parse().ok())
}

/// `bash` in a private mount namespace: mounts end with it.
pub struct Shell {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    out: PathBuf,
}

impl Shell {
    pub fn new(image: &Path, mount: &Path) -> Self {
        let size = 320 << 20;
        std::fs::File::create(image).unwrap().set_len(size).unwrap();
        let out = image.with_file_name("out");
        let mut child = Command::new("unshare")
            .args(["-m", "--propagation", "private", "bash"])
            .env("IMAGE", image)
            .env("MOUNT", mount)
            .env("OUT", &out)
            .env("TEST", std::env::current_exe().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Self {
            child,
            answers,
            out,
        };
        // mkfs and xfs_io are not on everybody's path.
        shell.run("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin");
        shell
    }

    fn start(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// One line, which must succeed.
    pub fn run(&mut self, line: &str) {
        self.start(&format!("{{ {line}; }} >&2; echo \"done $?\""));
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done 0\n", "{line}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // End of input ends the shell, and with it the namespace.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Loses all that was not synced, and fails every access from then on.
pub const CUT: &str = "xfs_io -x -c shutdown \"$MOUNT\"";
/// The machine comes up again.
pub const REMOUNT: &str = "umount \"$MOUNT\" && mount -o loop \"$IMAGE\" \"$MOUNT\"";

/// Cuts share the loop devices and the disk below; one at a time keeps their timing honest.
pub static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub fn can_cut() -> bool {
    let can = rustix::process::geteuid().is_root() && Path::new("/dev/loop-control").exists();
    if !can {
        eprintln!("skipped: needs root and loop devices");
    }
    can
}

fn every_acknowledged_record_survives(kind: &str) {
    if !can_cut() {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    let mut total = 0;
    for cut_number in 0..6 {
        let after = cut(kind, 1 + 60 * cut_number, true);
        assert!(!after.is_loss(), "{kind}, cut {cut_number}: {after:?}");
        if let After::Found { acknowledged, .. } = after {
            total += acknowledged;
        }
    }
    assert!(total > 100, "only {total} records: the cuts tested nothing");
}

#[test]
fn every_acknowledged_record_survives_on_xfs() {
    every_acknowledged_record_survives("xfs");
}

#[test]
fn every_acknowledged_record_survives_on_ext4() {
    every_acknowledged_record_survives("ext4");
}

/// A kill loses nothing that was written, acknowledged or not; but it comes between any two writes.
#[test]
fn every_acknowledged_record_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let process = |role: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "power_cut::process_of_a_power_cut",
                "--nocapture",
            ])
            .env(role, dir.path())
            .stdout(std::fs::File::create(&out).unwrap())
            .stderr(Stdio::null());
        command
    };
    let mut before = 0;
    for round in 0..12u64 {
        let mut writer = process(WRITER).spawn().unwrap();
        await_record(&out, 1 + 8 * (round % 7));
        writer.kill().unwrap();
        writer.wait().unwrap();
        // The writer counts from one again.
        let acknowledged = before + last_number(&out, "acknowledged ").unwrap_or(0);
        assert!(process(CHECKER).status().unwrap().success());
        let found = last_number(&out, "found ")
            .unwrap_or_else(|| panic!("round {round}: {}", std::fs::read_to_string(&out).unwrap()));
        assert!(
            found >= acknowledged,
            "round {round}: {found} of {acknowledged}"
        );
        before = found;
    }
    assert!(
        before > 100,
        "only {before} records: the kills tested nothing"
    );
}

/// sled's own flush loses what it acknowledged. The day this fails, sled has learned to sync and
/// the barrier may go.
#[test]
fn without_the_barrier_records_are_lost() {
    if !can_cut() || !cfg!(debug_assertions) {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    // All of it, unless somebody happened to sync the whole machine.
    let lost = (0..4).find(|cut_number| cut("xfs", 50 + 50 * cut_number, false).is_loss());
    assert!(lost.is_some(), "4 cuts without the barrier lost nothing");
}
