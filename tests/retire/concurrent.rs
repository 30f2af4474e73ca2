//! Two operators at once, a script in a loop, a monitoring job that lists every minute. If these
//! tests fail, they retire one domain twice, wait for ever, or trip over each other's half-done
//! work.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use crate::support::retire::BINARY;
use crate::support::tracer::After;
use crate::support::{Disk, Guest, GuestBuilder, PrivateHost};

fn tiny<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")).size_mib(1))
        .define(host)
}

fn undefine(name: &str) -> [&str; 4] {
    ["undefine", name, "--remove-all-storage", "--yes"]
}

#[test]
fn thirty_two_at_once_retire_each_domain_exactly_once() {
    let host = PrivateHost::start();
    let names: Vec<String> = (0..8).map(|number| format!("vm{number}")).collect();
    for name in &names {
        tiny(&host, name);
    }
    // All of them stand at the journal before the first gets it.
    let holder = host.hold_journal("undefine first");
    let running: Vec<_> = (0..32)
        .map(|number| {
            let name = &names[number % names.len()];
            let said = host.scratch("");
            let patient = ["--wait", "3600"];
            let child = host
                .retire_command(&[&patient[..], &undefine(name)].concat())
                .stderr(File::create(&said).unwrap())
                .spawn()
                .unwrap();
            (name, child, said)
        })
        .collect();
    for (_, _, said) in &running {
        host.wait_for("it says for whom it waits", || {
            let said = fs::read_to_string(said).unwrap();
            said.contains("waiting for undefine first")
        });
    }
    drop(holder);
    let started = Instant::now();
    let mut done = Vec::new();
    for (name, mut child, said) in running {
        match child.wait().unwrap().code() {
            Some(0) => done.push(name.clone()),
            // Somebody else was first.
            Some(1 | 3) => {}
            other => panic!("{name}: {other:?}, {}", fs::read_to_string(said).unwrap()),
        }
    }
    // They wait for each other, and not for time to pass.
    assert!(
        started.elapsed() < Duration::from_secs(600),
        "{:?}",
        started.elapsed()
    );
    done.sort();
    assert_eq!(done, names, "each by exactly one of them");
    let listed = host.retire_json(&["list"]).expect(0).json();
    let listed = listed["transactions"].as_array().unwrap();
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|it| it["state"] == "committed"));
    host.retire(&["recover", "--yes"]).expect(0);
}

/// While one transaction stands still in the middle of a move.
#[test]
fn others_can_look_on_and_need_not_wait_for_ever() {
    let host = PrivateHost::start();
    tiny(&host, "one");
    tiny(&host, "two");
    let mut looked = false;
    let ran = host.traced(&undefine("one"), &mut |point| {
        if looked || point.call != "renameat2" || !point.step.contains("quarantine-disk") {
            return After::GoOn;
        }
        looked = true;
        let listed = host.retire_json(&["list"]).expect(0).json();
        assert_eq!(listed["transactions"][0]["state"], "executing");
        let shown = host.retire(&["show", "1"]).expect(0);
        assert!(shown.stdout.contains("do 3") || shown.stdout.contains("quarantine-disk"));

        // libvirt has lost it by now, and may have it back: it is waited for like any other.
        let same = [&["--wait", "0"][..], &undefine("one")].concat();
        let held = host.retire_json(&same).expect(6);
        assert_eq!(held.json_error()["error"]["code"], "journal-held", "{held}");
        // And nobody is left with half a document.
        let told = host.retire_json(&["--wait", "0", "log"]);
        match told.code {
            0 => drop(told.json()),
            _ => assert_eq!((told.expect(6).stdout.as_str(), held.code), ("", 6)),
        }

        let at_once = [&["--wait", "0"][..], &undefine("two")].concat();
        let held = host.retire_json(&at_once).expect(6);
        let error = &held.json_error()["error"];
        assert_eq!(error["code"], "journal-held");
        assert!(
            error["message"].as_str().unwrap().contains("undefine one"),
            "{held}"
        );

        let started = Instant::now();
        let a_second = [&["--wait", "1"][..], &undefine("two")].concat();
        let held = host.retire(&a_second).expect(6);
        assert!(held.stderr.contains("waiting for undefine one"), "{held}");
        let took = started.elapsed();
        // By default it would be a minute.
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(50));

        // A signal while it waits ends it at once, and nothing has been changed.
        let script = r#"said=$1; shift; "$@" 2>"$said" & waiting=$!
            until grep -q 'waiting for undefine one' "$said"; do kill -0 $waiting || break; sleep 0.01; done
            kill -TERM $waiting; wait $waiting || code=$?; cat "$said" >&2; exit $code"#;
        let said = host.scratch("");
        let mut waiting = vec!["bash", "-c", script, "signal", &said, BINARY];
        waiting.extend(["--state-dir", &host.state, "--wait", "3600"]);
        waiting.extend(undefine("two"));
        let ended = host.run(&waiting).expect(1);
        assert!(ended.stderr.contains("Nothing was changed"), "{ended}");
        After::GoOn
    });
    assert!(looked && ran.code == 0, "{ran}");
    assert_eq!(host.domains(), ["two"]);
    host.retire(&undefine("two")).expect(0);
}
