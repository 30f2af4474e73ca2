//! How far a long look has come, for a person who watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::context::Context;

/// On a terminal's stderr, and gone when it is done.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// `what` is counted: "transactions read".
    pub fn new(context: &Context, what: &'static str) -> Self {
        Self::styled(context, &format!("{{pos}} of {{len}} {what} {{wide_bar}}"))
    }

    /// The same in bytes.
    pub fn of_bytes(context: &Context, what: &'static str) -> Self {
        let template = format!("{{bytes}} {what}, {{bytes_per_sec}}");
        Self::styled(context, &template)
    }

    fn styled(context: &Context, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).ok();
        Self(style.filter(|_| context.has_watcher()).map(|style| {
            let bar = ProgressBar::new(0).with_style(style);
            // What is over at once shows nothing.
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        }))
    }

    pub fn at(&self, done: u64, all: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(all);
            bar.set_position(done);
        }
    }

    pub fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
