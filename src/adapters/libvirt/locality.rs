//! Where a connection's files are, judged by its URI (law 6: refuse rather than guess).

use std::path::{Path, PathBuf};

use super::Libvirt;
use super::peer::Peer;
use crate::ports::{FilesAre, HypervisorError, StateFolders};

/// libvirt's URI: `driver[+transport]://[user[:password]@][host][:port]/path[?parameters]`.
struct Uri<'u> {
    driver: &'u str,
    transport: Option<&'u str>,
    authority: &'u str,
    path: &'u str,
    query: &'u str,
}

/// The drivers that may answer on the host itself (libvirt.org/drivers.html).
const DRIVERS: [&str; 9] = [
    "qemu", "test", "xen", "lxc", "vbox", "vz", "openvz", "bhyve", "ch",
];

impl<'u> Uri<'u> {
    fn split(uri: &'u str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let at = rest.find('/').unwrap_or(rest.len());
        let (driver, transport) = match scheme.split_once('+') {
            Some((driver, transport)) => (driver, Some(transport)),
            None => (scheme, None),
        };
        Some(Self {
            driver,
            transport,
            authority: &rest[..at],
            path: &rest[at..],
            query,
        })
    }

    /// Whether it leads to nobody else's host by its form.
    fn is_local(&self) -> bool {
        self.authority.is_empty() && matches!(self.transport, None | Some("unix"))
    }

    fn parameter(&self, name: &str) -> Option<&'u str> {
        self.query
            .split(['&', ';'])
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

pub(super) fn without_password(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    // The last '@': a password may contain one.
    match rest[..authority].rfind('@') {
        Some(at) => match rest[..at].split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}{}", &rest[at..]),
            None => uri.to_owned(),
        },
        None => uri.to_owned(),
    }
}

/// Whether two URIs lead to one libvirt on this host, or are the same. `qemu:///system` and
/// `qemu+unix:///system` do; for one with a host's name only the same spelling will do.
fn is_one_libvirt(one: &str, other: &str) -> bool {
    let local = |uri: &str| {
        let uri = Uri::split(uri)?;
        let is_plain = uri.is_local() && uri.query.is_empty();
        is_plain.then(|| (uri.driver.to_owned(), uri.path.to_owned()))
    };
    one == other || local(one).is_some_and(|one| local(other) == Some(one))
}

impl Libvirt {
    /// What a URI says by itself, before anyone connects. `None` for what is no whole URI: an alias
    /// of `libvirt.conf`, or nothing, which libvirt makes its default of; and for a driver that
    /// nobody knows, a typing error that libvirt itself tells best.
    pub fn files_of(uri: &str) -> Option<FilesAre> {
        let split = Uri::split(uri)?;
        let is_driver = DRIVERS.contains(&split.driver);
        (is_driver || !split.is_local()).then(|| judge(uri))
    }

    /// For messages and the journal.
    pub fn without_password(uri: &str) -> String {
        without_password(uri)
    }

    /// Whether this connection is the one that `uri`, as a transaction recorded it, stands for.
    pub fn is_at(&self, uri: &str) -> bool {
        is_one_libvirt(&self.uri, uri)
    }

    pub(super) fn locality(&self) -> FilesAre {
        let custom_socket =
            Uri::split(&self.uri).is_some_and(|uri| uri.parameter("socket").is_some());
        if custom_socket {
            // A socket elsewhere may be forwarded from another host.
            let ours = rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned();
            match self.connection.hostname() {
                Ok(theirs) if short(&theirs) == short(&ours) => {}
                Ok(theirs) => {
                    return FilesAre::Elsewhere(format!("the socket leads to host {theirs}"));
                }
                Err(error) => {
                    return FilesAre::Elsewhere(format!(
                        "the socket leads to a host that does not tell its name: {}",
                        error.message()
                    ));
                }
            }
        }
        match judge(&self.uri) {
            FilesAre::Here => match &self.peer {
                Peer::Same => FilesAre::Here,
                Peer::Other { why, hint } => FilesAre::Apart {
                    why: why.clone(),
                    hint: hint.clone(),
                },
                // libvirt's own socket is libvirt's own; of another one nothing is certain.
                Peer::Unseen(what) if !custom_socket => FilesAre::Unseen(what.clone()),
                Peer::Unseen(what) => FilesAre::Apart {
                    why: format!("it could not be seen {what}"),
                    hint: match Surroundings::of_this_process().root {
                        false => "run virt-retire as root".into(),
                        true => "run virt-retire with the right to look into other processes \
                                 (CAP_SYS_PTRACE), which this root does not have"
                            .into(),
                    },
                },
            },
            other => other,
        }
    }
}

