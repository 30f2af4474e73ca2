//! Whole command lines for a screen: what an operator types next, with everything that it needs.

use crate::adapters::libvirt::Libvirt;
use crate::model::{DomainRef, Removal, quoted};

use super::args::{Arguments, How, typed};
use super::context::Context;
use super::safe::safe;
use super::settings::{Settings, default_state_dir};

/// What of the options of every verb another command needs too. A password in a URI is not shown.
pub fn globals(arguments: &Arguments, settings: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(uri) = &arguments.connect {
        words.push(format!("-c {}", quoted(&Libvirt::without_password(uri))));
    }
    let state_dir = &settings.state_dir.value;
    let is_default = default_state_dir().is_ok_and(|default| default == *state_dir);
    if arguments.state_dir.is_some() && !is_default {
        words.push(format!(
            "--state-dir {}",
            quoted(&state_dir.to_string_lossy())
        ));
    }
    for folder in &arguments.quarantine {
        words.push(format!(
            "--quarantine {}",
            quoted(&folder.to_string_lossy())
        ));
    }
    words
}

/// The command as it was typed, for root. What sudo does not pass on is what root has by default.
pub fn with_sudo() -> String {
    let words = std::env::args_os().skip(1);
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    safe(&format!("sudo virt-retire {}", words.join(" ")))
}

/// `virt-retire undefine web1 --remove-all-storage`; `destroy` where the guest is stopped first.
pub fn retire<'a>(
    context: &Context,
    domains: impl IntoIterator<Item = &'a DomainRef>,
    removal: &Removal,
    how: Option<&How>,
) -> String {
    let verb = match removal.stop_first {
        true => "destroy",
        false => "undefine",
    };
    let mut words = vec!["virt-retire".to_owned(), verb.to_owned()];
    words.extend(domains.into_iter().map(DomainRef::typed));
    words.extend(typed(removal));
    words.extend(how.map(How::typed).unwrap_or_default());
    words.extend(context.globals.iter().cloned());
    safe(&words.join(" "))
}
