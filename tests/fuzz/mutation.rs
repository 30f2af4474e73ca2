//! Inputs made of inputs, the same ones each time: what a coverage-guided fuzzer does, without
//! looking.

/// Marsaglia's xorshift: enough, and the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Larger inputs find nothing that smaller ones don't.
const LONGEST: usize = 16 << 10;

/// What readers stumble over.
const WORDS: [&[u8]; 16] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\0\0\0\x01",
    b"../",
    b"/",
    b"json:",
    b"{\"driver\":",
    b"file.filename=",
    b"'",
    b"\"",
    b"&#10;",
    b"<!--",
    b"]]>",
    b"\xc3\xa9",
    b"-1",
];

/// One to four changes of `input`; `other` is what a piece may come from.
pub fn mutated(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 if at < end => drop(bytes.drain(at..end)),
            3 if at < end => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let word = random.of(&WORDS).to_vec();
                bytes.splice(at..at, word);
            }
            5 if at < end => {
                let word = random.of(&WORDS).to_vec();
                bytes.splice(at..end, word);
            }
            6 => bytes.truncate(at),
            _ => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].to_vec());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