/// Some hosts know their domain name and some do not.
fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// A transport to `localhost` counts as elsewhere too: it may be a tunnel.
fn judge(canonical: &str) -> FilesAre {
    let elsewhere = |why: String| FilesAre::Elsewhere(why);
    let Some(uri) = Uri::split(canonical) else {
        return elsewhere(format!("'{canonical}' does not say where they are"));
    };
    if uri.driver != "qemu" {
        return FilesAre::OtherDriver(uri.driver.to_owned());
    }
    match (uri.transport, uri.authority) {
        (None | Some("unix"), "") => FilesAre::Here,
        (None, host) => elsewhere(format!("they are on {host}, reached over TLS")),
        (Some(transport), "") => elsewhere(format!("the connection goes over {transport}")),
        (Some(transport), host) => {
            elsewhere(format!("they are on {host}, reached over {transport}"))
        }
    }
}

/// What of this process decides about a session daemon's folders.
pub(super) struct Surroundings {
    pub root: bool,
    /// `XDG_CONFIG_HOME`, or `~/.config`.
    pub config: Option<PathBuf>,
    /// `XDG_CACHE_HOME`, or `~/.cache`.
    pub cache: Option<PathBuf>,
}

impl Surroundings {
    pub(super) fn of_this_process() -> Self {
        // GLib, by which libvirt finds the folders, takes absolute variables only.
        let folder = |name, default| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| std::env::home_dir().map(|home| home.join(default)))
        };
        Self {
            root: rustix::process::geteuid().is_root(),
            config: folder("XDG_CONFIG_HOME", ".config"),
            cache: folder("XDG_CACHE_HOME", ".cache"),
        }
    }
}

/// libvirt has no call that tells them; these are the paths of `virQEMUDriverConfigNew` in its
/// qemu_conf.c, seen in use with 11.3. A session daemon that was started with another
/// `XDG_CONFIG_HOME` than ours has other folders, and nothing tells us.
pub(super) fn state_folders(
    canonical: &str,
    surroundings: &Surroundings,
) -> Result<StateFolders, HypervisorError> {
    let refused = |cause: String| HypervisorError::Refused {
        call: "finding the daemon's state folders",
        cause,
    };
    let uri = Uri::split(canonical).ok_or_else(|| refused(format!("odd URI {canonical}")))?;
    match uri.path {
        // As root there is no session daemon: the system's answers to both.
        "/session" if !surroundings.root => {
            let config = surroundings
                .config
                .as_ref()
                .ok_or_else(|| refused("neither XDG_CONFIG_HOME nor HOME is set".into()))?;
            let base = config.join("libvirt/qemu");
            Ok(state_below(&base, &base, base.join("swtpm")))
        }
        "/system" | "/session" => Ok(StateFolders {
            images: vec![
                "/var/lib/libvirt/images".into(),
                "/var/lib/libvirt/boot".into(),
            ],
            ..state_below(
                Path::new("/etc/libvirt/qemu"),
                Path::new("/var/lib/libvirt/qemu"),
                "/var/lib/libvirt/swtpm".into(),
            )
        }),
        "/embed" => {
            let root = uri
                .parameter("root")
                .filter(|root| root.starts_with('/') && !root.contains('%'))
                .ok_or_else(|| refused(format!("no plain root folder in {canonical}")))?;
            let root = Path::new(root);
            Ok(state_below(
                &root.join("etc/qemu"),
                &root.join("lib/qemu"),
                root.join("lib/swtpm"),
            ))
        }
        other => Err(refused(format!("unknown path {other} in {canonical}"))),
    }
}

/// `config` is where the definitions are.
fn state_below(config: &Path, state: &Path, tpm: PathBuf) -> StateFolders {
    StateFolders {
        managed_save: state.join("save"),
        tpm,
        nvram: state.join("nvram"),
        snapshots: state.join("snapshot"),
        checkpoints: state.join("checkpoint"),
        definitions: config.to_owned(),
        autostart: config.join("autostart"),
        images: Vec::new(),
    }
}

