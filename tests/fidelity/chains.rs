//! If one of these fails, a disk comes back without what it stands on: QEMU follows a name in an
//! image's header that we did not follow, or we followed one that somebody else needs. A chain cut
//! short here is a guest that does not boot after its undo, or another guest that does not boot at
//! all.

use std::os::unix::fs::symlink;

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};
use serde_json::Value;

struct Chains {
    host: PrivateHost,
}

impl Chains {
    fn new() -> Self {
        Chains {
            host: PrivateHost::start(),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.host.images)
    }

    #[track_caller]
    fn base(&self, name: &str) -> String {
        let path = self.path(name);
        let words = ["qemu-img", "create", "-q", "-f", "qcow2", &path, "8M"];
        self.host.run(&words).expect(0);
        self.write(&path, 1);
        path
    }

    /// An overlay on `backing`, as qemu-img spells it in the header.
    #[track_caller]
    fn overlay(&self, name: &str, backing: &str, format: &str) -> String {
        let path = self.path(name);
        self.host
            .run(&[
                "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", format,
                &path, "8M",
            ])
            .expect(0);
        path
    }

    #[track_caller]
    fn write(&self, path: &str, pattern: u8) {
        let write = format!("write -q -P {pattern} 0 64k");
        self.host
            .run(&["qemu-io", "-f", "qcow2", "-c", &write, path])
            .expect(0);
    }

    /// A guest on this disk.
    fn guest(&self, name: &str, path: &str) {
        let disk = Disk::unmanaged(path).format("qcow2").existing();
        GuestBuilder::new(name).disk(disk).define(&self.host);
    }

    /// A guest whose disk's XML says more than the source.
    fn guest_with(&self, name: &str, format: &str, path: &str, more: &str, inner: &str) {
        GuestBuilder::new(name)
            .device_xml(&format!(
                "<disk type='file' device='disk'><driver name='qemu' type='{format}'/>\
                 <source file='{path}'>{inner}</source>{more}<target dev='vda' \
                 bus='virtio'/></disk>"
            ))
            .define(&self.host);
    }

    fn disk(&self, name: &str) -> Value {
        let plan = ["plan", name, "--remove-all-storage"];
        let plan = self.host.retire_json(&plan).json();
        plan["plans"][0]["disks"][0].clone()
    }

    /// Retires the guest, sees all of these files gone, brings it back, and starts it. `stays` are
    /// files that are not touched and are shown as kept.
    #[track_caller]
    fn there_and_back(&self, name: &str, goes: &[&str], stays: &[&str]) {
        self.there_and_back_unstarted(name, goes, stays);
        self.host.virsh(&["start", name]);
        self.host.virsh(&["destroy", name]);
    }

    #[track_caller]
    fn there_and_back_unstarted(&self, name: &str, goes: &[&str], stays: &[&str]) {
        let all: Vec<&str> = goes.iter().chain(stays).copied().collect();
        let before = Identity::capture(&self.host, name, &all);
        let disk = self.disk(name);
        let kept: Vec<&str> = disk["chain"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|link| link["fate"] == "keep")
            .map(|link| link["path"].as_str().unwrap())
            .collect();
        assert_eq!(kept, stays, "{disk:#}");
        let undefine = ["undefine", name, "--remove-all-storage", "--yes"];
        let done = self.host.retire_json(&undefine).expect(0).json();
        for path in goes {
            assert!(!self.host.exists(path), "{path} was left behind");
        }
        for path in stays {
            assert!(self.host.exists(path), "{path} was taken");
        }
        let id = done["transactions"][0]["id"].to_string();
        self.host.retire(&["rollback", &id, "--yes"]).expect(0);
        assert_same(&before, &Identity::capture(&self.host, name, &all));
    }

    /// The plan is refused because the chain cannot be read, says so of this file, and changes
    /// nothing.
    #[track_caller]
    fn unreadable(&self, name: &str, about: &str) {
        let before = Identity::capture(&self.host, name, &[]);
        let undefine = ["undefine", name, "--remove-all-storage", "--yes"];
        let refused = self.host.retire_json(&undefine).expect(3);
        let plan = ["plan", name, "--remove-all-storage"];
        let plan = self.host.retire_json(&plan).expect(3).json();
        let refusals = &plan["plans"][0]["refusals"];
        assert_eq!(refusals[0]["code"], "unreadable-chain", "{refused}");
        assert_eq!(refusals.as_array().unwrap().len(), 1);
        let message = refusals[0]["message"].as_str().unwrap();
        assert!(message.contains(about), "no {about} in {message}");
        assert_same(&before, &Identity::capture(&self.host, name, &[]));
        // It can still be left out.
        let keep = ["plan", name, "--keep-storage"];
        self.host.retire(&keep).expect(0);
    }
}

