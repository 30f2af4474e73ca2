//! A libvirt of one's own, for one test: `tests/private-libvirt --hold` makes it and ends it.
//!
//! A path means a file inside the host unless [`PrivateHost::path`] made it. Inside,
//! `/var/lib/libvirt` and `/var/lib/virt-retire` are private and on one mount, so files move
//! between them by rename.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::outcome::Outcome;

pub struct PrivateHost {
    holder: Child,
    /// The first process inside; its /proc entry is the way to everything in there.
    pub pid: u32,
    /// The folder of this host, which has the same name inside and outside.
    pub folder: PathBuf,
    /// Where guests' unmanaged disks go.
    pub images: String,
    /// The target of the dir pool `default`.
    pub pool: String,
    /// What virt-retire gets as `--state-dir`.
    pub state: String,
    counter: AtomicU32,
}

impl PrivateHost {
    /// Starts libvirtd over empty folders, and the dir pool `default`.
    #[track_caller]
    pub fn start() -> Self {
        let host = Self::start_bare();
        host.start_pool("default", &host.pool);
        host
    }

    /// The same with `images`, `pool` and `state` together on a file system of their own, "xfs" or
    /// "ext4", for power cuts. Also returns the file system.
    #[track_caller]
    pub fn start_on(kind: &str) -> (Self, super::filesystem::Filesystem) {
        let mut host = Self::start_bare();
        let medium = host.filesystem(kind);
        host.images = medium.path("images");
        host.pool = medium.path("pool");
        host.state = medium.path("state");
        for folder in [&host.images, &host.pool, &host.state] {
            fs::create_dir(host.path(folder)).unwrap();
        }
        // virt-retire takes no state folder that others can look into.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(host.path(&host.state), private).unwrap();
        // The folders themselves are not what a power cut is to lose.
        medium.sync(&host);
        host.start_pool("default", &host.pool);
        (host, medium)
    }

    #[track_caller]
    fn start_bare() -> Self {
        // Files that tests make are as others find them on a host, whatever the umask of who
        // started the tests.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/private-libvirt");
        // Its input is our pipe: when this process ends, however it does, the kernel closes it.
        let mut holder = Command::new(script)
            .arg("--hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/private-libvirt should start");
        let mut ready = String::new();
        BufReader::new(holder.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let mut words = ready.split_whitespace();
        let (Some("ready"), Some(pid), Some(folder)) = (words.next(), words.next(), words.next())
        else {
            panic!(
                "no private libvirt: what it said is above. These tests need root and `make deps`"
            );
        };
        PrivateHost {
            holder,
            pid: pid.parse().unwrap(),
            folder: folder.into(),
            images: "/var/lib/libvirt/images".into(),
            pool: "/var/lib/libvirt/pool".into(),
            state: "/var/lib/virt-retire".into(),
            counter: AtomicU32::new(0),
        }
    }

    pub fn start_pool(&self, name: &str, target: &str) {
        self.virsh(&["pool-define-as", name, "dir", "--target", target]);
        self.virsh(&["pool-start", name]);
    }

    /// libvirt learns of files that came or went behind its back.
    pub fn refresh_pools(&self) {
        for pool in self.virsh(&["pool-list", "--name"]).lines() {
            self.virsh(&["pool-refresh", pool.trim()]);
        }
    }

    /// The file `inside` as this process finds it. Symbolic links with absolute targets lead out of
    /// the host again, so don't follow them.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        let root = PathBuf::from(format!("/proc/{}/root", self.pid));
        root.join(inside.strip_prefix("/").unwrap_or(inside))
    }

    pub fn exists(&self, inside: &str) -> bool {
        fs::symlink_metadata(self.path(inside)).is_ok()
    }