/// Where the system's daemon has the definitions that it reads when it starts. Of a user's own
/// daemon nothing tells for certain, and of one behind a socket of somebody's choice even less.
pub(super) fn definitions(canonical: &str, surroundings: &Surroundings) -> Option<PathBuf> {
    let uri = Uri::split(canonical)?;
    let is_systems = match uri.path {
        "/system" => true,
        "/session" => surroundings.root,
        _ => false,
    };
    (is_systems && uri.is_local() && uri.query.is_empty()).then(|| "/etc/libvirt/qemu".into())
}

/// Where the daemon keeps a domain's definition, its autostart link, and its trees of snapshots and
/// checkpoints: the same source as for [`state_folders`].
pub(super) fn own_folders(
    canonical: &str,
    surroundings: &Surroundings,
    name: &str,
) -> Vec<PathBuf> {
    // A name with a slash is refused by libvirt; joined, it would lead elsewhere.
    let Some(uri) = Uri::split(canonical).filter(|_| !name.contains('/')) else {
        return Vec::new();
    };
    let (config, state) = match uri.path {
        "/session" if !surroundings.root => match &surroundings.config {
            Some(config) => (config.join("libvirt/qemu"), config.join("libvirt/qemu")),
            None => return Vec::new(),
        },
        "/system" | "/session" => ("/etc/libvirt/qemu".into(), "/var/lib/libvirt/qemu".into()),
        "/embed" => match uri.parameter("root") {
            Some(root) => {
                let root = PathBuf::from(root);
                (root.join("etc/qemu"), root.join("lib/qemu"))
            }
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    folders(config, state, name)
}

/// Below the folder of the definitions, and below that of the state.
fn folders(config: PathBuf, state: PathBuf, name: &str) -> Vec<PathBuf> {
    let mut folders = vec![config.join("autostart"), config, state.join("save")];
    for tree in ["snapshot", "checkpoint"] {
        let tree = state.join(tree);
        folders.extend([tree.join(name), tree]);
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_qemu_has_its_files_here() {
        for here in [
            "qemu:///system",
            "qemu:///session",
            "qemu+unix:///system",
            "qemu+unix:///system?socket=/run/x",
            "qemu:///embed?root=/srv/vm",
        ] {
            assert_eq!(judge(here), FilesAre::Here, "{here}");
        }
        for elsewhere in [
            "qemu+ssh://localhost/system",
            "qemu+ssh://root@host/system",
            "qemu+tcp:///system",
            "qemu+libssh2://h/session",
            "qemu+ext:///system?command=nc",
            "qemu://host/system",
            "qemu+tls://[::1]:16514/system",
            "qemu+unix://host/system",
            "",
            "qemu",
        ] {
            assert!(
                matches!(judge(elsewhere), FilesAre::Elsewhere(_)),
                "{elsewhere}"
            );
        }
        for (uri, driver) in [
            ("test:///default", "test"),
            ("lxc:///system", "lxc"),
            ("xen+ssh://host/", "xen"),
            ("bogus:///", "bogus"),
        ] {
            assert_eq!(judge(uri), FilesAre::OtherDriver(driver.into()), "{uri}");
        }
    }

    #[test]
    fn passwords_are_taken_out() {
        for (with, without) in [
            ("qemu+ssh://u:p@h/system", "qemu+ssh://u@h/system"),
            ("qemu+ssh://u:p@q:@h/system", "qemu+ssh://u@h/system"),
            ("qemu+ssh://u@h/system", "qemu+ssh://u@h/system"),
            ("qemu:///system?a=b:c@d", "qemu:///system?a=b:c@d"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(with), without);
        }
    }

    #[test]
    fn a_session_of_root_is_the_system_daemon() {
        let surroundings = |root| Surroundings {
            root,
            config: Some("/home/u/.config".into()),
            cache: None,
        };
        let save = |uri, root| {
            state_folders(uri, &surroundings(root))
                .map(|folders| folders.managed_save)
                .ok()
        };
        assert_eq!(
            save("qemu:///session", false),
            Some(PathBuf::from("/home/u/.config/libvirt/qemu/save"))
        );
        assert_eq!(
            save("qemu:///session", true),
            Some(PathBuf::from("/var/lib/libvirt/qemu/save"))
        );
        assert_eq!(
            save("qemu:///embed?root=/srv/e", true),
            Some(PathBuf::from("/srv/e/lib/qemu/save"))
        );
        assert!(state_folders("qemu:///embed", &surroundings(true)).is_err());
    }
}
