//! A kill or an error at the Nth system call of one run, by strace.
//!
//! strace counts each thread's calls apart: a kill at 3 strikes whichever thread first comes to its
//! own third call, an error at 3 strikes every thread that comes to one. [`PrivateHost::count`]
//! answers with the busiest thread's number, beyond which nothing strikes. Kills at 1 to that
//! number strike each call of a program that makes them in one thread; where several do, a quieter
//! thread's calls may stay unstruck, and need a fault on a call that only it makes.

use std::collections::BTreeMap;
use std::fs;

use super::host::PrivateHost;
use super::outcome::Outcome;
use super::retire::BINARY;

#[derive(Debug, Clone)]
pub struct Fault {
    /// One system call or several ("renameat2,fsync"); "file" and "%desc" classes work as in
    /// strace.
    pub syscalls: String,
    /// What happens: strace's word for it.
    pub effect: String,
    /// At which call, counted from 1. 0 means at every one.
    pub when: u32,
}

impl Fault {
    /// SIGKILL when the call is entered, before it has an effect.
    pub fn kill(syscalls: &str, when: u32) -> Self {
        Fault {
            syscalls: syscalls.into(),
            effect: "signal=KILL".into(),
            when,
        }
    }

    /// The call does nothing and fails with `errno`, such as "ENOSPC".
    pub fn error(syscalls: &str, errno: &str, when: u32) -> Self {
        Fault {
            syscalls: syscalls.into(),
            effect: format!("error={errno}"),
            when,
        }
    }
}

/// One traced run.
#[derive(Debug)]
pub struct Trace {
    pub outcome: Outcome,
    /// strace's lines, `PID CALL(…) = …`.
    pub calls: Vec<String>,
}

impl Trace {
    /// Did the fault strike? strace marks a failed call; a kill shows in its last lines.
    pub fn struck(&self) -> bool {
        let marks = ["(INJECTED)", "+++ killed by SIGKILL +++"];
        self.calls
            .iter()
            .any(|call| marks.iter().any(|mark| call.contains(mark)))
    }

    /// How many calls of the traced kinds the busiest thread made.
    pub fn busiest(&self) -> u32 {
        let mut threads: BTreeMap<&str, u32> = BTreeMap::new();
        for call in &self.calls {
            let (thread, rest) = call.split_once(' ').unwrap_or(("", call));
            let rest = rest.trim_start();
            // Signals, ends, and the second halves of interrupted calls are no calls.
            if !rest.starts_with(['-', '+', '<']) {
                *threads.entry(thread).or_default() += 1;
            }
        }
        threads.into_values().max().unwrap_or(0)
    }
}

impl PrivateHost {
    /// One run of virt-retire under strace, recording `syscalls`.
    pub fn trace<S: AsRef<str>>(&self, syscalls: &str, arguments: &[S]) -> Trace {
        let mut program = vec![BINARY, "--state-dir", &self.state];
        program.extend(arguments.iter().map(AsRef::as_ref));
        self.strace(syscalls, None, &program)
    }

    /// How many of these calls the busiest thread of one run makes: the upper bound for
    /// [`Fault::when`]. The run is a real one, with its effects.
    pub fn count<S: AsRef<str>>(&self, syscalls: &str, arguments: &[S]) -> u32 {
        self.trace(syscalls, arguments).busiest()
    }

    /// One run of virt-retire with a fault.
    pub fn inject<S: AsRef<str>>(&self, fault: &Fault, arguments: &[S]) -> Trace {
        let mut program = vec![BINARY, "--state-dir", &self.state];
        program.extend(arguments.iter().map(AsRef::as_ref));
        self.strace(&fault.syscalls, Some(fault), &program)
    }

    /// Any program under strace. Inside the host, because a trace does not cross PID namespaces
    /// well.
    pub fn strace(&self, syscalls: &str, fault: Option<&Fault>, program: &[&str]) -> Trace {
        let log = self.scratch("");
        let filter = format!("trace={syscalls}");
        let mut words = vec!["strace", "-f", "-q", "-o", &log, "-e", &filter];
        let injection;
        if let Some(fault) = fault {
            let when = if fault.when == 0 {
                "1+".into()
            } else {
                fault.when.to_string()
            };
            injection = format!("inject={}:{}:when={when}", fault.syscalls, fault.effect);
            words.extend(["-e", &injection]);
        }
        words.push("--");
        words.extend(program);
        let outcome = self.run(&words);
        let calls = fs::read_to_string(&log)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        Trace { outcome, calls }
    }
}
