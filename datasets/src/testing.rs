//! What tests share: files that are written where nobody else writes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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

/// Returns the bytes of an NPZ file.
pub(crate) fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = zip::ZipWriter::new(&mut file);
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(format!("{name}.npy"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    file.into_inner()
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
