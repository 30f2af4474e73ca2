//! A managed save image: a header, the domain's XML as it was, then the guest's memory.
//!
//! Read by ourselves and not through `virDomainManagedSaveGetXMLDesc`: libvirt's own reading
//! changes when the file was last read, which a rollback has to give back as it was.

/// Fields of `virQEMUSaveHeader` (libvirt 11.3, `qemu_saveimage.h`): the magic, the version and the
/// length of what comes before the memory, then 17 numbers that say nothing of files.
const HEADER: usize = 16 + 19 * 4;
const MAGIC: &[u8] = b"LibvirtQemudSave";
/// libvirt reads no XML that is larger.
const LONGEST: usize = 16 << 20;

/// How many bytes of the file [`saved_xml`] has to see; `None` of what is no whole image. One that
/// libvirt was still writing has another magic, and is thrown away at the next start.
pub fn saved_length(first: &[u8]) -> Option<usize> {
    let header = first.get(..HEADER)?;
    header.starts_with(MAGIC).then_some(())?;
    let number = |at: usize| header.get(at..at + 4)?.try_into().ok();
    let (version, length): ([u8; 4], [u8; 4]) = (number(16)?, number(20)?);
    // In the order of the machine that wrote it. A small version tells which that is.
    let length = match u32::from_le_bytes(version) <= 0xffff {
        true => u32::from_le_bytes(length),
        false => u32::from_be_bytes(length),
    };
    let length = usize::try_from(length).ok()?;
    (length <= LONGEST).then_some(HEADER + length)
}

/// The domain's XML in the first [`saved_length`] bytes. It ends with a NUL, and a cookie of
/// libvirt's may follow.
pub fn saved_xml(bytes: &[u8]) -> Option<&str> {
    let text = bytes.get(HEADER..)?.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text)
        .ok()
        .filter(|text| !text.is_empty())
}

/// Enough for [`saved_length`].
pub const SAVED_HEADER: usize = HEADER;

#[cfg(test)]
mod tests {
    use super::*;

    fn image(version: [u8; 4], length: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &version, &length].concat();
        bytes.resize(HEADER, 0);
        bytes.extend(data);
        bytes
    }

    #[test]
    fn the_xml_ends_before_the_cookie_and_the_memory() {
        let data = b"<domain/>\0<cookie/>\0memory";
        for (version, length) in [
            (2_u32.to_le_bytes(), 20_u32.to_le_bytes()),
            (2_u32.to_be_bytes(), 20_u32.to_be_bytes()),
        ] {
            let bytes = image(version, length, data);
            let wanted = saved_length(&bytes).expect("it is whole");
            assert_eq!(wanted, HEADER + 20);
            assert_eq!(saved_xml(&bytes[..wanted]), Some("<domain/>"));
        }
    }

    #[test]
    fn what_libvirt_would_not_resume_has_no_xml() {
        assert_eq!(saved_length(b""), None);
        assert_eq!(saved_length(b"LibvirtQemudSave"), None);
        let two = 2_u32.to_le_bytes();
        let mut unfinished = image(two, two, b"<a");
        unfinished[..MAGIC.len()].copy_from_slice(b"LibvirtQemudPart");
        assert_eq!(saved_length(&unfinished), None);
        assert_eq!(saved_length(&image(two, [0xff; 4], b"")), None);
        assert_eq!(saved_xml(&image(two, two, b"\0")), None);
        assert_eq!(saved_xml(&image(two, two, b"\xff\xfe\0")), None);
    }
}
