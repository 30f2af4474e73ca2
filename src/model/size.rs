//! How sizes and counts are written.

/// A size in powers of 1024: a whole number, or one decimal below ten.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, rounded, so that 1023.96 KiB become 1 MiB and not 1024 KiB.
    let mut tenths = u128::from(bytes) * 10;
    for unit in UNITS {
        tenths = (tenths + 512) / 1024;
        if tenths < 10_235 || unit == "EiB" {
            return match tenths {
                0..100 if !tenths.is_multiple_of(10) => {
                    format!("{}.{} {unit}", tenths / 10, tenths % 10)
                }
                _ => format!("{} {unit}", (tenths + 5) / 10),
            };
        }
    }
    format!("{bytes} B")
}

/// `1 disk`, `2 disks`.
pub fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (9_961_472, "9.5 MiB"),
            (30 << 20, "30 MiB"),
            ((30 << 20) + 700_000, "31 MiB"),
            ((1 << 20) - 10, "1 MiB"),
            ((10 << 20) - 1, "10 MiB"),
            (3 << 40, "3 TiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!(count(1, "disk"), "1 disk");
        assert_eq!(count(40, "disk"), "40 disks");
    }
}
