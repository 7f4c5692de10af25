//! ZIP archives as NumPy writes them: members that are stored or deflated.
//!
//! # Source
//! PKWARE, APPNOTE.TXT, version 6.3.10, sections 4.3 to 4.5,
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const END_64: [u8; 4] = *b"PK\x06\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const MEMBER: [u8; 4] = *b"PK\x03\x04";

/// What a 32-bit field holds if the extra field has the number.
const IS_64: u64 = 0xffff_ffff;

/// A member as the list at the end of the archive tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path in the archive.
    pub(super) name: String,
    is_encrypted: bool,
    method: u16,
    crc: u32,
    packed_bytes: u64,
    bytes: u64,
    offset: u64,
}

/// Reads the list of members.
///
/// # Errors
/// What is wrong with the archive, or what the system says.
pub(super) fn members(file: &mut (impl Read + Seek)) -> io::Result<Vec<Member>> {
    let (offset, length) = list(file)?;
    let list = read_at(file, offset, length)?;
    let mut fields = Fields(&list);
    let mut members = Vec::new();
    while !fields.0.is_empty() {
        members.push(member(&mut fields)?);
    }
    Ok(members)
}

/// Reads and unpacks a member.
///
/// # Errors
/// What is wrong with it, or what the system says.
pub(super) fn read(file: &mut (impl Read + Seek), member: &Member) -> io::Result<Vec<u8>> {
    if member.is_encrypted {
        return Err(wrong("it is encrypted"));
    }
    // Names may differ between member and list, as may the extra fields.
    let start = read_at(file, member.offset, 30)?;
    let mut fields = Fields(&start);
    fields.expect(MEMBER)?;
    fields.skip(22)?;
    let to_skip = u64::from(fields.u16()?) + u64::from(fields.u16()?);
    let data = member.offset.checked_add(30 + to_skip);
    file.seek(SeekFrom::Start(data.ok_or_else(cut_off)?))?;
    let packed = file.take(member.packed_bytes);
    let mut bytes = Vec::new();
    // One byte more than there should be is enough to see that there are too many.
    let limit = member.bytes.saturating_add(1);
    match member.method {
        0 => packed.take(limit).read_to_end(&mut bytes)?,
        8 => DeflateDecoder::new(packed)
            .take(limit)
            .read_to_end(&mut bytes)?,
        method => {
            return Err(wrong(&format!(
                "it is packed by method {method}, only stored and deflated ones can be read"
            )));
        }
    };
    let mut crc = Crc::new();
    crc.update(&bytes);
    if bytes.len() as u64 != member.bytes || crc.sum() != member.crc {
        return Err(wrong("its length or checksum is wrong"));
    }
    Ok(bytes)
}

/// Returns where the list of members is, and its length in bytes.
fn list(file: &mut (impl Read + Seek)) -> io::Result<(u64, u64)> {
    // The end has 22 bytes and a comment of at most 65,535.
    let file_len = file.seek(SeekFrom::End(0))?;
    let tail_at = file_len.saturating_sub(22 + 0xffff);
    let tail = read_at(file, tail_at, file_len - tail_at)?;
    let end = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|at| tail[*at..].starts_with(&END))
        .ok_or_else(|| wrong("it is no ZIP archive, or cut off"))?;
    let mut fields = Fields(&tail[end..]);
    fields.skip(12)?;
    let (length, offset) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    if length != IS_64 && offset != IS_64 {
        return Ok((offset, length));
    }
    let locator = (tail_at + end as u64).checked_sub(20).ok_or_else(cut_off)?;
    let locator = read_at(file, locator, 20)?;
    let mut fields = Fields(&locator);
    fields.expect(END_64_LOCATOR)?;
    fields.skip(4)?;
    let end = read_at(file, fields.u64()?, 56)?;
    let mut fields = Fields(&end);
    fields.expect(END_64)?;
    fields.skip(36)?;
    let length = fields.u64()?;
    Ok((fields.u64()?, length))
}

fn member(fields: &mut Fields<'_>) -> io::Result<Member> {
    fields.expect(ENTRY)?;
    fields.skip(4)?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.skip(4)?;
    let crc = fields.u32()?;
    let mut sizes = [u64::from(fields.u32()?), u64::from(fields.u32()?), 0];
    let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
    fields.skip(8)?;
    sizes[2] = u64::from(fields.u32()?);
    let name = String::from_utf8_lossy(fields.bytes(name_len.into())?).into_owned();
    let extra = fields.bytes(extra_len.into())?;
    fields.skip(comment_len.into())?;
    let [packed_bytes, bytes, offset] = with_64_bits(sizes, extra)?;
    Ok(Member {
        name,
        is_encrypted: flags & 1 != 0,
        method,
        crc,
        packed_bytes,
        bytes,
        offset,
    })
}

/// Takes numbers that are too large for their fields from the extra fields, where they come with
/// the unpacked size first.
fn with_64_bits([packed, bytes, offset]: [u64; 3], extra: &[u8]) -> io::Result<[u64; 3]> {
    let mut numbers = [bytes, packed, offset];
    let mut extra = Fields(extra);
    while !extra.0.is_empty() && numbers.contains(&IS_64) {
        let (id, length) = (extra.u16()?, extra.u16()?);
        let mut field = Fields(extra.bytes(length.into())?);
        if id == 1 {
            for number in numbers.iter_mut().filter(|number| **number == IS_64) {
                *number = field.u64()?;
            }
            break;
        }
    }
    let [bytes, packed, offset] = numbers;
    Ok([packed, bytes, offset])
}

fn read_at(file: &mut (impl Read + Seek), offset: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    // Not with room for `length` bytes at once: a damaged field may ask for any number.
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(cut_off());
    }
    Ok(bytes)
}

/// Fields that are still to be read, the lowest byte first.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*array)
    }

    fn skip(&mut self, length: usize) -> io::Result<()> {
        self.bytes(length).map(|_| ())
    }

    fn expect(&mut self, signature: [u8; 4]) -> io::Result<()> {
        if self.array()? == signature {
            return Ok(());
        }
        Err(wrong("it is damaged"))
    }

    fn u16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn cut_off() -> io::Error {
    wrong("it is cut off")
}
