//! Headers of images, and the names in them and on QEMU's command line: written by whoever had the
//! image, a guest included.

use std::path::Path;

use virt_retire::image::{
    Location, MAGIC_BYTES, Named, Outcome, POOL_PROBE, arguments, descriptor, guess, locate, parse,
    saved_length, saved_xml, stops_a_pool, vmdk_names, without_secrets, words,
};

/// The first bytes of a file of any format.
pub fn header(data: &[u8]) {
    let _ = guess(&data[..data.len().min(MAGIC_BYTES)]);
    let _ = stops_a_pool(&data[..data.len().min(POOL_PROBE)]);
    if let Ok(Outcome::Whole(found)) = parse(data) {
        let _ = format!("{found:?}");
    }
    if let Some(place) = descriptor(data) {
        let offset = usize::try_from(place.offset).unwrap_or(usize::MAX);
        let text = data.get(offset..).unwrap_or_default();
        let text = &text[..text.len().min(place.length)];
        let found = vmdk_names(text, place.holds_data);
        for name in found.parent.iter().chain(&found.extents) {
            located(name);
        }
    }
    if saved_length(data).is_some_and(|length| length <= data.len()) {
        let _ = saved_xml(data);
    }
}

/// A name: a path, a URL, `json:`, a list of options; and a command line of such words.
pub fn name(data: &[u8]) {
    located(data);
    let line: Vec<String> = (data.split(|byte| *byte == 0))
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    for word in &line {
        let _ = words(word);
    }
    let found = arguments(&line);
    assert_eq!(found, arguments(&line));
    examined(&found.named);
}

fn located(name: &[u8]) {
    let named = locate(name, Path::new("/images"));
    assert_eq!(named, locate(name, Path::new("/images")));
    examined(&named);
    let _ = without_secrets(name);
}

/// A path means the same wherever whoever looks at it stands.
fn examined(named: &Named) {
    for file in &named.files {
        if let Location::File(path) = &file.location {
            assert!(path.is_absolute(), "{}", path.display());
        }
    }
}
