//! What a person reads, whole. If these fail, the words on the screen have changed: look whether a
//! cautious operator still finds there what is about to happen, and run `cargo insta review` or fix
//! the text below.

use crate::support::retire::{BINARY, quote};
use crate::support::{Disk, Guest, GuestBuilder, PrivateHost};

/// The text with what differs from run to run replaced.
fn settled(guest: &Guest, told: &str) -> String {
    let text = told.replace(&guest.uuid, "UUID");
    let text = without_sizes(&without_moments(&without_times(&text)));
    // The quarantine's folder has a UUID of its own, and the host has a name; who was logged in
    // there is another matter.
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        for start in ["UUID:", "Command:", "By:"] {
            if line.starts_with(start) {
                *line = format!("{start} …");
            }
        }
        if let Some(at) = line.find("rollback by ") {
            line.replace_range(at + "rollback by ".len().., "…");
        }
        if let Some(at) = line.find("quarantine/1-") {
            let at = at + "quarantine/1-".len();
            line.replace_range(at..at + 36, "UUID");
        }
    }
    lines.join("\n")
}

/// "today ##:##" for each moment.
fn without_moments(text: &str) -> String {
    let mut parts = text.split("today ");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("today ##:##");
        result.push_str(&part["18:37".len()..]);
    }
    result
}

/// "TIME" for each "2026-11-23 01:39:12 UTC", whatever the year.
fn without_times(text: &str) -> String {
    const LENGTH: usize = "2026-11-23 01:39:12".len();
    let parts: Vec<&str> = text.split(" UTC").collect();
    let (last, timed) = parts.split_last().unwrap();
    let mut result = String::new();
    for part in timed {
        let (before, time) = part.split_at(part.len() - LENGTH);
        time.parse::<jiff::civil::DateTime>().unwrap();
        result.push_str(before);
        result.push_str("TIME");
    }
    result + last
}

/// What is allocated is the file system's affair, and how long XML is libvirt's: "SIZE" for each,
/// with the blanks before it.
fn without_sizes(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for unit in [" B", " KiB", " MiB"] {
            let mut from = 0;
            while let Some(at) = line[from..].find(unit).map(|at| at + from) {
                from = at + unit.len();
                let before = line[..at].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                if before.len() == at {
                    continue;
                }
                let start = before.trim_end().len();
                line.replace_range(start..from, if start == 0 { "SIZE" } else { " SIZE" });
                from = start;
            }
        }
        lines.push(squeezed(&line));
    }
    lines.join("\n")
}

/// Without the blanks that bring a cell below another: how many there are the sizes decide.
fn squeezed(line: &str) -> String {
    let (margin, text) = line.split_at(line.len() - line.trim_start().len());
    let mut text = text.to_owned();
    while text.contains("   ") {
        text = text.replace("   ", "  ");
    }
    format!("{margin}{text}")
}

/// Sizes that QEMU and libvirt decide (of their formats, of their XML) end on no round number:
/// "#.##".
pub fn without_fractions(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut bytes = line.as_bytes().to_vec();
        for unit in [" B", " KiB", " MiB"] {
            for (at, _) in line.match_indices(unit) {
                let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
                let from = at
                    - bytes[..at]
                        .iter()
                        .rev()
                        .take_while(|byte| is_part(byte))
                        .count();
                if !line[from..at].ends_with(".00") {
                    let digits = bytes[from..at]
                        .iter_mut()
                        .filter(|byte| byte.is_ascii_digit());
                    digits.for_each(|byte| *byte = b'#');
                }
            }
        }
        lines.push(String::from_utf8(bytes).unwrap());
    }
    lines.join("\n")
}

/// A guest with a disk of each kind.
fn guest(host: &PrivateHost) -> Guest<'_> {
    let base = format!("{}/base.qcow2", host.images);
    if !host.exists(&base) {
        host.run(&["qemu-img", "create", "-qf", "qcow2", &base, "8M"])
            .expect(0);
    }
    host.shell("ln -s images /var/lib/libvirt/alias");
    GuestBuilder::new("web1")
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("/var/lib/libvirt/alias/data.raw"))
        .disk(
            Disk::unmanaged("overlay.raw")
                .on_base(&base, "qcow2")
                .format("qcow2"),
        )
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .described()
        .autostart()
        .define(host)
}

