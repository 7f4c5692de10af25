//! What tests share: files that are written where nobody else writes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::{Fractions, LoadError, Request};

/// A folder that goes away with its test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, in a folder of this one if the name says so.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Returns what the user would read, the folder's path left out.
    pub(crate) fn message(&self, error: &LoadError) -> String {
        let mut text = format!("error: {error}");
        if let Some(hint) = error.hint() {
            write!(text, "\nhint: {hint}").unwrap();
        }
        text.replace(&format!("{}/", self.path().display()), "")
            .replace(&self.path().display().to_string(), "DIR")
    }
}

/// Returns a request with the defaults of these tests.
pub(crate) fn request(name: &str) -> Request {
    Request {
        name: name.to_owned(),
        path: None,
        label: None,
        seed: 0,
        data_dirs: Vec::new(),
        cache_dir: None,
        n_rows: None,
        standardize: true,
        splits: Fractions::new(0.2, 0.2).unwrap(),
    }
}

/// Returns a request for a user's own file.
pub(crate) fn own(path: &Path) -> Request {
    Request {
        path: Some(path.to_owned()),
        ..request("mine")
    }
}

/// Returns the bytes of an NPY file, version 1.0, written by the format's description:
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn npy_f32(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<f4", false, shape, &data)
}

pub(crate) fn npy_i64(shape: &[usize], values: &[i64]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<i8", false, shape, &data)
}

/// Unicode texts of at most five characters.
pub(crate) fn npy_texts(values: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for value in values {
        let mut chars: Vec<char> = value.chars().collect();
        chars.resize(5, '\0');
        data.extend(chars.iter().flat_map(|c| u32::from(*c).to_le_bytes()));
    }
    npy("<U5", false, &[values.len()], &data)
}

/// Returns the bytes of an NPZ file as `np.savez_compressed` writes it.
pub(crate) fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    zip(arrays, Packing::Deflated)
}

/// How the members of an archive are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As `np.savez` does.
    Stored,
    /// As `np.savez_compressed` does.
    Deflated,
    /// Stored, every number in the 64-bit fields of large archives.
    Large,
}

/// Returns the bytes of an archive of arrays, by the format's description: APPNOTE.TXT, section 4.3.
pub(crate) fn zip(arrays: &[(&str, Vec<u8>)], packing: Packing) -> Vec<u8> {
    let n_members = arrays.len() as u64;
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in arrays {
        let name = format!("{name}.npy");
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut packed = bytes.clone();
        if packing == Packing::Deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            packed = encoder.finish().unwrap();
        }
        let method = if packing == Packing::Deflated { 8 } else { 0 };
        let sizes = [bytes.len() as u64, packed.len() as u64, file.len() as u64];
        let extra: Vec<u8> = match packing {
            Packing::Large => {
                let numbers = sizes.iter().flat_map(|size| size.to_le_bytes());
                // An unknown field of two bytes, then the one of the three numbers.
                let known = [9, 0, 2, 0, 0, 0, 1, 0, 24, 0];
                known.into_iter().chain(numbers).collect()
            }
            Packing::Stored | Packing::Deflated => Vec::new(),
        };
        let [n_bytes, n_packed, offset] = sizes.map(|size| narrow(size, packing));
        // Version and flags, method, time and date, checksum, sizes, lengths of name and extra.
        let mut common = vec![45, 0, 0, 0, method, 0, 0, 0, 0, 0];
        common.extend(
            [crc.sum(), n_packed, n_bytes]
                .iter()
                .flat_map(|n| n.to_le_bytes()),
        );
        common.extend([name.len() as u8, 0, extra.len() as u8, 0]);
        list.extend(b"PK\x01\x02\x2d\x03");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
        list.extend(&extra);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(&extra);
        file.extend(packed);
    }
    let (offset, end) = (file.len() as u64, (file.len() + list.len()) as u64);
    file.extend(&list);
    if packing == Packing::Large {
        file.extend(b"PK\x06\x06");
        file.extend(44_u64.to_le_bytes());
        file.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let numbers = [n_members, n_members, list.len() as u64, offset];
        file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        file.extend(b"PK\x06\x07\0\0\0\0");
        file.extend(end.to_le_bytes());
        file.extend([1, 0, 0, 0]);
    }
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([n_members as u8, 0, n_members as u8, 0]);
    file.extend(narrow(list.len() as u64, packing).to_le_bytes());
    file.extend(narrow(offset, packing).to_le_bytes());
    file.extend([0, 0]);
    file
}

/// Returns what stands in a 32-bit field for a number.
fn narrow(number: u64, packing: Packing) -> u32 {
    match packing {
        Packing::Large => u32::MAX,
        Packing::Stored | Packing::Deflated => number as u32,
    }
}

/// Returns a file of the data for tests, or says that the test is skipped.
pub(crate) fn test_data(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FIREBRICK_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: no `{}`", path.display());
    None
}
