//! Which characters can be seen. Names are other people's: one that holds what no terminal shows,
//! or what turns the text around it, looks like another one.

/// Control characters; Unicode's format characters, line and paragraph separators, and all that it
/// calls ignorable where it is not known; blanks other than the space bar's; and noncharacters.
/// Source: the general categories Cc, Cf, Zl, Zp, Zs and the property
/// `Default_Ignorable_Code_Point` of the Unicode Character Database. Arabic's and Indic scripts'
/// visible signs of Cf are left out.
const UNSHOWN: [(u32, u32); 33] = [
    (0x00, 0x1f),
    (0x7f, 0xa0),
    (0xad, 0xad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x1680, 0x1680),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x2000, 0x200f),
    (0x2028, 0x202f),
    (0x205f, 0x206f),
    // An empty Braille cell.
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x1_3430, 0x1_343f),
    (0x1_bca0, 0x1_bca3),
    (0x1_d173, 0x1_d17a),
    (0x1_fffe, 0x1_ffff),
    (0x2_fffe, 0x2_ffff),
    (0x3_fffe, 0x3_ffff),
    (0x4_fffe, 0x4_ffff),
    (0x5_fffe, 0x5_ffff),
    // Unassigned planes, with what has no place there.
    (0x6_0000, 0xd_ffff),
    (0xe_0000, 0xe_0fff),
    (0xf_fffe, 0xf_ffff),
    (0x10_fffe, 0x10_ffff),
];

/// Whether a character shows as itself, where it stands.
pub fn is_shown(character: char) -> bool {
    let code = u32::from(character);
    let above = UNSHOWN.partition_point(|(_, last)| *last < code);
    UNSHOWN.get(above).is_none_or(|(first, _)| code < *first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(UNSHOWN.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(UNSHOWN.iter().all(|(first, last)| first <= last));
    }

    #[test]
    fn what_nobody_sees_is_told_from_what_people_write() {
        for hidden in [
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fffe}',
            '\u{e0041}',
            '\u{e01ef}',
        ] {
            assert!(!is_shown(hidden), "{hidden:?}");
        }
        for plain in " aZ~¡ß€ё中ひ한ع…–→\u{301}\u{1f600}".chars() {
            assert!(is_shown(plain), "{plain:?}");
        }
    }
}
