//! How an overwriting goes on: bytes, speed, time left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::HumanDuration;

use super::safe::safe_path;
use crate::model::size;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Wiping {
    pub path: PathBuf,
    begun: Instant,
    told: Instant,
    /// Bytes that an earlier run had done.
    from: u64,
}

impl Wiping {
    pub fn begun(path: &Path, from: u64) -> Self {
        let now = Instant::now();
        Self {
            path: path.to_owned(),
            begun: now,
            told: now,
            from,
        }
    }

    /// What is to be told now, if anything.
    pub fn line(&mut self, done: u64, all: u64) -> Option<String> {
        if self.told.elapsed() < PAUSE {
            return None;
        }
        self.told = Instant::now();
        Some(line(
            &self.path,
            done,
            all,
            done.saturating_sub(self.from),
            self.begun.elapsed(),
        ))
    }
}

/// `moved` bytes took so long.
fn line(path: &Path, done: u64, all: u64, moved: u64, took: Duration) -> String {
    let speed = moved as f64 / took.as_secs_f64().max(0.001);
    let left = match speed > 0.0 {
        true => {
            let seconds = all.saturating_sub(done) as f64 / speed;
            let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            format!("{} left", HumanDuration(left))
        }
        false => "time left unknown".to_owned(),
    };
    format!(
        "overwriting {}: {} of {}, {}/s, {left}",
        safe_path(path),
        size(done),
        size(all),
        size(speed as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_speed_and_time_left_are_told() {
        const GIB: u64 = 1 << 30;
        let told = line(
            Path::new("/q/003"),
            3 * GIB,
            5 * GIB,
            GIB,
            Duration::from_secs(64),
        );
        assert_eq!(
            told,
            "overwriting /q/003: 3 GiB of 5 GiB, 16 MiB/s, 2 minutes left"
        );
        let told = line(Path::new("/q/003"), 0, GIB, 0, Duration::ZERO);
        assert!(told.ends_with("time left unknown"), "{told}");
    }
}
