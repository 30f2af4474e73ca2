//! A fault at the Nth call that changes anything, counted over all threads of one run.
//!
//! strace counts each thread's calls apart, and sled writes from many threads: only a tracer of our
//! own can say "the 57th change of this run" and mean the same one in the next. It sees each call
//! before it has any effect, and lets the test decide: let it be, end the process, fail the call,
//! or do something to the world first (cut the power, end libvirtd, send a signal).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use super::host::PrivateHost;
use super::retire::BINARY;

/// One call that changes something.
#[derive(Debug, Clone)]
pub struct Point {
    /// From 1, in the order in which the kernel got them.
    pub number: usize,
    /// The system call's name.
    pub call: &'static str,
    /// The file it is about, or `libvirt` for a write to its socket.
    pub target: String,
    /// The line the program had last written to stderr: which step it was in.
    pub step: String,
    /// The process, as seen from outside of the host.
    pub pid: i32,
    /// The thread that makes the call, which stands still meanwhile.
    pub thread: i32,
}

impl Point {
    /// Points of one class meet the program in the same place: step kind, call, and kind of file.
    /// Records are written the same way at every step.
    pub fn class(&self) -> String {
        let (step, call) = (self.step_kind(), self.call);
        if self.target == "libvirt" {
            format!("{step} {call} libvirt")
        } else if self.is_record() {
            let kind = if self.target.contains("/view") {
                "view"
            } else {
                "journal"
            };
            format!(
                "{} {call} {kind}",
                self.step.split(' ').next().unwrap_or_default()
            )
        } else {
            format!("{step} {call} file")
        }
    }

    /// "do undefine".
    pub fn step_kind(&self) -> String {
        let words: Vec<&str> = self.step.split_whitespace().take(2).collect();
        words.join(" ")
    }

    /// Does it write the journal, and nothing of the effect itself?
    pub fn is_record(&self) -> bool {
        ["/journal", "/view", "/lock"]
            .iter()
            .any(|own| self.target.contains(own))
    }

    pub fn is_sync(&self) -> bool {
        self.call.contains("sync")
    }
}

/// What becomes of the process at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    GoOn,
    Kill,
    /// The call does nothing and fails with this errno.
    Fail(i32),
}

#[derive(Debug)]
pub struct Traced {
    /// As a shell has it: 128 and the signal's number for a process that a signal ended.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub points: Vec<Point>,
}

impl std::fmt::Display for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        )
    }
}

/// Beyond this a run hangs, and is ended: much longer than libvirt's keepalive and our own
/// deadlines, which a busy machine stretches.
const LONGEST: Duration = Duration::from_secs(300);

impl PrivateHost {
    /// Runs virt-retire and asks `decide` at every call that changes something.
    #[track_caller]
    pub fn traced<S: AsRef<str>>(
        &self,
        arguments: &[S],
        decide: &mut dyn FnMut(&Point) -> After,
    ) -> Traced {
        self.traced_with(arguments, false, decide)
    }

    /// The same, also at calls that only look: `openat2`, and the `openat` of a descriptor's own
    /// link in /proc by which a file is opened that has been looked at.
    #[track_caller]
    pub fn traced_looking<S: AsRef<str>>(
        &self,
        arguments: &[S],
        decide: &mut dyn FnMut(&Point) -> After,
    ) -> Traced {
        self.traced_with(arguments, true, decide)
    }

    #[track_caller]
    fn traced_with<S: AsRef<str>>(
        &self,
        arguments: &[S],
        looks: bool,
        decide: &mut dyn FnMut(&Point) -> After,
    ) -> Traced {
        let (out, err) = (self.scratch(""), self.scratch(""));
        // It tells its steps.
        let mut words = vec!["-v"];
        words.extend(arguments.iter().map(AsRef::as_ref));
        let mut command = self.retire_command(&words);
        command
            .stdout(File::create(&out).unwrap())
            .stderr(File::options().append(true).open(&err).unwrap());
        let mut tracer = Tracer {
            stderr: err.clone().into(),
            own: [out.clone(), err.clone()],
            looks,
            points: Vec::new(),
            pending: HashMap::new(),
        };
        let code = tracer.run(command, decide);
        let read = |path: &str| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Traced {
            code,
            stdout: read(&out),
            stderr: read(&err),
            points: tracer.points,
        }
    }
}

