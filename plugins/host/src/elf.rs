//! Whether a file is a complete ELF library for this machine.
//!
//! The system's loader maps a file by its headers and dies with a signal where these point past
//! the end of the file, so this is known before it is asked.

use std::io::{Read, Seek, SeekFrom};

/// What a file is instead of a complete library of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing that the loader of this machine could take.
    Foreign(String),
    /// A library whose end is missing.
    Truncated(String),
}

const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: u64 = 56;
const SHARED_OBJECT: u16 = 3;

/// The machine number of this program, where it is known.
const MACHINE: Option<(u16, &str)> = if cfg!(target_arch = "x86_64") {
    Some((62, "x86-64"))
} else if cfg!(target_arch = "aarch64") {
    Some((183, "aarch64"))
} else if cfg!(target_arch = "riscv64") {
    Some((243, "riscv"))
} else if cfg!(target_arch = "powerpc64") {
    Some((21, "powerpc64"))
} else if cfg!(target_arch = "s390x") {
    Some((22, "s390"))
} else {
    None
};

/// Returns what a file of a length is instead of a complete library, if it is no such.
///
/// # Errors
/// The file can't be read.
pub(crate) fn check(file: &mut (impl Read + Seek), length: u64) -> std::io::Result<Option<Wrong>> {
    let mut header = Vec::new();
    file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    if let Some(wrong) = check_kind(&header) {
        return Ok(Some(wrong));
    }
    let offset = u64_at(&header, 32);
    let size = u64::from(u16_at(&header, 54));
    let n_segments = u64::from(u16_at(&header, 56));
    if size < SEGMENT_BYTES || n_segments == 0 {
        let what = "an ELF file without segments".to_owned();
        return Ok(Some(Wrong::Foreign(what)));
    }
    let past_end = |what: String| {
        let text = format!("truncated: {what} ends past the end of the {length}-byte file");
        Ok(Some(Wrong::Truncated(text)))
    };
    if !within(offset, n_segments.saturating_mul(size), length) {
        return past_end("the table of segments".to_owned());
    }
    for idx in 0..n_segments {
        file.seek(SeekFrom::Start(offset + idx * size))?;
        let mut segment = [0; SEGMENT_BYTES as usize];
        file.read_exact(&mut segment)?;
        if !within(u64_at(&segment, 8), u64_at(&segment, 32), length) {
            return past_end(format!("segment {} of {n_segments}", idx + 1));
        }
    }
    let sections = u64::from(u16_at(&header, 58)) * u64::from(u16_at(&header, 60));
    if !within(u64_at(&header, 40), sections, length) {
        return past_end("the table of sections".to_owned());
    }
    Ok(None)
}

/// Checks what the first bytes say that the file is.
fn check_kind(header: &[u8]) -> Option<Wrong> {
    let foreign = |what: &str| Some(Wrong::Foreign(what.to_owned()));
    if header.is_empty() {
        return Some(Wrong::Truncated("an empty file".to_owned()));
    }
    if !header.starts_with(b"\x7fELF") {
        return foreign(match header {
            [b'M', b'Z', ..] => "a file for Windows",
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
                "a file for macOS"
            }
            _ => "not a shared library",
        });
    }
    if header.len() < HEADER_BYTES {
        let text = format!(
            "truncated: {} bytes, the header alone has {HEADER_BYTES}",
            header.len()
        );
        return Some(Wrong::Truncated(text));
    }
    if header[4] != 2 {
        return foreign("an ELF file that is not of 64 bits");
    }
    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    if header[5] != order {
        return foreign("an ELF file of the other byte order");
    }
    let machine = u16_at(header, 18);
    if let Some((ours, name)) = MACHINE
        && machine != ours
    {
        return foreign(&format!(
            "an ELF file for machine {machine} (this one is {ours}, {name})"
        ));
    }
    if u16_at(header, 16) != SHARED_OBJECT {
        return foreign("an ELF file that is not a shared library");
    }
    None
}

fn within(offset: u64, size: u64, length: u64) -> bool {
    offset.checked_add(size).is_some_and(|end| end <= length)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(number)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A library for this machine as far as its headers go: one segment, no sections.
    fn library() -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES + SEGMENT_BYTES as usize];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        bytes[5] = if cfg!(target_endian = "little") { 1 } else { 2 };
        let mut put = |at: usize, number: u16| {
            bytes[at..at + 2].copy_from_slice(&number.to_ne_bytes());
        };
        put(16, SHARED_OBJECT);
        put(18, MACHINE.map_or(0, |(machine, _)| machine));
        put(54, SEGMENT_BYTES as u16);
        put(56, 1);
        bytes[32..40].copy_from_slice(&(HEADER_BYTES as u64).to_ne_bytes());
        let length = bytes.len() as u64;
        bytes[HEADER_BYTES + 32..HEADER_BYTES + 40].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    fn found(bytes: &[u8]) -> Option<Wrong> {
        check(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn accepts_headers_that_stay_within_the_file() {
        assert_eq!(found(&library()), None);
    }

    #[test]
    fn finds_the_segment_that_ends_past_the_file() {
        let mut bytes = library();
        bytes[HEADER_BYTES + 8] = 1;
        let text = "truncated: segment 1 of 1 ends past the end of the 120-byte file";
        assert_eq!(found(&bytes), Some(Wrong::Truncated(text.to_owned())));
    }

    #[test]
    fn answers_whatever_the_bytes_are() {
        for at in 0..library().len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = library();
                bytes[at] = byte;
                // Sizes and offsets near the end of their range must not overflow either.
                let wide = at.min(bytes.len() - 8);
                found(&bytes);
                bytes[wide..wide + 8].fill(byte);
                found(&bytes);
            }
            assert!(found(&library()[..at]).is_some());
        }
    }
}
