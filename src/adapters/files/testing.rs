//! What the tests of this adapter share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::model::FileFacts;

/// Says on stderr why a test does less than it could, where the user cannot mount or `chattr`.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("{test}: not run to its end, it needs root");
    }
    root
}

pub fn run(program: &str, arguments: &[&str]) {
    // mkfs is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output()
        .expect(program);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A mount that ends with the test.
pub struct Mounted(pub PathBuf);

impl Mounted {
    pub fn tmpfs(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        run("mount", &["-t", "tmpfs", "tmpfs", at.to_str().unwrap()]);
        Self(at.to_owned())
    }

    pub fn bind(from: &Path, at: &Path) -> Self {
        run(
            "mount",
            &["--bind", from.to_str().unwrap(), at.to_str().unwrap()],
        );
        Self(at.to_owned())
    }

    /// An image of 300 MB at most, of which little is written: XFS takes no smaller one.
    pub fn loop_device(kind: &str, image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let file = std::fs::File::create(image).unwrap();
        file.set_len(320 << 20).unwrap();
        run(&format!("mkfs.{kind}"), &["-q", image.to_str().unwrap()]);
        run(
            "mount",
            &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()],
        );
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

pub fn facts(path: &Path) -> FileFacts {
    super::facts::facts(path).unwrap().expect("it is there")
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
