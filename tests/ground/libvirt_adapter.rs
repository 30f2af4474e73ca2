//! Failure story: after a rollback `virsh list` showed the domain, and everybody was content until
//! its console asked for no password any more and its snapshots had no current one. What libvirt
//! gives and what it takes back are compared here byte by byte, on a real libvirtd of our own.
//!
//! Each outer test starts a private libvirtd (tests/private-libvirt, as root) and runs this program
//! again in it for the tests of one module, which do nothing anywhere else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt_retire::adapters::libvirt::Libvirt;
use virt_retire::model::{Autostart, Definition, SecretXml, UndefineCall};
use virt_retire::ports::{FilesAre, Hypervisor, HypervisorError, HypervisorView};
use virt_retire::xml::{DomainXml, SnapshotKind, SnapshotXml, Source};

const INSIDE: &str = "VIRT_RETIRE_TEST_INSIDE";
const IMAGES: &str = "/var/lib/libvirt/images";

#[test]
fn against_a_real_daemon() {
    run_inside("live::");
}

#[test]
fn against_a_daemon_that_dies() {
    run_inside("dying::");
}

#[test]
fn against_a_daemon_that_hangs() {
    run_inside("hanging::");
}

fn run_inside(module: &str) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: a private libvirt of the system's kind needs root");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/private-libvirt");
    let status = Command::new(script)
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--test-threads=2", module])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{module} failed; see above");
}

/// Whether this process is in a private libvirt; the tests below would touch the host's otherwise.
fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

fn connect() -> Libvirt {
    Libvirt::connect(Some("qemu:///system")).unwrap()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn virsh(arguments: &[&str]) -> String {
    run("virsh", &[&["-q"], arguments].concat())
}

fn image(name: &str) -> String {
    let path = format!("{IMAGES}/{name}.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", &path, "32M"]);
    path
}

fn domain_xml(name: &str, more_os: &str, more_devices: &str) -> SecretXml {
    SecretXml::new(format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>\
         <os{more_os}><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>\
         <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
         <source file='{IMAGES}/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>\
         <graphics type='vnc' port='-1' passwd='s3cret&amp;'/>{more_devices}</devices></domain>"
    ))
}

/// Defines a domain with one disk, and answers its UUID.
fn define(libvirt: &Libvirt, name: &str) -> Uuid {
    image(name);
    libvirt.define(&domain_xml(name, "", "")).unwrap().uuid
}

const EVERYTHING: UndefineCall = UndefineCall {
    managed_save: true,
    snapshots_metadata: true,
    checkpoints_metadata: true,
    keep_nvram: true,
    keep_tpm: true,
};

fn put_back(libvirt: &Libvirt, uuid: Uuid, saved: &Definition) {
    assert_eq!(libvirt.define(&saved.xml).unwrap().uuid, uuid);
    for snapshot in &saved.snapshots {
        let current = saved.current_snapshot.as_ref() == Some(&snapshot.name);
        libvirt.redefine_snapshot(uuid, snapshot, current).unwrap();
    }
    for checkpoint in &saved.checkpoints {
        libvirt.redefine_checkpoint(uuid, checkpoint).unwrap();
    }
    libvirt.set_autostart(uuid, saved.autostart).unwrap();
}

/// Undefined and defined again, and once more over what is there: the same bytes each time.
fn assert_comes_back(libvirt: &Libvirt, uuid: Uuid) -> Definition {
    let before = libvirt.definition(uuid).unwrap();
    libvirt.undefine(uuid, EVERYTHING).unwrap();
    assert_eq!(libvirt.status(uuid).unwrap(), None);
    assert!(matches!(
        libvirt.definition(uuid),
        Err(HypervisorError::NoSuchDomain(_))
    ));
    for _ in 0..2 {
        put_back(libvirt, uuid, &before);
        assert_same(&before, &libvirt.definition(uuid).unwrap());
    }
    before
}

fn assert_same(before: &Definition, after: &Definition) {
    assert_eq!(before.xml.reveal(), after.xml.reveal());
    for (one, other) in before.snapshots.iter().zip(&after.snapshots) {
        assert_eq!(one.xml.reveal(), other.xml.reveal());
    }
    for (one, other) in before.checkpoints.iter().zip(&after.checkpoints) {
        assert_eq!(one.xml.reveal(), other.xml.reveal());
    }
    assert_eq!(before, after);
}

mod live {
    use super::*;

