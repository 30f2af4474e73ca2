//! How tables and moments look, and how wide a screen is.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::super::environment::variable;

pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// Without the blanks that fill the last column.
pub(super) fn drawn(table: &Table) -> String {
    table.trim_fmt()
}

pub(super) fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// Columns that there are to write in; `None`: as many as a line needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(pub Option<usize>);

impl Width {
    /// Where nobody can write, whatever was said.
    const LEAST: usize = 40;

    /// Of the terminal. A file and a pipe take whole lines, whatever the environment says.
    pub fn of_screen() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self(None);
        }
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        let columns = size.map_or(0, |size| usize::from(size.ws_col));
        // One that does not know its width may have been told it; else it is of the usual one.
        let said = || variable("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
        let width = match columns {
            0 => said().unwrap_or(80),
            known => known,
        };
        Self(Some(width.max(Self::LEAST)))
    }

    /// The text in lines that fit, the later ones indented by `indent` blanks as the first one is
    /// by whoever prints it. A word that is longer than a line stays whole: it is there to be
    /// copied.
    pub fn wrapped(self, text: &str, indent: usize) -> String {
        let Self(Some(width)) = self else {
            return text.to_owned();
        };
        let mut lines = vec![String::new()];
        let mut used = indent;
        for word in text.split(' ') {
            let length = word.width();
            if used > indent && used + 1 + length > width {
                lines.push(" ".repeat(indent));
                used = indent;
            }
            if let Some(line) = lines.last_mut() {
                if used > indent {
                    line.push(' ');
                    used += 1;
                }
                line.push_str(word);
                used += length;
            }
        }
        lines.join("\n")
    }
}

/// Text in at most `width` columns: of what is too long the middle goes. A path keeps its end, by
/// which its file is known.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let for_end = room - room / 3;
    let take = |characters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let taken = characters.take_while(|one| {
            used += one.width().unwrap_or(0);
            used <= room
        });
        taken.collect::<Vec<char>>()
    };
    let mut end = take(&mut text.chars().rev(), for_end);
    end.reverse();
    let start = take(&mut text.chars(), room - for_end);
    start.into_iter().chain(['…']).chain(end).collect()
}

/// Rows of cells, in columns as wide as their widest cell.
pub(super) struct Columns<const N: usize> {
    /// Those whose cells end at one line.
    pub right: &'static [usize],
    /// The one that is shortened where a row is too long.
    pub elastic: usize,
    /// No narrower than that.
    pub least: usize,
}

impl<const N: usize> Columns<N> {
    pub fn drawn(&self, rows: &[[String; N]], width: Width) -> Vec<String> {
        const MARGIN: &str = "  ";
        let mut widths = [0; N];
        for row in rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.width());
            }
        }
        if let Width(Some(width)) = width {
            // Each row for itself: one with a long last cell does not shorten all paths.
            let used: usize = widths.iter().map(|width| width + MARGIN.len()).sum();
            let over = used.saturating_sub(width);
            let whole = widths[self.elastic];
            widths[self.elastic] = whole.saturating_sub(over).max(self.least.min(whole));
        }
        let line = |row: &[String; N]| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                if widths[column] == 0 {
                    continue;
                }
                let cell = match column == self.elastic {
                    true => shortened(cell, widths[column]),
                    false => cell.clone(),
                };
                let blanks = " ".repeat(widths[column].saturating_sub(cell.width()));
                line.push_str(MARGIN);
                match self.right.contains(&column) {
                    true => line.extend([&blanks, &cell].map(String::as_str)),
                    false => line.extend([&cell, &blanks].map(String::as_str)),
                }
            }
            line.truncate(line.trim_end().len());
            line
        };
        rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_what_is_too_long_goes() {
        assert_eq!(shortened("/srv/web1.img", 20), "/srv/web1.img");
        let path = "/var/lib/libvirt/images/a-very-long-folder/web1-system.qcow2";
        let short = shortened(path, 30);
        assert_eq!(short.width(), 30);
        assert!(short.starts_with("/var/lib") && short.ends_with("/web1-system.qcow2"));
        // Characters of two columns, and one that would stand on the edge.
        let wide = "漢".repeat(20);
        assert!(shortened(&wide, 10).width() <= 10);
        assert_eq!(shortened("abc", 1), "…");
    }

    #[test]
    fn no_row_is_broken() {
        let columns = Columns {
            right: &[1],
            elastic: 2,
            least: 12,
        };
        let rows: Vec<[String; 3]> = (0..40)
            .map(|disk| {
                let path = format!("/srv/{}/{disk}.img", "x".repeat(90));
                ["remove".into(), format!("{disk} MiB"), path]
            })
            .collect();
        for width in [80, 120] {
            let lines = columns.drawn(&rows, Width(Some(width)));
            assert_eq!(lines.len(), 40);
            assert!(lines.iter().all(|line| line.width() <= width), "{lines:#?}");
            assert!(lines[39].ends_with("/39.img"), "{}", lines[39]);
        }
        let whole = columns.drawn(&rows, Width(None));
        assert!(whole[0].contains(&"x".repeat(90)));
    }

    #[test]
    fn words_are_wrapped_and_never_broken() {
        let text = "one two three four five";
        assert_eq!(Width(None).wrapped(text, 4), text);
        assert_eq!(
            Width(Some(14)).wrapped(text, 4),
            "one two\n    three four\n    five"
        );
        assert_eq!(
            Width(Some(8)).wrapped("a virt-retire", 2),
            "a\n  virt-retire"
        );
    }
}
