//! The seeds, in `fuzz/corpus/NAME`: samples of our own making, and inputs that were too much once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sample;
use virt_retire::journal::checkpoint::Checkpoint;
use virt_retire::journal::log::{Memory, Writer};
use virt_retire::journal::saved_plan::{self, SavedPlan};
use virt_retire::journal::{
    Begin, Extent, Format, Hash, Head, Mirror, Summary, Time, Watched, encode, envelope, manifest,
};
use virt_retire::model;

const EACH_KEY: &str = r#"# Every key.
uri = "qemu:///system"
state-dir = "/var/lib/virt-retire"
quarantine = ["/srv/a", "/srv/b"]
wait = 5
retention = "30d"
minimum-age = "90m"
require-reason = true
protect = ["web*", "[!a-z]?"]
digest = "sha256"
"#;
/// As the environment has them.
const AS_TEXT: &str = r#"quarantine = "/srv/a:/srv/b"
wait = "18446744073709551615"
retention = "never"
require-reason = "no"
protect = "web*,,db?"
digest = false
"#;

fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("fuzz/corpus").join(name)
}

/// Which have seeds.
pub fn targets() -> Vec<String> {
    let entries = fs::read_dir(folder("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

/// All of one target, in the order of their names.
pub fn of(name: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder(name)) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn put(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(folder(target)).unwrap();
    fs::write(folder(target).join(name), bytes).unwrap();
}

/// The payload of a stored record after its kind, as the target `record` reads it.
fn record(name: &str, stored: &[u8]) {
    let frame = envelope::open(stored).unwrap();
    put(
        "record",
        name,
        [&[frame.kind as u8], frame.payload].concat(),
    );
}

/// Writes the seeds that are made here anew, where a record has changed:
/// `cargo test --test fuzz -- --ignored`. What was found besides stays.
#[test]
#[ignore = "writes fuzz/corpus"]
fn written_anew() {
    records();
    texts();
    headers();
    names();
    let worlds: [&[u8]; 5] = [
        &[0, 0, 0, 18, 0],
        &[3, 2, 13, 20, 1, 10, 85],
        &[8, 17, 7, 30, 0, 1, 171],
        &[15, 7, 5],
        &[17, 12, 9, 12, 255, 3, 0],
    ];
    for (number, world) in worlds.iter().enumerate() {
        put("world", &format!("script-{number}"), world);
    }
}

fn records() {
    let transaction = sample::transaction();
    let begin = encode(&Begin::from(&transaction)).unwrap();
    record("begin", &begin);
    let at = transaction.started_at;
    let (shelf, journal) = (Memory::default(), Mirror::store(&sample::uuid(5)));
    let mut head = Head::new(journal);
    let mut writer = Writer::new(&shelf, &head);
    writer.begin(&transaction, at).unwrap();
    for kind in sample::kinds() {
        writer.event(transaction.id.0, &kind, at).unwrap();
    }
    let lines = writer.finish().unwrap().parts.remove(0).entries;
    for (stored, number) in lines.iter().zip(1..) {
        record(&format!("event-{number:02}"), stored);
    }
    put(
        "sealed",
        "records",
        [&begin, &lines[0], &lines[1]].map(Vec::as_slice).concat(),
    );
    put("manifest", "record", &begin);
    for (path, bytes) in manifest::files_for(&transaction).unwrap() {
        if path.ends_with("manifest.json") {
            put("manifest", "json", &bytes);
        }
    }
    let key = manifest::Key::new([7; 32]);
    put("manifest", "key", key.to_text());
    record(
        "format",
        &encode(&Format {
            journal,
            created_at: Time(at),
            migrated: 3,
        })
        .unwrap(),
    );
    for leaf in 0..5 {
        head.frontier.push(Hash::sha256(&[leaf]));
        head.remember();
    }
    record("head", &encode(&head).unwrap());
    record("mark", &encode(&head.mark()).unwrap());
    let summary = Summary::new(&transaction.summary(), Extent::NONE);
    record("summary", &encode(&summary).unwrap());
    let checkpoint = Checkpoint {
        journal: sample::uuid(5),
        size: head.sequence(),
        root: head.frontier.root(),
    };
    put("checkpoint_text", "plain", checkpoint.text());
    put(
        "checkpoint_text",
        "signed",
        format!("{}\n— someone AAAA\n", checkpoint.text()),
    );
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1/records.bin");
    let golden = fs::read(golden).unwrap();
    let mut rest = golden.as_slice();
    for number in 0.. {
        let Ok(frame) = envelope::open(rest) else {
            break;
        };
        put(
            "record",
            &format!("format-1-{number:02}"),
            [&[frame.kind as u8], frame.payload].concat(),
        );
        rest = frame.rest;
    }
    let mut export = Vec::new();
    crate::many::write_lines(1, &mut export).unwrap();
    for (number, line) in export.split(|byte| *byte == b'\n').take(4).enumerate() {
        put("import_line", &format!("line-{number}"), line);
    }
    // What says how much follows, and what another format's may begin with.
    let first = String::from_utf8(export.split(|byte| *byte == b'\n').next().unwrap().to_vec());
    let first = first.unwrap();
    let root = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
    for (name, more) in [
        ("counted", format!(r#","entries":2,"root":"{root}"}}"#)),
        ("half-counted", r#","entries":2}"#.to_owned()),
    ] {
        let line = first.replace('}', &more);
        put("import_line", name, line.as_bytes());
    }
    put(
        "import_line",
        "other-format",
        br#"{"line":"journal","format":3}"#,
    );
    watched();
    let saved = saved_plan::encode(&[SavedPlan {
        uri: "qemu:///system".into(),
        removal: sample::removal(),
        plan: sample::plan(),
        definition: saved_plan::fingerprint(&sample::definition()).unwrap(),
    }]);
    let saved = saved.unwrap();
    put("saved_plan", "framed", &saved);
    put(
        "saved_plan",
        "payload",
        envelope::open(&saved).unwrap().payload,
    );
}

fn watched() {
    let transaction = sample::transaction();
    let guest = model::Watched {
        uri: "qemu:///system".into(),
        domain: transaction.domain().clone(),
        definition: sample::definition(),
        files: vec![
            (sample::hostile_path(), sample::facts(3)),
            ("/srv/images/a.qcow2".into(), sample::facts(4)),
        ],
        since: transaction.started_at,
    };
    let whole = encode(&Watched::store(&guest)).unwrap();
    put("watched", "framed", &whole);
    put(
        "watched",
        "payload",
        envelope::open(&whole).unwrap().payload,
    );
}

fn texts() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/xml/samples");
    for (target, name) in [
        ("domain_xml", "inactive"),
        ("domain_xml", "live"),
        ("snapshot_xml", "snapshot"),
        ("checkpoint_xml", "checkpoint"),
        ("pool_xml", "pool"),
        ("pool_xml", "volume"),
    ] {
        let text = fs::read(samples.join(format!("{name}.xml"))).unwrap();
        put(target, name, text);
    }
    let namespace = model::POLICY_NAMESPACE;
    put(
        "policy",
        "whole",
        format!(
            "<v:policy xmlns:v='{namespace}' default='keep' protected='yes'>\
         <v:disk target='vda' fate='remove'/></v:policy>"
        ),
    );
    for (name, text) in [
        ("each-key", EACH_KEY),
        ("as-text", AS_TEXT),
        ("unknown", "retention = \"30d\"\nretentoin = \"60d\"\n"),
        ("tables", "[quarantine]\nfolder = \"/a\"\n[[protect]]\n"),
        (
            "escapes",
            "uri = \"qemu+ssh://\\u00fcml\\u007f\\t/system\"\nstate-dir = 'rel/a'\n",
        ),
    ] {
        put("configuration", name, text);
    }
    put("policy", "another", "<a:b xmlns:a='urn:a'>text</a:b>");
}

fn headers() {
    put("image_header", "qcow2", {
        let mut header = vec![0; 104];
        header[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        header[23] = 16;
        header[103] = 104;
        header.extend([0xe2, 0x79, 0x2a, 0xca, 0, 0, 0, 3]);
        header.extend(b"raw\0\0\0\0\0");
        header.extend([0; 8]);
        header[15] = header.len() as u8;
        header[19] = 8;
        header.extend(b"base.img");
        header
    });
    put(
        "image_header",
        "vmdk",
        "# Disk DescriptorFile\nversion=1\nparentFileNameHint=\"base.vmdk\"\n\
        RW 4192256 SPARSE \"disk-s001.vmdk\"\nRW 2048 FLAT \"disk-f002.vmdk\" 0\n",
    );
    put("image_header", "vmdk-sparse", {
        let mut header = b"KDMV\x01\0\0\0\x03\0\0\0".to_vec();
        header.resize(1024, 0);
        (header[12], header[28], header[36]) = (1, 1, 1);
        header[512..540].copy_from_slice(b"parentFileNameHint=\"a.vmdk\"\n");
        header
    });
    put("image_header", "saved", {
        let mut header = b"LibvirtQemudSave\x02\0\0\0\x10\0\0\0".to_vec();
        header.resize(92, 0);
        header.extend(b"<domain/>\0cookie");
        header
    });
    for (name, at, magic) in [
        ("qcow", 0, b"QFI\xfb\0\0\0\x01".as_slice()),
        ("qed", 0, b"QED\0"),
        ("vdi", 64, b"\x7f\x10\xda\xbe"),
        ("vhdx", 0, b"vhdxfile"),
        ("luks", 0, b"LUKS\xba\xbe\0\x01"),
    ] {
        let mut header = vec![0; at];
        header.extend(magic);
        header.resize(128, 0);
        put("image_header", name, header);
    }
}

fn names() {
    for (name, text) in [
        ("path", "../images/base.qcow2"),
        ("url", "nbd+tcp://user:secret@host:10809/export"),
        ("local", "file:/images/base.qcow2"),
        (
            "json",
            r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"/images/a b"}}"#,
        ),
        (
            "json-flat",
            r#"json:{'file.driver':'blkdebug','file.image.filename':'/a','offset':512}"#,
        ),
        (
            "json-remote",
            r#"json:{"driver":"rbd","pool":"p","image":"i","password-secret":"s"}"#,
        ),
        ("vvfat", "fat:rw:/images/folder"),
        (
            "line",
            "-drive\0file=/images/a,,b.qcow2,if=virtio,backing.file.filename=/c\0-hda\0b.img",
        ),
        (
            "line-blockdev",
            "-blockdev\0{\"driver\":\"raw\",\"file\":\"f\"}\0-readconfig\0/etc/q",
        ),
    ] {
        put("image_name", name, text);
    }
}
