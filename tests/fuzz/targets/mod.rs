//! What is fuzzed: functions of any bytes, which end, whatever the bytes. Each decoder that reads
//! what somebody else may have written has one, and so has the world in memory.
//!
//! `fuzz/` runs them under libFuzzer (`make fuzz`), the tests beside this on mutations of the same
//! corpus. A new one is a line in [`ALL`] and a sample in `fuzz/corpus/NAME`.

mod images;
mod records;
mod worlds;
mod xml;

pub type Target = fn(&[u8]);

/// By name, with how many mutations the tests try: what takes long is tried less often.
pub const ALL: [(&str, Target, u32); 16] = [
    ("record", records::record, 3000),
    ("sealed", records::sealed, 300),
    ("manifest", records::manifest, 1500),
    ("saved_plan", records::saved_plan, 3000),
    ("import_line", records::import_line, 3000),
    ("checkpoint_text", records::checkpoint_text, 6000),
    ("watched", records::watched, 3000),
    ("configuration", records::configuration, 6000),
    ("domain_xml", xml::domain, 150),
    ("snapshot_xml", xml::snapshot, 100),
    ("checkpoint_xml", xml::checkpoint, 150),
    ("pool_xml", xml::pool, 2000),
    ("policy", xml::policy, 4000),
    ("image_header", images::header, 6000),
    ("image_name", images::name, 4000),
    ("world", worlds::world, 1000),
];

pub fn named(name: &str) -> Option<Target> {
    let found = ALL.iter().find(|(known, ..)| *known == name);
    found.map(|(_, target, _)| *target)
}
