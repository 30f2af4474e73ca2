//! Which files QEMU's command line names (`qemu-system-x86_64(1)`): what `<qemu:commandline>` adds
//! to a guest behind libvirt's back.
//!
//! Options come and go with QEMU's releases, so no list of them decides what counts: every word
//! that is the name of a file is taken for one. The lists here say only of which words it is
//! certain.

use std::path::Path;

use super::named::{Location, Named, START, without_secrets};
use super::options::{Options, items};
use super::reference::locate;

/// Options whose word is an image's name, whole.
const IMAGES: &[&str] = &[
    "cdrom", "fda", "fdb", "hda", "hdb", "hdc", "hdd", "mtdblock", "pflash", "sd",
];
/// What an image is called within an option's list.
const KEYS: &[&str] = &["file", "filename"];
/// Options that take more options from a file, which is not read here.
const READ_ELSEWHERE: &[&str] = &["readconfig"];

/// What a command line is known to name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Images, and what else is certainly meant as a file.
    pub named: Named,
    /// Words that are files' names if such files are there.
    pub words: Vec<String>,
}

/// Reads the arguments in their order.
pub fn arguments(all: &[String]) -> Arguments {
    let mut found = Arguments::default();
    let mut option = "";
    for argument in all {
        if let Some(name) = argument.strip_prefix('-').filter(|name| !name.is_empty()) {
            option = name.strip_prefix('-').unwrap_or(name);
            continue;
        }
        let named = std::mem::take(&mut found.named);
        found.named = named.and(one(option, argument, &mut found.words));
        option = "";
    }
    found.words.sort();
    found.words.dedup();
    found
}

/// Any other value of QEMU's: of an environment variable, of a device's property.
pub fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    paths_within(value, &mut words);
    words
}

fn one(option: &str, argument: &str, words: &mut Vec<String>) -> Named {
    words.push(argument.to_owned());
    paths_within(argument, words);
    if READ_ELSEWHERE.contains(&option) {
        return Named::doubt(format!("-{option} {argument}, which is not read"));
    }
    if IMAGES.contains(&option) {
        return image(argument);
    }
    if argument.starts_with('{') {
        return match Options::from_json(argument.as_bytes()) {
            Ok(options) => of_options(&options, words),
            Err(why) => Named::doubt(format!("an argument that is {why}")),
        };
    }
    let mut named = Named::default();
    for item in items(argument) {
        match item.split_once('=') {
            Some((key, value)) => {
                words.push(value.to_owned());
                let last = key.rsplit('.').next().unwrap_or(key);
                if KEYS.contains(&last) && option != "object" {
                    named = named.and(image(value));
                }
            }
            None => words.push(item),
        }
    }
    let options = Options::from_list(argument);
    match options.names_a_node() {
        true => named.and(of_options(&options, words)),
        false => named,
    }
}

fn of_options(options: &Options, words: &mut Vec<String>) -> Named {
    words.extend(options.values().map(str::to_owned));
    match options.names_a_node() {
        // What refers to other nodes by name, as most do, is no doubt: those are looked at as well.
        true => Named {
            doubt: None,
            ..options.node()
        },
        false => Named::default(),
    }
}

/// An image as the command line has it. Where it is not understood, why.
fn image(name: &str) -> Named {
    let named = locate(name.as_bytes(), Path::new(START));
    let is_folder = name.starts_with("fat:");
    Named {
        doubt: named
            .doubt
            .filter(|_| !is_folder || named.files.is_empty())
            .map(|why| format!("the image '{}', {why}", without_secrets(name.as_bytes()))),
        files: named.files,
    }
}

/// Absolute paths in the middle of a word: behind a colon, a quote, a blank.
fn paths_within(word: &str, words: &mut Vec<String>) {
    let mut before = None;
    for (at, character) in word.char_indices() {
        if character == '/' && before.is_none_or(|c| "=,:\"' ".contains(c)) {
            let rest = &word[at..];
            words.extend(items(rest).into_iter().next());
            let quoted = rest.split(['"', '\'', ' ']).next();
            words.extend(quoted.map(str::to_owned));
            words.push(rest.to_owned());
        }
        before = Some(character);
    }
}

