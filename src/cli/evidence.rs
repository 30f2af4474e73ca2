//! Who is at the keyboard (law 7).

use crate::model::Evidence;

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

fn from() -> Option<String> {
    let terminal = rustix::termios::ttyname(std::io::stdin(), Vec::new())
        .ok()
        .map(|name| name.to_string_lossy().into_owned());
    // "client-address client-port server-address server-port", set by sshd.
    let remote = text("SSH_CONNECTION").and_then(|text| text.split(' ').next().map(str::to_owned));
    match (terminal, remote) {
        (Some(terminal), Some(remote)) => Some(format!("{terminal} from {remote}")),
        (terminal, remote) => terminal.or(remote),
    }
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}
