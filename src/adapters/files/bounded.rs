//! Another program's answer, which need not come: its input is a file that anybody may have made.

use std::io::{self, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Time between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);

/// As [`Command::output`], with nothing on its input and at most `most` bytes of each stream;
/// `None` where it took longer than `longest`, or wrote more. It is killed then.
pub fn output(command: &mut Command, longest: Duration, most: u64) -> io::Result<Option<Output>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let until = Instant::now() + longest;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || read(stdout, most));
        let stderr = scope.spawn(move || read(stderr, most));
        // Whoever reads too much stops, and the child waits for it until its time is over.
        let status = wait(&mut child, until)?;
        let join = |reader: std::thread::ScopedJoinHandle<'_, io::Result<Vec<u8>>>| {
            reader
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("reading its answer failed")))
        };
        let (stdout, stderr) = (join(stdout)?, join(stderr)?);
        let is_cut = [&stdout, &stderr].iter().any(|it| it.len() as u64 >= most);
        Ok(status.filter(|_| !is_cut).map(|status| Output {
            status,
            stdout,
            stderr,
        }))
    })
}

fn read(stream: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn wait(child: &mut Child, until: Instant) -> io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_answers_is_heard_whole() {
        let told = output(
            &mut shell("echo said; echo complained >&2; exit 3"),
            Duration::from_secs(60),
            1_000,
        );
        let told = told.unwrap().expect("an answer");
        assert_eq!(told.status.code(), Some(3));
        assert_eq!(told.stdout, b"said\n");
        assert_eq!(told.stderr, b"complained\n");
    }

    #[test]
    fn what_does_not_answer_or_never_ends_is_ended() {
        let longest = Duration::from_millis(100);
        let hung = output(&mut shell("exec sleep 1000"), longest, 1_000);
        assert!(hung.unwrap().is_none());
        let endless = output(&mut shell("exec yes"), longest, 1_000);
        assert!(endless.unwrap().is_none());
        assert!(output(&mut Command::new("/none/such"), longest, 1).is_err());
    }
}
