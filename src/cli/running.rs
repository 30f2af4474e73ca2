//! How far a run of steps is, for whoever waits for it.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::model::{Direction, Step, Transaction};

use super::control::say;
use super::safe::{safe, safe_path, visible};

/// A batch that takes longer is told of.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two drawings of a line that is drawn over.
const REDRAWN: Duration = Duration::from_millis(100);
/// Between two lines in a file.
const WRITTEN: Duration = Duration::from_secs(5);

/// What is told of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    Nothing,
    /// To a script: how far a batch is that takes its time. Otherwise its stderr stays empty as
    /// long as nothing goes wrong.
    Batches,
    /// To a person who watches, or who asked for it: each step; of a batch on a terminal, one line
    /// that says how far it is.
    Steps,
}

#[derive(Debug)]
pub struct Running {
    tells: Tells,
    is_terminal: bool,
    transactions: usize,
    steps: usize,
    begun: usize,
    since: Instant,
    told: Option<Instant>,
}

impl Running {
    pub fn new(tells: Tells) -> Self {
        Self {
            tells,
            is_terminal: std::io::stderr().is_terminal(),
            transactions: 0,
            steps: 0,
            begun: 0,
            since: Instant::now(),
            told: None,
        }
    }

    pub fn tells_steps(&self) -> bool {
        self.tells == Tells::Steps
    }

    pub fn begin(&mut self, transactions: usize, steps: usize) {
        *self = Self {
            transactions,
            steps,
            ..Self::new(self.tells)
        };
    }

    /// Step `index` of a transaction's plan is next.
    pub fn step(
        &mut self,
        transaction: &Transaction,
        index: usize,
        step: &Step,
        direction: Direction,
    ) {
        self.begun += 1;
        let is_batch = self.transactions > 1;
        match self.tells {
            Tells::Nothing => {}
            Tells::Steps if !is_batch || !self.is_terminal => {
                let subject = step.taken().map(|taken| safe_path(taken.path()));
                say(&format!(
                    "[{}/{}] {} {} {}",
                    index + 1,
                    transaction.plan.steps.len(),
                    direction.word(),
                    step.kind(),
                    subject.unwrap_or_default()
                ));
            }
            Tells::Steps | Tells::Batches if is_batch => {
                let name = safe(&transaction.domain().name);
                let (word, kind) = (direction.word(), step.kind());
                self.tell(&format!("{name}: {word} {kind}"), Instant::now());
            }
            Tells::Steps | Tells::Batches => {}
        }
    }

    fn tell(&mut self, present: &str, now: Instant) {
        let pause = match self.is_terminal {
            true => REDRAWN,
            false => WRITTEN,
        };
        let is_due = match self.told {
            None => now.duration_since(self.since) >= PATIENCE,
            Some(told) => now.duration_since(told) >= pause,
        };
        if !is_due {
            return;
        }
        self.told = Some(now);
        let line = self.line(present, now.duration_since(self.since));
        match self.is_terminal {
            // Drawn over by the next one.
            true => draw(&format!("\r{}\x1b[K", visible(&line))),
            false => say(&line),
        }
    }

    /// The present step counts as half done.
    fn line(&self, present: &str, elapsed: Duration) -> String {
        let done = self.begun.saturating_sub(1);
        let share = (done as f64 + 0.5) / (self.steps.max(1) as f64);
        let left = elapsed.as_secs_f64() * (1.0 / share - 1.0).max(0.0);
        format!(
            "{done} of {} steps of {} domains done, about {left:.0} s left; {present}",
            self.steps, self.transactions
        )
    }

    pub fn end(&mut self) {
        if self.told.take().is_some() && self.is_terminal {
            draw("\r\x1b[K");
        }
    }
}

fn draw(text: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = terminal.write_all(text.as_bytes());
    let _ = terminal.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_will_take() {
        let mut running = Running::new(Tells::Batches);
        running.begin(20, 100);
        running.begun = 25;
        let line = running.line("web: do undefine", Duration::from_secs(10));
        assert_eq!(
            line,
            "24 of 100 steps of 20 domains done, about 31 s left; web: do undefine"
        );
        // Before the first step is done nothing is known, and nothing is divided by it.
        running.begun = 0;
        assert!(
            running
                .line("web", Duration::from_secs(1))
                .contains("199 s left")
        );
    }
}
