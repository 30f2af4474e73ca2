//! The program under test, run inside a host.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};

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

    /// Runs on a terminal, and types `answer` ("y\n") when the question has appeared. What the
    /// program writes to stdout and stderr arrives mixed in `stdout`, as on a screen, with \r\n
    /// line ends.
    pub fn retire_on_terminal<S: AsRef<str>>(&self, arguments: &[S], answer: &str) -> Outcome {
        self.retire_on_terminal_after(arguments, || answer)
    }

    /// The same with an operator who does something between the question and the answer.
    pub fn retire_on_terminal_after<'a, S: AsRef<str>>(
        &self,
        arguments: &[S],
        answer: impl FnOnce() -> &'a str,
    ) -> Outcome {
        let mut words = vec![BINARY, "--state-dir", &self.state];
        words.extend(arguments.iter().map(AsRef::as_ref));
        self.on_terminal(&words, "[y/N]", answer)
    }

    /// Any program on a terminal, by `script` of util-linux. Nothing is typed before `question` has
    /// appeared: a Ctrl-C that comes earlier meets nobody, or a process that is only about to
    /// become the program.
    pub fn on_terminal<'a>(
        &self,
        words: &[&str],
        question: &str,
        answer: impl FnOnce() -> &'a str,
    ) -> Outcome {
        let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let line = line.join(" ");
        let mut child = self
            .command("script")
            // The shell gives its place to the program: one that waited beside it would take a
            // Ctrl-C too, and end with a code of its own. Which shell would wait is the
            // environment's choice, so it is named.
            .env("SHELL", "/bin/sh")
            .args([
                "--quiet",
                "--return",
                "--echo",
                "never",
                "--command",
                &format!("exec {line}"),
                "/dev/null",
            ])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut screen = child.stdout.take().unwrap();
        let mut typing = child.stdin.take().map(|keyboard| (keyboard, answer));
        let (mut shown, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            match screen.read(&mut chunk).unwrap() {
                0 => break,
                length => shown.extend_from_slice(&chunk[..length]),
            }
            if String::from_utf8_lossy(&shown).contains(question)
                && let Some((mut keyboard, answer)) = typing.take()
            {
                // A program that ends without reading is no failure of the one who types.
                let _ = keyboard.write_all(answer().as_bytes());
            }
        }
        let rest = child.wait_with_output().unwrap();
        let output = Output {
            stdout: shown,
            ..rest
        };
        Outcome::new(line, &output)
    }

    /// Holds the journal as another command would, until the value is dropped. `purpose` is what
    /// its lock says of who that is.
    #[track_caller]
    pub fn hold_journal(&self, purpose: &str) -> Holder {
        let lock = format!("{}/lock", self.state);
        let script = r#"umask 077; exec 9>>"$1"; flock 9; echo "$2 (process 4711)" >"$1"
            echo held; read -r _"#;
        let mut child = self
            .command("bash")
            .args(["-c", script, "holder", &lock, purpose])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0; 5];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut held)
            .unwrap();
        Holder(child)
    }

    pub(super) fn typed<S: AsRef<str>>(&self, arguments: &[S]) -> String {
        let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        format!("virt-retire --state-dir {} {}", self.state, words.join(" "))
    }
}

pub struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// One word for a POSIX shell. The program's own path needs it too: a checkout may lie anywhere.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
