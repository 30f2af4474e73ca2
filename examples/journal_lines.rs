//! Prints the export of a journal of so many closed transactions: `journal_lines 100000`, for
//! `virt-retire journal import`. What `make bench` measures on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/journal/many.rs"]
mod many;
#[path = "../tests/journal/sample.rs"]
mod sample;

use std::io::{BufWriter, Write};

fn main() {
    let count = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let count = count.expect("how many transactions");
    let mut out = BufWriter::new(std::io::stdout());
    many::write_lines(count, &mut out).unwrap();
    out.flush().unwrap();
}
