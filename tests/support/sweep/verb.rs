//! What is swept: the way to where each verb begins, and what must be true when it is over.

use std::fs;

use super::scene::Scene;
use crate::support::tracer::{After, Traced};

/// A new verb that changes something belongs into this list, and the compiler names what else it
/// needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Undefine,
    /// Of a plan saved before.
    Apply,
    /// Of a guest that runs.
    Destroy,
    /// Of a transient one, which must run on or be defined: dead, with its definition lost and its
    /// disks behind, it would be half a domain that no command knows.
    DestroyTransient,
    Rollback,
    Commit,
    /// On an undefine that was killed when half its files had moved.
    Recover,
    /// After the journal's own files were lost.
    Rebuild,
    /// Of another domain's transaction, which is gone for good after it.
    Purge,
    /// The same with `--wipe`.
    Wipe,
    Hold,
    /// `policy set`.
    Policy,
    /// Of a transient guest that runs and is to be put on the list. It dies after the fault.
    WatchLiving,
    /// Of one that has died. After the fault the watch is started again, as systemd would.
    WatchDead,
    /// The same, and `recover` runs before it, as at every boot.
    WatchAfterBoot,
}

/// The domain, or the files of a transient guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    Whole,
    /// And it runs; once it was stopped, undone is all but that.
    Running,
    Retired,
    /// Half of it is gone, or nobody can say.
    Unknown,
}

