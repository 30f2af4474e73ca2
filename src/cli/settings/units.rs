//! Spans of time as the contract writes them: `30d`, `12h`, `2w`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of whole seconds. A day has 24 hours and a week seven days, whatever the calendar says:
/// an age is compared with it, not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    pub const HOUR: Self = Self(Duration::from_secs(3600));

    pub fn duration(self) -> Duration {
        self.0
    }
}

const UNITS: [(char, u64); 5] = [
    ('w', 7 * 86_400),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is not a span: a whole number and s, m, h, d or w, such as 12h or 30d"
            )
        };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let (_, seconds) = UNITS
            .into_iter()
            .find(|(letter, _)| *letter == unit)
            .ok_or_else(wrong)?;
        let number = text.strip_suffix(unit).unwrap_or_default();
        if !number.chars().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let total = number
            .checked_mul(seconds)
            .ok_or_else(|| format!("'{text}' is too long"))?;
        Ok(Self(Duration::from_secs(total)))
    }
}

/// In the largest unit that leaves nothing over.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        let (letter, seconds) = UNITS
            .into_iter()
            .find(|(_, seconds)| total > 0 && total.is_multiple_of(*seconds))
            .unwrap_or(('s', 1));
        write!(f, "{}{letter}", total / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("30d", 30 * 86_400),
            ("12h", 43_200),
            ("2w", 14 * 86_400),
            ("90m", 5_400),
            ("0s", 0),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.duration(), Duration::from_secs(seconds), "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "30y",
            "-1d",
            "+1d",
            "1.5h",
            "30d ",
            "99999999999999999999w",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("18446744073709551615w".parse::<Span>().is_err());
    }

    #[test]
    fn a_span_is_shown_in_its_largest_unit() {
        for text in ["2w", "30d", "1h", "90m", "61s", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("14d".parse::<Span>().unwrap().to_string(), "2w");
    }
}