#[test]
fn each_way_to_name_a_base() {
    let chains = Chains::new();
    let base = chains.base("absolute-base");
    let top = chains.overlay("absolute", &base, "qcow2");
    chains.guest("absolute", &top);
    chains.there_and_back("absolute", &[&top, &base], &[]);

    let base = chains.base("relative-base");
    let middle = chains.overlay("relative-middle", "relative-base", "qcow2");
    let top = chains.overlay("relative", "./relative-middle", "qcow2");
    chains.guest("relative", &top);
    chains.there_and_back("relative", &[&top, &middle, &base], &[]);

    // The last one libvirt does not know: only QEMU's own tools follow it.
    for (name, json) in [
        ("json-flat", r#"json:{"driver":"file","filename":"BASE"}"#),
        (
            "json-file",
            r#"json:{"file":{"driver":"file","filename":"BASE"}}"#,
        ),
        (
            "json-whole",
            r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"BASE"}}"#,
        ),
    ] {
        let base = chains.base(&format!("{name}-base"));
        let top = chains.overlay(name, &json.replace("BASE", &base), "qcow2");
        chains.guest(name, &top);
        if name == "json-whole" {
            chains.there_and_back_unstarted(name, &[&top, &base], &[]);
        } else {
            chains.there_and_back(name, &[&top, &base], &[]);
        }
    }

    let raw = chains.path("raw-base");
    chains.host.shell(&format!("truncate -s 8M {raw}"));
    let top = chains.overlay("raw", &raw, "raw");
    chains.guest("raw", &top);
    chains.there_and_back("raw", &[&top, &raw], &[]);
}

#[test]
fn symlinks_and_what_they_lead_to_are_two_things() {
    let chains = Chains::new();
    let host = &chains.host;
    // A link to a link to the base.
    let base = chains.base("linked-base");
    let (one, two) = (chains.path("link-one"), chains.path("link-two"));
    symlink("linked-base", host.path(&two)).unwrap();
    symlink(&two, host.path(&one)).unwrap();
    let top = chains.overlay("linked", "link-one", "qcow2");
    chains.guest("linked", &top);
    chains.there_and_back("linked", &[&top, &one, &two, &base], &[]);

    // A disk that is itself a link; a relative base is looked for where the link is, as QEMU does.
    let folder = chains.path("store");
    host.shell(&format!("mkdir {folder}"));
    let base = chains.base("beside-base");
    let real = chains.overlay("store/real", "beside-base", "qcow2");
    let name = chains.path("name");
    symlink("store/real", host.path(&name)).unwrap();
    chains.guest("beside", &name);
    chains.there_and_back("beside", &[&name, &real, &base], &[]);

    // A folder that is a link is a way, and no thing of the domain's.
    let way = chains.path("way");
    symlink(&folder, host.path(&way)).unwrap();
    let base = chains.base("store/deep-base");
    let top = chains.overlay("deep", &format!("{way}/deep-base"), "qcow2");
    chains.guest("deep", &top);
    let before = Identity::of_files(host, &[&way]);
    chains.there_and_back("deep", &[&top, &base], &[]);
    assert_same(&before, &Identity::of_files(host, &[&way]));
}

#[test]
fn an_external_data_file_goes_with_its_image() {
    let chains = Chains::new();
    let data = chains.path("data.raw");
    let option = format!("data_file={data},data_file_raw=on");
    let base = chains.path("data-base");
    let create = [
        "qemu-img", "create", "-q", "-f", "qcow2", "-o", &option, &base, "8M",
    ];
    chains.host.run(&create).expect(0);
    chains.write(&base, 3);
    let top = chains.overlay("data", &base, "qcow2");
    chains.guest("data", &top);
    chains.there_and_back("data", &[&top, &base, &data], &[]);
}

#[test]
fn a_base_that_another_guest_needs_stays_and_is_shown() {
    let chains = Chains::new();
    let base = chains.base("shared-base");
    let middle = chains.overlay("mine-middle", &base, "qcow2");
    let mine = chains.overlay("mine", &middle, "qcow2");
    let theirs = chains.overlay("theirs", &base, "qcow2");
    chains.guest("mine", &mine);
    chains.guest("theirs", &theirs);
    let disk = chains.disk("mine");
    assert_eq!(disk["chain"][1]["used_by"][0]["name"], "theirs");
    chains.there_and_back("mine", &[&mine, &middle], &[&base]);
    // Two disks of one guest share a base of their own: it goes once, and comes back once.
    let base = chains.base("own-base");
    let (one, two) = (
        chains.overlay("own-one", &base, "qcow2"),
        chains.overlay("own-two", &base, "qcow2"),
    );
    GuestBuilder::new("own")
        .disk(Disk::unmanaged(&one).format("qcow2").existing())
        .disk(Disk::unmanaged(&two).format("qcow2").existing())
        .define(&chains.host);
    chains.there_and_back("own", &[&one, &two, &base], &[]);
}