/// An assertion has failed while the program stood still: it would stand for ever, and whoever ends
/// its host would wait for it. Ends and reaps the threads, then the processes they are of.
fn abandon(known: &HashSet<i32>, program: i32, outer: i32) {
    let threads = known.iter().filter(|it| ![program, outer].contains(it));
    let mut status = 0;
    // SAFETY: plain calls on children and tracees of this thread.
    unsafe {
        libc::kill(program, libc::SIGKILL);
        libc::kill(outer, libc::SIGKILL);
        for traced in threads.copied().chain([program, outer]) {
            while libc::waitpid(traced, &mut status, libc::__WALL) == traced
                && !libc::WIFEXITED(status)
                && !libc::WIFSIGNALED(status)
            {}
        }
    }
}

struct Tracer {
    stderr: PathBuf,
    own: [String; 2],
    /// Are calls that only look points too?
    looks: bool,
    points: Vec<Point>,
    /// Calls that were made to do nothing, and the errno they will answer.
    pending: HashMap<i32, i32>,
}

impl Tracer {
    fn run(&mut self, mut command: Command, decide: &mut dyn FnMut(&Point) -> After) -> i32 {
        // SAFETY: between fork and exec the child only asks to be traced.
        unsafe {
            command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let child = command.spawn().unwrap();
        // nsenter, which waits for the program and passes its end on.
        let outer = child.id() as i32;
        let mut status = 0;
        // SAFETY: plain calls on a child of this thread.
        unsafe {
            assert_eq!(libc::waitpid(outer, &mut status, 0), outer);
            let options = libc::PTRACE_O_TRACESYSGOOD
                | libc::PTRACE_O_TRACECLONE
                | libc::PTRACE_O_TRACEFORK
                | libc::PTRACE_O_TRACEVFORK
                | libc::PTRACE_O_TRACEEXEC
                | libc::PTRACE_O_EXITKILL;
            libc::ptrace(libc::PTRACE_SETOPTIONS, outer, 0, options);
        }
        resume(outer, 0);
        let program = Arc::new(AtomicI32::new(0));
        let ended = watch_over(&program);
        let mut known = HashSet::from([outer]);
        let code = loop {
            // SAFETY: only children and tracees of this thread are waited for.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
            assert!(pid > 0, "the traced process is lost");
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                if pid == outer {
                    break if libc::WIFEXITED(status) {
                        libc::WEXITSTATUS(status)
                    } else {
                        128 + libc::WTERMSIG(status)
                    };
                }
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let event = status >> 16;
            let is_new = known.insert(pid);
            if signal == (libc::SIGTRAP | 0x80) {
                if program.load(Ordering::SeqCst) != 0 && pid != outer {
                    let traced = program.load(Ordering::SeqCst);
                    let at_call = AssertUnwindSafe(|| self.at_call(pid, traced, decide));
                    if let Err(panic) = catch_unwind(at_call) {
                        abandon(&known, traced, outer);
                        ended.store(true, Ordering::SeqCst);
                        resume_unwind(panic);
                    }
                }
                resume(pid, 0);
            } else if event == libc::PTRACE_EVENT_EXEC {
                if pid != outer {
                    program.store(pid, Ordering::SeqCst);
                }
                resume(pid, 0);
            } else if event != 0 || (is_new && signal == libc::SIGSTOP) {
                resume(pid, 0);
            } else {
                resume(pid, signal);
            }
        };
        ended.store(true, Ordering::SeqCst);
        std::mem::forget(child);
        code
    }

    fn at_call(&mut self, pid: i32, program: i32, decide: &mut dyn FnMut(&Point) -> After) {
        let Some(mut registers) = registers(pid) else {
            return;
        };
        // SAFETY: the kernel fills what the size says.
        let operation = unsafe {
            let mut info = [0u8; 96];
            libc::ptrace(
                libc::PTRACE_GET_SYSCALL_INFO,
                pid,
                info.len(),
                info.as_mut_ptr(),
            );
            info[0]
        };
        if operation == libc::PTRACE_SYSCALL_INFO_EXIT {
            if let Some(errno) = self.pending.remove(&pid) {
                registers.rax = (-i64::from(errno)) as u64;
                set_registers(pid, &registers);
            }
            return;
        }
        let Some((call, target)) = self.change(pid, &registers) else {
            return;
        };
        let point = Point {
            number: self.points.len() + 1,
            call,
            target,
            step: last_line(&self.stderr),
            pid: program,
            thread: pid,
        };
        let after = decide(&point);
        self.points.push(point);
        match after {
            After::GoOn => {}
            // SAFETY: the program's own leader; it is stopped and cannot be another by now.
            After::Kill => unsafe {
                libc::kill(program, libc::SIGKILL);
            },
            After::Fail(errno) => {
                registers.orig_rax = u64::MAX;
                set_registers(pid, &registers);
                self.pending.insert(pid, errno);
            }
        }
    }

    /// The call's name and what it is about, if it changes anything that outlives the process.
    fn change(
        &self,
        pid: i32,
        registers: &libc::user_regs_struct,
    ) -> Option<(&'static str, String)> {
        let file = |descriptor: u64| {
            let link = fs::read_link(format!("/proc/{pid}/fd/{}", descriptor as i32)).ok()?;
            let path = link.to_string_lossy().into_owned();
            if path.starts_with("socket:") {
                return Some("libvirt".to_owned());
            }
            let counts =
                path.starts_with('/') && !path.starts_with("/dev/") && !self.own.contains(&path);
            counts.then_some(path)
        };
        let two = |folder: u64, name: u64| {
            let folder = file(folder).unwrap_or_default();
            let name = text(pid, name);
            if name.starts_with('/') || folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            }
        };
        let libc::user_regs_struct {
            rdi, rsi, rdx, r10, ..
        } = *registers;
        let call = registers.orig_rax as i64;
        Some(match call {
            libc::SYS_write => ("write", file(rdi)?),
            libc::SYS_writev => ("writev", file(rdi)?),
            libc::SYS_pwrite64 => ("pwrite64", file(rdi)?),
            libc::SYS_sendto => ("sendto", file(rdi)?),
            libc::SYS_sendmsg => ("sendmsg", file(rdi)?),
            libc::SYS_fsync => ("fsync", file(rdi)?),
            libc::SYS_fdatasync => ("fdatasync", file(rdi)?),
            libc::SYS_syncfs => ("syncfs", file(rdi)?),
            libc::SYS_sync_file_range => ("sync_file_range", file(rdi)?),
            libc::SYS_ftruncate => ("ftruncate", file(rdi)?),
            libc::SYS_fallocate => ("fallocate", file(rdi)?),
            libc::SYS_fchmod => ("fchmod", file(rdi)?),
            libc::SYS_fchown => ("fchown", file(rdi)?),
            libc::SYS_fsetxattr => ("fsetxattr", file(rdi)?),
            // FS_IOC_SETFLAGS; all else that is asked by ioctl here changes nothing.
            libc::SYS_ioctl if rsi as u32 == 0x4008_6602 => ("ioctl", file(rdi)?),
            libc::SYS_rename => ("rename", text(pid, rdi)),
            libc::SYS_renameat => ("renameat", two(rdi, rsi)),
            libc::SYS_renameat2 => ("renameat2", two(rdi, rsi)),
            libc::SYS_link => ("link", text(pid, rdi)),
            libc::SYS_linkat => ("linkat", two(rdx, r10)),
            libc::SYS_unlink => ("unlink", text(pid, rdi)),
            libc::SYS_unlinkat => ("unlinkat", two(rdi, rsi)),
            libc::SYS_rmdir => ("rmdir", text(pid, rdi)),
            libc::SYS_mkdir => ("mkdir", text(pid, rdi)),
            libc::SYS_mkdirat => ("mkdirat", two(rdi, rsi)),
            libc::SYS_chmod => ("chmod", text(pid, rdi)),
            libc::SYS_fchmodat => ("fchmodat", two(rdi, rsi)),
            libc::SYS_chown => ("chown", text(pid, rdi)),
            libc::SYS_lchown => ("lchown", text(pid, rdi)),
            libc::SYS_fchownat => ("fchownat", two(rdi, rsi)),
            libc::SYS_utimensat => ("utimensat", two(rdi, rsi)),
            libc::SYS_setxattr => ("setxattr", text(pid, rdi)),
            libc::SYS_lsetxattr => ("lsetxattr", text(pid, rdi)),
            libc::SYS_symlink => ("symlink", text(pid, rsi)),
            libc::SYS_symlinkat => ("symlinkat", two(rsi, rdx)),
            libc::SYS_openat2 if self.looks => ("openat2", two(rdi, rsi)),
            libc::SYS_openat if self.looks && text(pid, rsi).starts_with("/proc/self/fd/") => {
                ("openat", text(pid, rsi))
            }
            // A file without a name counts as well.
            libc::SYS_openat
                if rdx as i32 & (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) != 0 =>
            {
                let path = two(rdi, rsi);
                if path.starts_with("/dev/") {
                    return None;
                }
                ("openat", path)
            }
            _ => return None,
        })
    }
}

