//! Who is at the keyboard (law 7).

use crate::model::{Circumstances, Evidence};

use super::environment::variable;

/// Gathers what the process knows of its user. Never fails: what cannot be found out is absent.
pub fn gather(uri: &str, reason: Option<String>, unseen: Vec<String>) -> Evidence {
    let uid = rustix::process::geteuid().as_raw();
    Evidence {
        uid,
        user: user_name(uid),
        login: login(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        from: from(),
        reason,
        command: std::env::args_os()
            .map(|argument| super::safe::lossless(&argument))
            .collect(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").into(),
        uri: uri.into(),
        accepted_unseen: unseen,
        overrides: Vec::new(),
        circumstances: circumstances(),
    }
}

fn user_name(uid: u32) -> String {
    uzers::get_user_by_uid(uid).map_or_else(
        || uid.to_string(),
        |user| user.name().to_string_lossy().into_owned(),
    )
}

/// Before `su` and `sudo`: the kernel remembers who logged in; 4294967295 says that nobody did.
fn login() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .filter(|uid| *uid != u32::MAX)
        .map(user_name);
    kernel.or_else(|| text("SUDO_USER"))
}

fn circumstances() -> Circumstances {
    let number = |path| -> Option<u32> {
        let text = std::fs::read_to_string(path).ok()?;
        // 4294967295 says that there is none.
        text.trim()
            .parse()
            .ok()
            .filter(|number| *number != u32::MAX)
    };
    let line = |path| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
    };
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = u64::try_from(up.tv_sec)
        .ok()
        .and_then(|seconds| seconds.checked_mul(1000))
        .and_then(|millis| millis.checked_add(u64::try_from(up.tv_nsec).ok()? / 1_000_000));
    Circumstances {
        login_uid: number("/proc/self/loginuid"),
        sudo_user: text("SUDO_USER"),
        terminal: terminal(),
        remote: remote(),
        session: number("/proc/self/sessionid"),
        // "0::/system.slice/x.service", of control groups' second version.
        unit: line("/proc/self/cgroup")
            .and_then(|line| line.rsplit_once(':').map(|(_, group)| group.to_owned())),
        boot: line("/proc/sys/kernel/random/boot_id")
            .and_then(|text| uuid::Uuid::try_parse(&text).ok()),
        since_boot,
        machine: line("/etc/machine-id"),
        libvirt: None,
        qemu: None,
    }
}

fn terminal() -> Option<String> {
    rustix::termios::ttyname(std::io::stdin(), Vec::new())
        .ok()
        .map(|name| name.to_string_lossy().into_owned())
}

/// "client-address client-port server-address server-port", set by sshd.
fn remote() -> Option<String> {
    text("SSH_CONNECTION").and_then(|text| text.split(' ').next().map(str::to_owned))
}

fn from() -> Option<String> {
    match (terminal(), remote()) {
        (Some(terminal), Some(remote)) => Some(format!("{terminal} from {remote}")),
        (terminal, remote) => terminal.or(remote),
    }
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}
