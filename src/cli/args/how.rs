//! How a verb does its work: whether it asks, where it stops, and how it stops a running domain.

use clap::Args;

use super::super::settings::Retention;
use crate::model::quoted;

#[derive(Debug, Clone, Copy, Args)]
pub struct Confirmation {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How it is done")]
pub struct How {
    /// Stop before the decision; `commit` or `rollback` takes it later
    #[arg(long)]
    pub prepare: bool,
    /// Several domains: each is a decision of its own, and one that fails keeps no other from being
    /// retired; without this all are retired or none. If some are and some are not, exit 4
    #[arg(long)]
    pub each: bool,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How long to keep it before `purge --expired` takes it, or never; counted from now
    /// [default: the setting `retention`]
    #[arg(long, value_name = "SPAN|never")]
    pub expires: Option<Retention>,
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// How a running domain is stopped.
#[derive(Debug, Args)]
pub struct Power {
    /// Ask the guest to switch itself off, and wait for it
    #[arg(long)]
    graceful: bool,
    /// How long it has for that; a guest that has not done so is left running
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        requires = "graceful"
    )]
    timeout: u64,
}

impl Power {
    pub const AT_ONCE: Self = Self {
        graceful: false,
        timeout: 0,
    };

    pub(super) fn patience(&self) -> Option<u64> {
        self.graceful.then_some(self.timeout)
    }
}

impl How {
    /// The same for a line to be typed; whether it asks is decided when that line is typed.
    pub fn typed(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.prepare.then(|| "--prepare".to_owned()));
        words.extend(self.each.then(|| "--each".to_owned()));
        let reason = self.reason.as_deref();
        words.extend(reason.map(|reason| format!("--reason {}", quoted(reason))));
        words.extend(self.expires.map(|expires| format!("--expires {expires}")));
        words
    }
}
