//! The program under test, run inside a host.

use std::io::Write;
use std::process::{Command, Stdio};

use super::host::PrivateHost;
use super::outcome::Outcome;

pub const BINARY: &str = env!("CARGO_BIN_EXE_virt-retire");

impl PrivateHost {
    /// `virt-retire --state-dir <this host's> ARGUMENTS`, without a terminal.
    pub fn retire<S: AsRef<str>>(&self, arguments: &[S]) -> Outcome {
        self.retire_with(arguments, &[])
    }

    /// The same with `--output json`. Parse with [`Outcome::json`] or [`Outcome::json_error`].
    pub fn retire_json<S: AsRef<str>>(&self, arguments: &[S]) -> Outcome {
        let mut words = vec!["--output", "json"];
        words.extend(arguments.iter().map(AsRef::as_ref));
        self.retire(&words)
    }

    /// The same with more environment variables.
    pub fn retire_with<S: AsRef<str>>(&self, arguments: &[S], env: &[(&str, &str)]) -> Outcome {
        let mut command = self.retire_command(arguments);
        let output = command.envs(env.iter().copied()).output().unwrap();
        Outcome::new(self.typed(arguments), &output)
    }

    /// The command itself, for a test that runs it in the background or feeds its input.
    pub fn retire_command<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = self.command(BINARY);
        command.args(["--state-dir", &self.state]);
        command.args(arguments.iter().map(AsRef::as_ref));
        command
    }

    /// Runs on a terminal, where prompts appear, and types `answers` there ("y\n"). What the program
    /// writes to stdout and stderr arrives mixed in `stdout`, as on a screen, with \r\n line ends.
    pub fn retire_on_terminal<S: AsRef<str>>(&self, arguments: &[S], answers: &str) -> Outcome {
        let mut words = vec![BINARY, "--state-dir", &self.state];
        words.extend(arguments.iter().map(AsRef::as_ref));
        self.on_terminal(&words, answers)
    }

    /// Any program on a terminal, by `script` of util-linux.
    pub fn on_terminal(&self, words: &[&str], answers: &str) -> Outcome {
        let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let line = line.join(" ");
        let mut child = self
            .command("script")
            .args([
                "--quiet",
                "--return",
                "--echo",
                "never",
                "--command",
                &line,
                "/dev/null",
            ])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that ends without reading is no failure of the one who types.
        let _ = child.stdin.take().unwrap().write_all(answers.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome::new(line, &output)
    }

    pub(super) fn typed<S: AsRef<str>>(&self, arguments: &[S]) -> String {
        let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        format!("virt-retire --state-dir {} {}", self.state, words.join(" "))
    }
}

/// One word for a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