#[test]
fn a_whole_story() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    // On a terminal of that width, and as a file has it.
    let wide = |words: &[&str], code, columns: &str| {
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let line = format!(
            "stty cols {columns}; PAGER=cat TZ=UTC exec {} --state-dir {} {}",
            quote(BINARY),
            host.state,
            words.join(" ")
        );
        let told = host.on_terminal(&["bash", "-c", &line], "nothing is asked", || "");
        let told = told.expect(code);
        let text = told.stdout.replace('\r', "");
        let is_whole = words.iter().any(|word| word.contains("-v"));
        for line in text.lines().filter(|line| !line.starts_with("Do it:")) {
            let fits = line.chars().count() <= columns.parse::<usize>().unwrap();
            assert!(fits || is_whole, "{line}\n{told}");
        }
        settled(&guest, &text)
    };
    let told = |words: &[&str], code| wide(words, code, "80");
    let plan = ["plan", "web1", "--remove-all-storage"];
    insta::assert_snapshot!("plan", told(&plan, 0));
    insta::assert_snapshot!("plan_120", wide(&plan, 0, "120"));
    insta::assert_snapshot!("plan_steps", told(&[&plan[..], &["-v"]].concat(), 0));
    insta::assert_snapshot!("plan_undecided", told(&["plan", "web1"], 3));
    GuestBuilder::new("other")
        .disk(Disk::unmanaged("data.raw").existing())
        .define(&host);
    insta::assert_snapshot!(
        "plan_in_use",
        told(&["plan", "web1", "--remove-all-storage"], 3)
    );
    host.virsh(&["undefine", "other"]);
    insta::assert_snapshot!("list_empty", told(&["list"], 0));
    let undefine = [
        "undefine",
        "web1",
        "--remove-all-storage",
        "--yes",
        "--reason",
        "replaced by web2",
    ];
    let off = |words: &[&str]| settled(&guest, &host.retire(words).expect(0).stdout);
    insta::assert_snapshot!("undefine", off(&undefine));
    insta::assert_snapshot!("list", told(&["list"], 0));
    insta::assert_snapshot!("list_120", wide(&["list", "-v"], 0, "120"));
    insta::assert_snapshot!("show", told(&["show", "1"], 0));
    insta::assert_snapshot!("rollback", off(&["rollback", "1", "--yes"]));
    insta::assert_snapshot!("list_undone", told(&["list"], 0));
    insta::assert_snapshot!("show_rolled_back", told(&["show", "1"], 0));
    insta::assert_snapshot!("show_events", told(&["show", "1", "-v"], 0));
    what_an_error_says(&host, &guest);
}

fn what_an_error_says(host: &PrivateHost, guest: &Guest) {
    let told = |words: &[&str], code| host.retire(words).expect(code).stderr;
    insta::assert_snapshot!("no_such_domain", told(&["plan", "nosuch"], 1));
    insta::assert_snapshot!("no_such_transaction", told(&["show", "7"], 1));
    insta::assert_snapshot!("undecided", told(&["undefine", "web1", "--yes"], 3));
    insta::assert_snapshot!(
        "not_confirmed",
        told(&["undefine", "web1", "--keep-storage"], 1)
    );
    guest.start();
    insta::assert_snapshot!(
        "running",
        told(&["undefine", "web1", "--remove-all-storage", "--yes"], 3)
    );
    guest.stop();
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    host.shell(&format!("echo theirs >{}/data.raw", host.images));
    insta::assert_snapshot!("path_occupied", told(&["rollback", "2", "--yes"], 3));
    insta::assert_snapshot!("wrong_state", told(&["commit", "2", "--yes"], 1));
    insta::assert_snapshot!(
        "remote",
        told(&["-c", "qemu+ssh://h/system", "plan", "x"], 3)
    );
}