fn resume(pid: i32, signal: i32) {
    // SAFETY: a tracee that has ended meanwhile answers ESRCH, which is fine.
    unsafe {
        libc::ptrace(libc::PTRACE_SYSCALL, pid, 0, signal);
    }
}

fn registers(pid: i32) -> Option<libc::user_regs_struct> {
    // SAFETY: plain old data, which the kernel fills.
    unsafe {
        let mut registers: libc::user_regs_struct = std::mem::zeroed();
        let done = libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &mut registers);
        (done == 0).then_some(registers)
    }
}

fn set_registers(pid: i32, registers: &libc::user_regs_struct) {
    // SAFETY: the registers came from this very tracee, which is stopped.
    unsafe {
        libc::ptrace(libc::PTRACE_SETREGS, pid, 0, registers);
    }
}

/// A C string in the tracee.
fn text(pid: i32, address: u64) -> String {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 512];
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else {
        return String::new();
    };
    // The string may end near the end of its page.
    let first = 4096 - (address % 4096) as usize;
    let length = memory
        .read_at(&mut bytes, address)
        .or_else(|_| memory.read_at(&mut bytes[..first.min(512)], address))
        .unwrap_or(0);
    let end = bytes[..length].iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(length)]).into_owned()
}

fn last_line(path: &PathBuf) -> String {
    let said = fs::read(path).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    // "[3/8] do undefine …"
    let step = |line: &str| {
        let (_, step) = line.strip_prefix('[')?.split_once("] ")?;
        Some(step.to_owned())
    };
    said.lines().rev().find_map(step).unwrap_or("before".into())
}

/// Ends a program that hangs, so that the test fails instead of standing still.
fn watch_over(program: &Arc<AtomicI32>) -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let (program, told) = (Arc::clone(program), Arc::clone(&ended));
    std::thread::spawn(move || {
        let until = Instant::now() + LONGEST;
        while Instant::now() < until {
            if told.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let pid = program.load(Ordering::SeqCst);
        let is_ours = fs::read_link(format!("/proc/{pid}/exe"))
            .is_ok_and(|exe| exe == std::path::Path::new(BINARY));
        if pid > 0 && is_ours {
            // SAFETY: looked at a moment ago.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
        }
    });
    ended
}