    /// Writes a file that does not matter to identity, such as XML for virsh, and returns its path.
    pub fn scratch(&self, content: &str) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("scratch-{number}"));
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().into()
    }

    /// A command that will run inside, with nothing on its input. Of what the tests were started
    /// with it gets the path alone: neither variables that steer libvirt, virsh, the program, or
    /// the language of messages, nor signals that are ignored, as under nohup.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args([
                "--target",
                &self.pid.to_string(),
                "--mount",
                "--pid",
                "--net",
                "--",
            ])
            .arg(program)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", search_path())
            .env("HOME", &self.folder)
            .env("LIBVIRT_DEFAULT_URI", "qemu:///system")
            .env("LC_ALL", "C.UTF-8");
        // SAFETY: between fork and exec the child only sets dispositions of its own.
        unsafe {
            command.pre_exec(|| {
                for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        command
    }

    /// Runs a command inside and returns what it answered, whatever that was.
    pub fn run<S: AsRef<str>>(&self, words: &[S]) -> Outcome {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let output = self.command(words[0]).args(&words[1..]).output().unwrap();
        Outcome::new(words.join(" "), &output)
    }

    /// Runs a shell script inside; it must succeed. Returns its stdout.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        self.run(&["bash", "-euo", "pipefail", "-c", script])
            .expect(0)
            .stdout
    }

    /// Runs virsh, which must succeed, and returns its stdout without blank lines around it.
    #[track_caller]
    pub fn virsh<S: AsRef<str>>(&self, arguments: &[S]) -> String {
        self.try_virsh(arguments).expect(0).stdout.trim().to_owned()
    }

    pub fn try_virsh<S: AsRef<str>>(&self, arguments: &[S]) -> Outcome {
        let mut words = vec!["virsh", "-q"];
        words.extend(arguments.iter().map(AsRef::as_ref));
        self.run(&words)
    }

    /// Many calls in one virsh, which is as quick as one: what each wrote to stdout, nothing where
    /// it failed.
    pub fn virsh_batch(&self, calls: &[Vec<&str>]) -> Vec<String> {
        const END: &str = "@@end of a call@@";
        let mut script = String::new();
        for call in calls {
            call.iter()
                .for_each(|word| script.push_str(&format!("'{word}' ")));
            script.push_str(&format!("; echo '{END}'; "));
        }
        let outcome = self.try_virsh(&[script]);
        let mut answers: Vec<&str> = outcome.stdout.split(END).collect();
        // After the last mark comes nothing.
        answers.pop();
        assert!(
            answers.len() == calls.len(),
            "an answer for each call\n{outcome}"
        );
        answers
            .into_iter()
            .map(|answer| answer.trim().to_owned())
            .collect()
    }

    /// The names of all domains, running or not.
    pub fn domains(&self) -> Vec<String> {
        self.virsh(&["list", "--all", "--name"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Ends libvirtd with SIGKILL, as a crash would. Guests go on running.
    pub fn kill_libvirtd(&self) {
        self.shell(
            "pid=$(cat /run/libvirt/libvirtd.pid); kill -KILL $pid
            while kill -0 $pid 2>/dev/null; do sleep 0.01; done",
        );
    }

    #[track_caller]
    pub fn start_libvirtd(&self) {
        self.shell(
            "libvirtd --daemon --pid-file /run/libvirt/libvirtd.pid
            until virsh -q version >/dev/null 2>&1; do ((SECONDS < 60)); sleep 0.02; done",
        );
    }

    /// What libvirt knows after this is what lies on its disk.
    #[track_caller]
    pub fn restart_libvirtd(&self) {
        self.kill_libvirtd();
        self.start_libvirtd();
    }
}

/// The caller's path, and where daemons and mkfs live, which is not on everybody's.
pub fn search_path() -> OsString {
    let mut path =
        std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

impl Drop for PrivateHost {
    fn drop(&mut self) {
        // End of input is the holder's sign to end; it removes the folder when the last process is
        // gone.
        if let Some(mut stdin) = self.holder.stdin.take() {
            let _ = stdin.flush();
        }
        let _ = self.holder.wait();
    }
}