    /// Enough of them for several threads. A domain that is missing is told of in its own place.
    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn many_are_examined_in_the_order_of_the_question() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let mut names: Vec<String> = (0..40).map(|number| format!("many-{number}")).collect();
        for name in &names {
            define(&libvirt, name);
        }
        names.reverse();
        names.insert(17, "nobody".into());
        let mut found = Vec::new();
        for (name, answer) in names.iter().zip(libvirt.find_each(&names)) {
            match answer {
                Ok(domain) => {
                    assert_eq!(&domain.name, name);
                    found.push(domain);
                }
                Err(HypervisorError::NoSuchDomain(missing)) => assert_eq!(missing, "nobody"),
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert_eq!(found.len(), 40);
        let gone = found[23].uuid;
        libvirt.undefine(gone, EVERYTHING).unwrap();
        for (domain, examined) in found.iter().zip(libvirt.examine(&found)) {
            let uuid = domain.uuid;
            match examined {
                Err(HypervisorError::NoSuchDomain(_)) => assert_eq!(uuid, gone),
                Err(error) => panic!("{}: {error}", domain.name),
                Ok(examined) => {
                    let status = libvirt.status(uuid).unwrap();
                    assert_eq!(Some(examined.status), status);
                    assert_same(&libvirt.definition(uuid).unwrap(), &examined.definition);
                    assert_eq!(examined.refusal, None);
                    libvirt.undefine(uuid, EVERYTHING).unwrap();
                }
            }
        }
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn an_efi_domain_with_a_tpm_comes_back() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        image("efi");
        let xml = domain_xml(
            "efi",
            " firmware='efi'",
            "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>",
        );
        let uuid = libvirt.define(&xml).unwrap().uuid;
        libvirt.start(uuid).unwrap();
        libvirt.destroy(uuid).unwrap();
        libvirt
            .set_autostart(
                uuid,
                Autostart {
                    always: true,
                    once: true,
                },
            )
            .unwrap();

        let saved = assert_comes_back(&libvirt, uuid);
        assert!(saved.xml.reveal().contains("s3cret&amp;"));
        assert!(saved.autostart.always && saved.autostart.once);
        let read = DomainXml::read(saved.xml.reveal()).unwrap();
        let nvram = read.firmware.nvram.unwrap();
        assert!(nvram.exists(), "KEEP_NVRAM leaves {}", nvram.display());
        let tpm = libvirt.state_folders().unwrap().tpm.join(uuid.to_string());
        assert!(tpm.join("tpm2").exists(), "KEEP_TPM leaves {tpm:?}");
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn external_snapshots_with_memory_come_back() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "snap");
        let disk = |n: u32| format!("vda,snapshot=external,file={IMAGES}/snap.{n}");
        virsh(&[
            "snapshot-create-as",
            "snap",
            "off",
            "--disk-only",
            "--diskspec",
            &disk(1),
        ]);
        libvirt.start(uuid).unwrap();
        let memory = format!("file={IMAGES}/snap.mem,snapshot=external");
        virsh(&[
            "snapshot-create-as",
            "snap",
            "warm",
            "--memspec",
            &memory,
            "--diskspec",
            &disk(2),
        ]);
        virsh(&[
            "snapshot-create-as",
            "snap",
            "hot",
            "--disk-only",
            "--diskspec",
            &disk(3),
        ]);
        libvirt.destroy(uuid).unwrap();

        let saved = assert_comes_back(&libvirt, uuid);
        let names: Vec<_> = saved
            .snapshots
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["off", "warm", "hot"]);
        assert_eq!(saved.current_snapshot.as_deref(), Some("hot"));
        let warm = SnapshotXml::read(saved.snapshots[1].xml.reveal()).unwrap();
        assert_eq!(warm.memory, SnapshotKind::External);
        assert_eq!(
            warm.memory_file,
            Some(PathBuf::from(format!("{IMAGES}/snap.mem")))
        );
        assert!(warm.domain.is_some() && warm.inactive_domain.is_some());
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn a_tree_of_internal_snapshots_comes_back_with_its_current_one() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "tree");
        for name in ["a", "b", "c"] {
            virsh(&["snapshot-create-as", "tree", name]);
        }
        virsh(&["snapshot-revert", "tree", "a"]);
        virsh(&["snapshot-create-as", "tree", "d"]);
        virsh(&["snapshot-revert", "tree", "b"]);

        let saved = assert_comes_back(&libvirt, uuid);
        assert_eq!(saved.current_snapshot.as_deref(), Some("b"));
        assert_eq!(saved.snapshots.len(), 4);
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn checkpoints_come_back_and_still_work() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "chk");
        libvirt.start(uuid).unwrap();
        for name in ["one", "two", "three"] {
            virsh(&["checkpoint-create-as", "chk", name]);
        }
        libvirt.destroy(uuid).unwrap();

        let saved = assert_comes_back(&libvirt, uuid);
        let names: Vec<_> = saved
            .checkpoints
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["one", "two", "three"]);
        assert!(saved.checkpoints[2].xml.reveal().contains("s3cret&amp;"));
        // The next one is the child of the last: libvirt took "three" for the current one.
        libvirt.start(uuid).unwrap();
        virsh(&["checkpoint-create-as", "chk", "four"]);
        libvirt.destroy(uuid).unwrap();
        let after = libvirt.definition(uuid).unwrap();
        assert_eq!(after.checkpoints[3].parent.as_deref(), Some("three"));
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn a_domain_is_found_as_virsh_finds_it() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "77777");
        assert_eq!(libvirt.find("77777").unwrap().uuid, uuid);
        assert_eq!(libvirt.find(&uuid.to_string()).unwrap().name, "77777");
        libvirt.start(uuid).unwrap();
        let id = virsh(&["domid", "77777"]);
        assert_eq!(libvirt.find(id.trim()).unwrap().uuid, uuid);
        // Other domains whose names are the first one's UUID and id: nobody is taken for another.
        for name in [&uuid.to_string(), id.trim()] {
            let other = define(&libvirt, name);
            let found = libvirt.find(name);
            assert!(
                matches!(&found, Err(HypervisorError::Ambiguous { taken, named, .. })
                    if taken.uuid == uuid && named.uuid == other),
                "{found:?}"
            );
        }
        libvirt.destroy(uuid).unwrap();
        for odd in ["", "no such", "-1", "99999999999999999999", "a\0b"] {
            let found = libvirt.find(odd);
            assert!(
                matches!(
                    found,
                    Err(HypervisorError::NoSuchDomain(_) | HypervisorError::Refused { .. })
                ),
                "{odd:?}: {found:?}"
            );
        }
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn running_guests_are_described_stopped_and_waited_for() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "power");
        libvirt.start(uuid).unwrap();
        image("fleeting");
        let fleeting = libvirt
            .create(&domain_xml("fleeting", "", ""), true)
            .unwrap()
            .uuid;
        let all = libvirt.domains().unwrap();
        let of = |uuid| {
            all.iter()
                .find(|one| one.status.domain.uuid == uuid)
                .unwrap()
        };
        assert!(of(uuid).status.active && of(uuid).status.persistent);
        let live = DomainXml::read(of(uuid).live_xml.as_ref().unwrap().reveal()).unwrap();
        assert!(live.disks[0].backing_ends);
        assert!(of(fleeting).status.active && !of(fleeting).status.persistent);
        assert_eq!(of(fleeting).live_xml, None);
        let transient = libvirt.definition(fleeting).unwrap();
        assert_eq!(transient.autostart, Autostart::default());
        assert_eq!(
            DomainXml::read(transient.xml.reveal()).unwrap().uuid,
            fleeting
        );

        // No system in there listens to the power button.
        libvirt.shutdown(uuid).unwrap();
        assert!(
            !libvirt
                .wait_inactive(uuid, Duration::from_millis(300))
                .unwrap()
        );
        for guest in [uuid, fleeting] {
            libvirt.destroy(guest).unwrap();
            assert!(libvirt.wait_inactive(guest, Duration::ZERO).unwrap());
        }
        assert_eq!(libvirt.status(fleeting).unwrap(), None);
        assert!(!libvirt.status(uuid).unwrap().unwrap().active);
        libvirt.destroy(uuid).unwrap();
        libvirt.shutdown(uuid).unwrap();
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn undefining_a_running_domain_makes_it_transient() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "kept");
        libvirt.start(uuid).unwrap();
        let before = libvirt.definition(uuid).unwrap();
        libvirt.undefine(uuid, EVERYTHING).unwrap();
        let status = libvirt.status_by_name("kept").unwrap().unwrap();
        assert!(status.active && !status.persistent);
        libvirt.define(&before.xml).unwrap();
        assert_same(&before, &libvirt.definition(uuid).unwrap());
        libvirt.destroy(uuid).unwrap();
        assert!(libvirt.status(uuid).unwrap().unwrap().persistent);
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn a_name_that_is_taken_is_refused() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "taken");
        let other = domain_xml("taken", "", "").reveal().replace(
            "<memory",
            "<uuid>11111111-2222-4333-8444-555555555555</uuid><memory",
        );
        let refused = libvirt.define(&SecretXml::new(other));
        assert!(
            matches!(&refused, Err(HypervisorError::Refused { cause, .. }) if cause.contains("taken")),
            "{refused:?}"
        );
        assert!(libvirt.status(uuid).unwrap().is_some());
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn pools_and_volumes_are_listed() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let target = "/var/lib/libvirt/pool/p";
        std::fs::create_dir_all(target).unwrap();
        virsh(&["pool-define-as", "p", "dir", "--target", target]);
        virsh(&["pool-define-as", "idle", "dir", "--target", "/nonexistent"]);
        virsh(&["pool-start", "p"]);
        virsh(&["vol-create-as", "p", "base", "1M", "--format", "qcow2"]);
        virsh(&[
            "vol-create-as",
            "p",
            "a'b.qcow2",
            "1M",
            "--format",
            "qcow2",
            "--backing-vol",
            "base",
            "--backing-vol-format",
            "qcow2",
        ]);
        let pools = libvirt.pools().unwrap();
        let pool = |name: &str| pools.iter().find(|pool| pool.name == name).unwrap();
        assert!(pool("p").active && !pool("idle").active);
        assert_eq!(pool("p").target.as_deref(), Some(Path::new(target)));
        assert_eq!(pool("p").kind, "dir");
        assert_eq!(libvirt.volumes("p").unwrap().len(), 2);
        let overlay = libvirt.volume("p", "a'b.qcow2").unwrap();
        assert_eq!(overlay.path, Path::new(target).join("a'b.qcow2"));
        assert_eq!(overlay.kind, "file");
        let volumes = libvirt.volumes("p").unwrap();
        let listed = volumes.iter().find(|one| one.name == "a'b.qcow2").unwrap();
        assert_eq!(listed.path, overlay.path);
        assert_eq!(listed.backing, Some(Path::new(target).join("base")));
        assert_eq!(listed.format.as_deref(), Some("qcow2"));
        for (pool, volume) in [("p", "none"), ("none", "none"), ("idle", "none")] {
            let missing = libvirt.volume(pool, volume);
            assert!(
                matches!(missing, Err(HypervisorError::NoSuchVolume { .. })),
                "{missing:?}"
            );
        }

        std::fs::remove_file(&overlay.path).unwrap();
        libvirt.refresh_pool("p").unwrap();
        assert_eq!(libvirt.volumes("p").unwrap().len(), 1);
        libvirt.refresh_pool("idle").unwrap();
        libvirt.refresh_pool("no such pool").unwrap();
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn metadata_is_set_read_and_cleared() {
        if !inside() {
            return;
        }
        const NS: &str = "https://virt-retire.org/xmlns/policy/1";
        let libvirt = connect();
        let uuid = define(&libvirt, "meta");
        assert_eq!(libvirt.metadata(uuid, NS).unwrap(), None);
        let xml = "<policy><disk target='vda' fate='keep'/></policy>";
        let set = |xml, live| libvirt.set_metadata(uuid, NS, "retire", xml, live, true);
        set(Some(xml), false).unwrap();
        let read = libvirt.metadata(uuid, NS).unwrap().unwrap();
        assert!(
            read.contains("fate=\"keep\"") || read.contains("fate='keep'"),
            "{read}"
        );
        let definition = libvirt.definition(uuid).unwrap();
        let domain = DomainXml::read(definition.xml.reveal()).unwrap();
        let element = domain.metadata_element(NS).unwrap();
        assert_eq!(element.name, "policy");
        assert_eq!(element.children[0].attribute("target"), Some("vda"));
        assert!(element.raw.contains(NS), "{}", element.raw);
        libvirt.start(uuid).unwrap();
        set(None, true).unwrap();
        set(None, true).unwrap();
        assert_eq!(libvirt.metadata(uuid, NS).unwrap(), None);
        libvirt.destroy(uuid).unwrap();
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn backing_chains_of_all_domains_come_in_one_call() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let base = image("base");
        let top = format!("{IMAGES}/chain.qcow2");
        let uuid = define(&libvirt, "chain");
        run(
            "qemu-img",
            &[
                "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &base, &top,
            ],
        );
        let images = || {
            let chains = libvirt.backing_chains().unwrap();
            let chain = chains.iter().find(|chain| chain.domain.uuid == uuid);
            let chain = chain.unwrap().clone();
            assert_eq!(chain.target, "vda");
            chain.images
        };
        // libvirt looks into the headers when a guest starts, and forgets when it ends.
        assert_eq!(images(), [PathBuf::from(&top)]);
        libvirt.start(uuid).unwrap();
        assert_eq!(images(), [PathBuf::from(&top), PathBuf::from(&base)]);
        libvirt.destroy(uuid).unwrap();
        assert_eq!(images(), [PathBuf::from(&top)]);
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn files_are_here_and_the_state_folders_exist() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        assert_eq!(libvirt.files(), FilesAre::Here);
        assert_eq!(libvirt.uri(), "qemu:///system");
        let folders = libvirt.state_folders().unwrap();
        let uuid = define(&libvirt, "saved");
        libvirt.start(uuid).unwrap();
        virsh(&["managedsave", "saved"]);
        assert!(folders.managed_save.join("saved.save").exists());
        libvirt.undefine(uuid, EVERYTHING).unwrap();
        assert!(!folders.managed_save.join("saved.save").exists());
        // Root's session is the system daemon.
        let session = Libvirt::connect(Some("qemu:///session")).unwrap();
        assert_eq!(session.state_folders().unwrap(), folders);
        let socket = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock";
        assert_eq!(
            Libvirt::connect(Some(socket)).unwrap().files(),
            FilesAre::Here
        );
        let test = Libvirt::connect(Some("test:///default")).unwrap();
        assert_eq!(test.files(), FilesAre::OtherDriver("test".into()));
        let domain = test.find("test").unwrap();
        assert!(test.definition(domain.uuid).unwrap().checkpoints.is_empty());
    }

    #[test]
    #[ignore = "run by against_a_real_daemon"]
    fn odd_paths_are_read_as_they_are() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let odd = " a\n'\"<&>,,b ";
        let path = format!("{IMAGES}/{odd}");
        let escaped = "&#32;a&#10;&apos;&quot;&lt;&amp;&gt;,,b ";
        let xml = domain_xml("odd", "", "")
            .reveal()
            .replace("odd.qcow2", escaped);
        let uuid = libvirt.define(&SecretXml::new(xml)).unwrap().uuid;
        let read = DomainXml::read(libvirt.definition(uuid).unwrap().xml.reveal()).unwrap();
        assert_eq!(read.disks[0].source, Source::File(path.into()));
        assert_comes_back(&libvirt, uuid);
    }
}

