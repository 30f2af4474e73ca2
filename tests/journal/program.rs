//! The program itself on a state folder, without a libvirt beside it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::retire::BINARY;
use serde_json::Value;

pub fn run(state: &Path, words: &[&str]) -> Output {
    Command::new(BINARY)
        .arg("--state-dir")
        .arg(state)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same, killed when it comes to the `number`th of these system calls.
pub fn killed_at(state: &Path, calls: &str, number: usize, words: &[&str]) -> Output {
    Command::new("strace")
        .args(["-f", "-q", "-o", "/dev/null"])
        .args(["-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:signal=KILL:when={number}")])
        .args(["--", BINARY, "--state-dir"])
        .arg(state)
        .args(words)
        .output()
        .unwrap()
}

/// What it prints; it must end well.
pub fn told(state: &Path, words: &[&str]) -> String {
    let output = run(state, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn json(state: &Path, words: &[&str]) -> Value {
    let words = [&["--output", "json"], words].concat();
    serde_json::from_str(&told(state, &words)).unwrap()
}
