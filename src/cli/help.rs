//! The program's own help and manual, both made from the definition of the command line, so that
//! neither can drift from what the program takes.

use std::fmt::Write;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::args::Arguments;

/// The verbs by what somebody wants. A test sees to it that each is in one group.
const GROUPS: [(&str, &[&str]); 7] = [
    (
        "Retire",
        &["plan", "apply", "undefine", "destroy", "commit"],
    ),
    ("Undo", &["rollback", "recover"]),
    ("Keep or free space", &["purge", "hold", "release"]),
    (
        "Look",
        &["list", "show", "log", "volumes", "users", "doctor"],
    ),
    ("Prove", &["verify", "prove"]),
    ("Set up", &["policy", "watch", "config"]),
    ("Repair", &["journal", "rebuild"]),
];

/// The command line with its verbs grouped.
pub fn command() -> Command {
    let command = Arguments::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{{options}}{{after-help}}",
        grouped(&command)
    );
    command.help_template(template)
}

fn grouped(command: &Command) -> String {
    let mut text = String::new();
    for (group, verbs) in GROUPS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{group}:");
        for verb in verbs {
            let Some(found) = command.find_subcommand(verb) else {
                continue;
            };
            let about = found.get_about().map(ToString::to_string);
            let _ = writeln!(text, "  {verb:<10} {}", about.unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

/// Writes `virt-retire.1`, and a page for each verb, into `folder`.
///
/// # Errors
/// The folder cannot be written to.
pub fn write_manual(folder: &Path) -> io::Result<()> {
    let command = Arguments::command();
    clap_mangen::generate_to(command.clone(), folder)?;
    let mut page = Vec::new();
    let man = Man::new(command);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for section in BEFORE_COMMANDS {
        render(section, &mut page)?;
    }
    man.render_subcommands_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for section in AFTER_COMMANDS {
        render(section, &mut page)?;
    }
    std::fs::write(folder.join("virt-retire.1"), page)
}

/// A heading, and paragraphs; one that begins with a term and a tab is an entry of a list.
type Section = (&'static str, &'static [&'static str]);

fn render((heading, paragraphs): &Section, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", [*heading]);
    for paragraph in *paragraphs {
        match paragraph.split_once('\t') {
            Some((term, text)) => {
                roff.control("TP", []);
                roff.text([bold(term)]);
                roff.text([roman(text)]);
            }
            None => {
                roff.control("PP", []);
                let lines: Vec<Inline> = vec![roman(*paragraph)];
                roff.text(lines);
            }
        }
    }
    roff.to_writer(page)
}

const BEFORE_COMMANDS: &[Section] = &[
    (
        "QUICK TOUR",
        &[
            "virt-retire plan web1 --remove-all-storage\tWhat would happen, disk by disk, and why. \
             Changes nothing.",
            "virt-retire undefine web1 --remove-all-storage --reason 'replaced by web2'\tThe same, \
             and after a yes it happens: the definition and the disks go into quarantine.",
            "virt-retire list\tWhat was retired, when and by whom.",
            "virt-retire rollback last\tEverything is back where it was, under its own inodes.",
        ],
    ),
    (
        "STATES",
        &[
            "A transaction is one domain's retirement. It runs from planned over executing and \
             prepared to committed; a rollback takes it over rolling-back to rolled-back. undefine \
             runs to committed by itself, with --prepare it stops at prepared for a later commit \
             or rollback. A transaction is stuck where neither direction could finish: the causes \
             are recorded, and recover tries again.",
        ],
    ),
    (
        "WHICH DISKS GO",
        &[
            "The first rule that speaks decides, disk by disk. 1. --storage removes the disks that \
             it names and keeps the rest. 2. The domain's own policy says remove or keep. 3. \
             Read-only and shareable disks, CD-ROMs and floppies are kept. 4. A read-write disk: \
             --remove-all-storage removes it, --remove-managed-storage only if it belongs to a \
             pool, --remove-unmanaged-storage only if not, --keep-storage keeps it. With none of \
             these the plan is refused.",
            "What anyone else uses is never taken, whatever the flags: another domain, another \
             image's backing chain, a process, a mount, a loop device.",
        ],
    ),
    (
        "SPACE",
        &[
            "Files are moved into quarantine by rename, within their file system: that is instant \
             for any size, and frees no space.",
            "purge frees it, and is the one verb without a way back. What is held (hold, release) \
             is purged by nothing; what has expired is purged by purge --expired, for a timer. The \
             word is virt-retire's own, and not what NIST SP 800-88 calls to purge: files are \
             unlinked.",
        ],
    ),
];

const AFTER_COMMANDS: &[Section] = &[
    (
        "EXIT STATUS",
        &[
            "0\tDone.",
            "1\tError; nothing was changed.",
            "2\tThe command line is wrong.",
            "3\tRefused by a law or a rule; nothing was changed.",
            "4\tA step failed, and everything was put back.",
            "5\tStuck, or work is left for recover.",
            "6\tAnother process holds the journal or the domain.",
        ],
    ),
    (
        "FILES",
        &[
            "/etc/virt-retire/config.toml\tThe configuration of root; of another user \
             $XDG_CONFIG_HOME/virt-retire/config.toml.",
            "/var/lib/virt-retire\tThe state folder of root, with the journal; of another user \
             $XDG_STATE_HOME/virt-retire.",
            "/usr/lib/systemd/system/virt-retire-recover.service\tRecovers at boot what a crash \
             left. Beside it, and not enabled by themselves: virt-retire-purge.timer, for what has \
             expired, and virt-retire-watch.service.",
            ".virt-retire\tA quarantine, on each file system that files were retired from. Each \
             transaction has a folder in it with a manifest that a person can restore from.",
        ],
    ),
    (
        "EXAMPLES",
        &[
            "virt-retire doctor\tWhat would stop a retirement on this host, and what other tools \
             left.",
            "virt-retire volumes web1\tEverything that it stores its state in, chains included.",
            "virt-retire users default/web1.qcow2\tWho uses a volume, inside libvirt and outside \
             of it.",
            "virt-retire policy set web1 vda remove\tIts own word on a disk, so that no flag is \
             needed.",
            "virt-retire undefine web1 --reason 'as its policy says'\tRetires it by that.",
            "virt-retire list --domain 'web*' --since 7d\tWhat of that name was retired in a week.",
            "virt-retire show last\tThe newest of all, whole.",
            "virt-retire hold last --reason 'audit'\tNothing purges it until release.",
            "virt-retire release last\tThe same is free to be purged again.",
            "virt-retire rollback last --as-name web1-old --new-uuid\tIt comes back beside a new \
             guest of its name.",
            "virt-retire destroy web1-old --remove-all-storage --expires 30d\tStopped at once if \
             it runs, and kept for thirty days.",
            "virt-retire purge --expired --dry-run\tWhat would go for good now.",
            "virt-retire log --checkpoint\tOne line to keep elsewhere: it proves later that \
             nothing before it was changed.",
            "virt-retire verify\tQuarantine and log are as they were left.",
        ],
    ),
    (
        "LIMITS",
        &[
            "QEMU domains of a local libvirt. Files and folders are moved within one file system; \
             block devices and network disks are refused by name or kept, never skipped.",
        ],
    ),
    ("SEE ALSO", &["virsh(1), libvirtd(8), qemu-img(1)"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group() {
        let command = Arguments::command();
        let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        for verb in shown.map(Command::get_name) {
            let groups = GROUPS.iter().filter(|(_, verbs)| verbs.contains(&verb));
            assert_eq!(groups.count(), 1, "{verb}");
        }
        for verb in GROUPS.iter().flat_map(|(_, verbs)| *verbs) {
            assert!(command.find_subcommand(verb).is_some(), "{verb}");
        }
    }

    #[test]
    fn the_manual_has_a_page_for_each_verb() {
        let folder = tempfile::tempdir().unwrap();
        write_manual(folder.path()).unwrap();
        let main = std::fs::read_to_string(folder.path().join("virt-retire.1")).unwrap();
        for heading in [
            "QUICK TOUR",
            "STATES",
            "WHICH DISKS GO",
            "SPACE",
            "EXIT STATUS",
            "FILES",
            "EXAMPLES",
            "LIMITS",
        ] {
            assert!(main.contains(heading), "{heading}\n{main}");
        }
        for verb in Arguments::command().get_subcommands() {
            let page = format!("virt-retire-{}.1", verb.get_name());
            let hidden = verb.is_hide_set();
            assert!(hidden || folder.path().join(&page).exists(), "{page}");
        }
    }
}