/// libvirt hands QEMU the chain that the XML spells out, whatever the headers say.
#[test]
fn a_chain_that_the_xml_spells_out() {
    let chains = Chains::new();
    let store = |format: &str, path: &str, below: &str| {
        format!(
            "<backingStore type='file'><format type='{format}'/><source \
             file='{path}'/>{below}</backingStore>"
        )
    };
    // The headers say nothing of it.
    let base = chains.base("told-base");
    let middle = chains.base("told-middle");
    let top = chains.base("told");
    let xml = store("qcow2", &middle, &store("qcow2", &base, "<backingStore/>"));
    chains.guest_with("told", "qcow2", &top, &xml, "");
    chains.there_and_back("told", &[&top, &middle, &base], &[]);

    // Both say the same, the XML by a symlink.
    let base = chains.base("agreed-base");
    let link = chains.path("agreed-link");
    symlink("agreed-base", chains.host.path(&link)).unwrap();
    let top = chains.overlay("agreed", &base, "qcow2");
    chains.guest_with("agreed", "qcow2", &top, &store("qcow2", &link, ""), "");
    chains.there_and_back("agreed", &[&top, &link, &base], &[]);

    // They say different things: QEMU follows one, every other tool the other.
    let (one, two) = (chains.base("torn-one"), chains.base("torn-two"));
    let top = chains.overlay("torn", &one, "qcow2");
    chains.guest_with("torn", "qcow2", &top, &store("qcow2", &two, ""), "");
    chains.unreadable("torn", &two);
}

#[test]
fn a_data_file_that_the_xml_spells_out() {
    let chains = Chains::new();
    let data = chains.path("store.raw");
    let top = chains.path("stored");
    let option = format!("data_file={data},data_file_raw=on");
    let create = [
        "qemu-img", "create", "-q", "-f", "qcow2", "-o", &option, &top, "8M",
    ];
    chains.host.run(&create).expect(0);
    let inner =
        format!("<dataStore type='file'><format type='raw'/><source file='{data}'/></dataStore>");
    chains.guest_with("stored", "qcow2", &top, "", &inner);
    chains.there_and_back("stored", &[&top, &data], &[]);
}

#[test]
fn a_chain_that_cannot_be_read_is_refused_and_not_cut_short() {
    let chains = Chains::new();
    let host = &chains.host;
    let top = chains.overlay("orphan", "gone-base", "qcow2");
    chains.guest("orphan", &top);
    chains.unreadable("orphan", &chains.path("gone-base"));

    let base = chains.base("garbage-base");
    let top = chains.overlay("garbage", &base, "qcow2");
    host.shell(&format!("head -c 4096 /dev/zero | tr '\\0' x >{base}"));
    chains.guest("garbage", &top);
    chains.unreadable("garbage", &base);

    let top = chains.base("itself");
    host.run(&[
        "qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "itself", &top,
    ])
    .expect(0);
    chains.guest("itself", &top);
    chains.unreadable("itself", "loop");

    let one = chains.base("ring-one");
    let two = chains.overlay("ring-two", &one, "qcow2");
    host.run(&[
        "qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", &two, &one,
    ])
    .expect(0);
    chains.guest("ring", &two);
    chains.unreadable("ring", "loop");

    for (name, remote) in [
        ("nbd", "nbd://example.com:10809/disk"),
        (
            "json-nbd",
            r#"json:{"driver":"qcow2","file":{"driver":"nbd","host":"example.com"}}"#,
        ),
        ("web", "https://example.com/base.qcow2"),
    ] {
        let top = chains.overlay(name, remote, "qcow2");
        chains.guest(name, &top);
        chains.unreadable(name, "not a file of this host");
    }

    // A link that leads nowhere, and one that leads to itself.
    let (nowhere, round) = (chains.path("nowhere"), chains.path("round"));
    symlink("not-there", host.path(&nowhere)).unwrap();
    symlink("round", host.path(&round)).unwrap();
    for (name, link) in [("to-nowhere", &nowhere), ("in-circles", &round)] {
        let top = chains.overlay(name, link, "qcow2");
        chains.guest(name, &top);
        chains.unreadable(name, "images/");
    }

    let folder = chains.path("folder");
    host.shell(&format!("mkdir {folder}"));
    let top = chains.overlay("on-folder", &folder, "raw");
    chains.guest("on-folder", &top);
    chains.unreadable("on-folder", &folder);
}

/// A raw disk's bytes are its guest's, who could write any header there.
#[test]
fn a_raw_disk_has_no_chain_whatever_its_guest_wrote() {
    let chains = Chains::new();
    let base = chains.base("bait");
    let top = chains.overlay("raw-looking", &base, "qcow2");
    let disk = Disk::unmanaged(&top).format("raw").existing();
    GuestBuilder::new("bitten").disk(disk).define(&chains.host);
    assert_eq!(chains.disk("bitten")["chain"], Value::Array(vec![]));
    chains
        .host
        .retire(&["undefine", "bitten", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(chains.host.exists(&base));
}