impl Verb {
    /// For the table.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Undefine => "undefine",
            Verb::Apply => "apply",
            Verb::Destroy => "destroy",
            Verb::DestroyTransient => "destroy (transient)",
            Verb::Rollback => "rollback",
            Verb::Commit => "commit",
            Verb::Recover => "recover",
            Verb::Rebuild => "rebuild",
            Verb::Purge => "purge",
            Verb::Wipe => "purge --wipe",
            Verb::Hold => "hold",
            Verb::Policy => "policy set",
            Verb::WatchLiving => "watch (guest runs)",
            Verb::WatchDead => "watch (guest died)",
            Verb::WatchAfterBoot => "watch (recover first)",
        }
    }

    /// Brings a whole domain to where the verb begins, and gives its arguments.
    pub fn arguments(self, scene: &Scene) -> Result<Vec<String>, String> {
        let run = |words: &[String]| {
            let ran = scene.run(words);
            ran.map_err(|error| format!("the way to the verb failed\n{error}"))
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let latest = || Ok::<_, String>(scene.latest()?.map_or(0, |(id, _)| id).to_string());
        let undefine = scene.removal("undefine", &["--yes"]);
        match self {
            Verb::Undefine => Ok(undefine),
            Verb::Apply => {
                let file = format!("{}.plan", scene.host.scratch(""));
                run(&scene.removal("plan", &["--save", &file]))?;
                Ok(words(&["apply", &file, "--yes"]))
            }
            Verb::Destroy => {
                scene.host.virsh(&["start", &scene.name]);
                Ok(scene.removal("destroy", &["--yes"]))
            }
            Verb::DestroyTransient => {
                scene.revive();
                Ok(scene.removal("destroy", &["--yes"]))
            }
            Verb::Rollback => {
                run(&undefine)?;
                Ok(words(&["rollback", &latest()?, "--yes"]))
            }
            Verb::Commit => {
                run(&scene.removal("undefine", &["--prepare", "--yes"]))?;
                Ok(words(&["commit", &latest()?, "--yes"]))
            }
            Verb::Recover => {
                let mut moves = 0;
                let killed = scene.host.traced(&undefine, &mut |point| {
                    let is_move = point.call == "renameat2" && point.step.contains("quarantine");
                    moves += usize::from(is_move);
                    if moves == 2 { After::Kill } else { After::GoOn }
                });
                match killed.code {
                    137 => Ok(words(&["recover", "--yes"])),
                    _ => Err(format!("the undefine was not killed\n{killed}")),
                }
            }
            Verb::Rebuild => {
                run(&undefine)?;
                let journal = scene.host.path(&scene.host.state).join("journal");
                fs::write(journal.join("db"), b"not what it was").unwrap();
                Ok(words(&["rebuild", "--yes"]))
            }
            Verb::Purge => {
                scene.retire_another()?;
                Ok(words(&["purge", &latest()?, "--yes"]))
            }
            Verb::Wipe => {
                scene.retire_another()?;
                Ok(words(&["purge", &latest()?, "--wipe", "--yes"]))
            }
            Verb::Hold => {
                run(&undefine)?;
                Ok(words(&["hold", &latest()?, "--reason", "audit", "--yes"]))
            }
            Verb::Policy => Ok(words(&[
                "policy",
                "set",
                &scene.name,
                "vda",
                "keep",
                "--yes",
            ])),
            Verb::WatchLiving => {
                scene.revive();
                Ok(words(&WATCH))
            }
            Verb::WatchDead | Verb::WatchAfterBoot => {
                scene.revive();
                run(&words(&WATCH))?;
                scene.host.virsh(&["destroy", &scene.name]);
                Ok(words(&WATCH))
            }
        }
    }

    /// What is there before the verb, and after it where it ended well.
    fn truth(self) -> (Now, Now) {
        match self {
            Verb::Undefine | Verb::Apply => (Now::Whole, Now::Retired),
            Verb::Destroy | Verb::DestroyTransient => (Now::Running, Now::Retired),
            Verb::WatchDead | Verb::WatchAfterBoot => (Now::Whole, Now::Retired),
            Verb::WatchLiving => (Now::Whole, Now::Whole),
            Verb::Rollback => (Now::Retired, Now::Whole),
            Verb::Commit | Verb::Hold => (Now::Retired, Now::Retired),
            Verb::Rebuild => (Now::Unknown, Now::Retired),
            // What cannot go back goes forward; and a policy is a change of the XML.
            Verb::Recover | Verb::Policy | Verb::Purge | Verb::Wipe => (Now::Unknown, Now::Unknown),
        }
    }

    /// Judges a run that was not killed: the exit code must tell the truth, and what it leaves must
    /// be fixed by one `recover`, if there is anything to fix.
    pub fn judge(self, scene: &Scene, ran: &Traced) -> Result<(), String> {
        let (before, after) = self.truth();
        let must_be = |now: Now| match now {
            Now::Whole => scene.whole(),
            Now::Running if ran.code == 4 => scene.rolled_back(),
            Now::Running if scene.host.is_running(&scene.name) => Ok(()),
            Now::Running => Err("nothing was changed, and it runs no more".into()),
            Now::Retired => scene.retired().map(|_| ()),
            Now::Unknown => Ok(()),
        };
        match ran.code {
            0 if self == Verb::Policy => keeps_vda(scene)?,
            0 if matches!(self, Verb::Purge | Verb::Wipe) => scene.purged()?,
            0 => must_be(after)?,
            1 | 3 => must_be(before)?,
            4 if before != Now::Unknown => must_be(before)?,
            5 => {}
            code => return Err(format!("exit code {code}")),
        }
        self.fix(scene)?;
        scene.law()
    }

    /// What an operator types after a fault. It must work at the first time, and do nothing at the
    /// second.
    pub fn fix(self, scene: &Scene) -> Result<(), String> {
        let recover = || {
            scene
                .run(&["recover", "--yes"])
                .map_err(|error| format!("recover does not recover\n{error}"))
        };
        let watch = || {
            scene
                .run(&WATCH)
                .map_err(|error| format!("the watch does not go on\n{error}"))
        };
        match self {
            Verb::Rebuild => {
                let again = scene.host.retire_json(&["rebuild", "--yes"]);
                let is_healthy =
                    || again.code == 1 && again.json_error()["error"]["code"] == "journal-healthy";
                if again.code != 0 && !is_healthy() {
                    return Err(format!("rebuild does not rebuild\n{again}"));
                }
            }
            Verb::Policy => scene.run(&["policy", "clear", &scene.name, "--yes"])?,
            Verb::Purge | Verb::Wipe => {
                recover()?;
                // Killed before its first record, it has not begun.
                let (id, state) = scene.latest()?.ok_or("no transaction")?;
                if state == "committed" {
                    scene.run(&["purge", &id.to_string(), "--yes"])?;
                }
                scene.purged()?;
            }
            Verb::WatchLiving => {
                watch()?;
                scene.host.virsh(&["destroy", &scene.name]);
                watch()?;
            }
            Verb::WatchDead => watch()?,
            Verb::WatchAfterBoot => {
                recover()?;
                watch()?;
            }
            _ => {}
        }
        if matches!(
            self,
            Verb::WatchLiving | Verb::WatchDead | Verb::WatchAfterBoot
        ) {
            scene.retired().map_err(|error| {
                format!("the watch was started again and has not done it: {error}")
            })?;
        }
        recover()?;
        recover()
    }
}

/// It looks at every guest once, as it does whenever it starts.
const WATCH: [&str; 2] = ["watch", "--once"];

fn keeps_vda(scene: &Scene) -> Result<(), String> {
    let shown = scene.host.retire(&["policy", "show", &scene.name]);
    let is_kept = shown
        .stdout
        .lines()
        .any(|line| line.contains("vda") && line.contains("keep"));
    match is_kept {
        true => Ok(()),
        false => Err(format!("it ended well, and there is no policy\n{shown}")),
    }
}
