//! Sizes as the contract writes them: `20G`, `500M`.

use std::str::FromStr;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Powers of 1024.
const UNITS: [(char, u32); 5] = [('K', 1), ('M', 2), ('G', 3), ('T', 4), ('P', 5)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a size: a whole number and K, M, G, T or P, such as 20G");
        let last = text.chars().last().ok_or_else(wrong)?;
        let unit = UNITS.into_iter().find(|(letter, _)| *letter == last);
        let (number, power) = match unit {
            Some((_, power)) => (text.strip_suffix(last).unwrap_or_default(), power),
            None => (text, 0),
        };
        if number.is_empty() || !number.chars().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number
            .checked_mul(1024u64.pow(power))
            .map(Self)
            .ok_or_else(|| format!("'{text}' is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, bytes) in [
            ("20G", 20 << 30),
            ("500M", 500 << 20),
            ("1K", 1024),
            ("7", 7),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "G", "20 G", "-1G", "+1G", "1.5G", "20GB", "99999999P"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