mod dying {
    use super::*;

    #[test]
    #[ignore = "run by against_a_daemon_that_dies"]
    fn a_lost_connection_is_called_lost() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "vm");
        let pid = std::fs::read_to_string("/run/libvirt/libvirtd.pid").unwrap();
        run("kill", &["-KILL", pid.trim()]);
        for _ in 0..2 {
            let lost = libvirt.status(uuid);
            assert!(
                matches!(lost, Err(HypervisorError::Lost { .. })),
                "{lost:?}"
            );
        }
        std::fs::remove_file("/run/libvirt/libvirt-sock").ok();
        let Err(HypervisorError::Unreachable { uri, cause }) =
            Libvirt::connect(Some("qemu:///system"))
        else {
            panic!("connected to nobody");
        };
        assert_eq!(uri, "qemu:///system");
        assert!(
            cause.contains("libvirt-sock") && cause.contains("running?"),
            "{cause}"
        );
    }
}

mod hanging {
    use super::*;

    #[test]
    #[ignore = "run by against_a_daemon_that_hangs"]
    fn a_silent_daemon_is_given_up() {
        if !inside() {
            return;
        }
        let libvirt = connect();
        let uuid = define(&libvirt, "vm");
        let pid = std::fs::read_to_string("/run/libvirt/libvirtd.pid").unwrap();
        run("kill", &["-STOP", pid.trim()]);
        let begun = Instant::now();
        let lost = libvirt.status(uuid);
        assert!(
            matches!(lost, Err(HypervisorError::Lost { .. })),
            "{lost:?}"
        );
        eprintln!("a call was given up after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(90));
        let begun = Instant::now();
        let refused = Libvirt::connect(Some("qemu:///system"));
        assert!(matches!(refused, Err(HypervisorError::Unreachable { .. })));
        eprintln!("connecting was given up after {:?}", begun.elapsed());
        run("kill", &["-CONT", pid.trim()]);
    }
}