impl Arguments {
    /// The words as paths: one without a folder is in that in which libvirt starts QEMU.
    pub fn paths(&self) -> impl Iterator<Item = std::path::PathBuf> {
        let words = self.words.iter().filter(|word| !word.is_empty());
        words
            .map(|word| Path::new(START).join(word))
            .filter(|path| path != Path::new(START))
    }

    /// What is certainly named, where it is a file of this host.
    pub fn files(&self) -> impl Iterator<Item = (&Path, Option<&str>, u64)> {
        self.named.files.iter().filter_map(|file| {
            let format = file.format.as_deref();
            match &file.location {
                Location::File(path) => Some((path.as_path(), format, file.offset)),
                Location::Remote(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Arguments {
        let all: Vec<String> = line.split(' ').map(str::to_owned).collect();
        arguments(&all)
    }

    fn files(line: &str) -> Vec<String> {
        let read = read(line);
        assert_eq!(read.named.doubt, None, "{line}");
        read.files()
            .map(|(path, ..)| path.display().to_string())
            .collect()
    }

    #[test]
    fn images_are_named_in_many_ways() {
        for line in [
            "-drive file=/x,if=none",
            "-drive if=none,file=/x",
            "-drive if=none,file.filename=/x",
            "-hda /x",
            "--cdrom /x",
            "-pflash /x",
            "-drive file=file:/x",
            "-drive file=blkdebug::/x",
            "-drive file=fat:rw:/x",
            "-set drive.d0.file=/x",
        ] {
            assert!(files(line).contains(&"/x".to_owned()), "{line}");
        }
        for line in [
            "-blockdev driver=qcow2,node-name=n,file.driver=file,file.filename=/x",
            r#"-blockdev {"driver":"file","filename":"/x","node-name":"n"}"#,
            "-blockdev {'driver':'file','filename':'/x'}",
            "-drive driver=qcow2,file.driver=file,file.filename=/x",
        ] {
            assert!(files(line).contains(&"/x".to_owned()), "{line}");
        }
    }

    #[test]
    fn a_name_without_a_folder_is_in_the_one_in_which_qemu_is_started() {
        assert_eq!(files("-hda ov.qcow2"), ["/ov.qcow2"]);
        assert_eq!(files("-drive file=a,,b,if=none"), ["/a,b"]);
    }

    #[test]
    fn a_window_is_read_where_it_begins() {
        let read =
            read("-blockdev driver=qcow2,file.driver=raw,file.offset=512,file.file.filename=/x");
        let found: Vec<_> = read.files().collect();
        assert!(
            found.contains(&(Path::new("/x"), Some("qcow2"), 512)),
            "{found:?}"
        );
    }

    #[test]
    fn every_other_path_is_a_word() {
        for line in [
            "-object memory-backend-file,mem-path=/x,size=1M",
            "-chardev socket,path=/x,server=on",
            "-serial file:/x",
            "-initrd /x",
            "-fw_cfg name=opt/a,file=/x",
            "-incoming exec:cat</x",
            "-drive file=json:{\"driver\":\"file\",,\"filename\":\"/x\"}",
        ] {
            let read = read(line);
            let known: Vec<_> = read.paths().collect();
            let is_certain = read.files().any(|(path, ..)| path == Path::new("/x"));
            let is_word = known.contains(&"/x".into());
            assert!(
                is_certain || is_word || line.contains("exec"),
                "{line}: {known:?}"
            );
        }
        assert_eq!(
            words("/x:/y"),
            ["/x:/y", "/x:/y", "/x:/y", "/y", "/y", "/y"]
        );
    }

    #[test]
    fn what_is_not_understood_is_doubted() {
        for line in [
            "-drive file=unheard-of:/x",
            "-hda unheard-of:x",
            "-readconfig /etc/x.cfg",
            "-blockdev {driver}",
        ] {
            assert!(read(line).named.doubt.is_some(), "{line}");
        }
        for line in [
            "-netdev user,id=n,hostfwd=tcp::5555-:22",
            "-serial telnet:localhost:1",
            "-device virtio-net,mac=52:54:00:00:00:01",
            "-drive file=nbd://h/x",
            "-snapshot",
        ] {
            assert_eq!(read(line).named.doubt, None, "{line}");
        }
    }
}
