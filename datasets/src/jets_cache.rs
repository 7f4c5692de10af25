//! `jets-sim`, generated once and then kept in a file.
//!
//! The file: eight bytes that say what it is, the number of jets as 64 bits, the MD5 of the rest,
//! then features as 32-bit floats and labels as 32-bit integers, all little-endian.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use md5::{Digest, Md5};

use crate::error::LoadError;
use crate::jets_sim::{self, CLASSES, FEATURES, Jets};
use crate::table::{Table, TableRows};

const MAGIC: &[u8; 8] = b"FBJETS01";
const HEADER: usize = 8 + 8 + 16;
const JET: usize = 4 * FEATURES.len() + 4;

/// Part of the file's name; raise it with every change of the simulation. (A change that forgets
/// to is noticed all the same: see [`is_current`].)
const GENERATOR_VERSION: u32 = 1;

/// How many jets are generated to see whether a cached file is of this generator: one a class.
const SPOT_CHECK: usize = CLASSES.len();

/// The least jets that are generated: three of each class, one for each split.
const LEAST_JETS: usize = 3 * CLASSES.len();

/// The most jets that are generated: more are gigabytes.
const MOST_JETS: usize = 10_000_000;

/// Returns simulated jets, neither split nor scaled.
///
/// They are read from the cache folder where they are there and undamaged; else they are
/// generated, and kept there if it can be written to.
///
/// # Errors
/// [`LoadError::RowCount`] if that is too few for the splits, or too many for memory.
pub(crate) fn load(cache_dir: Option<&Path>, seed: u64, n_jets: usize) -> Result<Table, LoadError> {
    if !(LEAST_JETS..=MOST_JETS).contains(&n_jets) {
        return Err(LoadError::RowCount {
            name: "jets-sim".to_owned(),
            asked: n_jets,
            least: LEAST_JETS,
            most: MOST_JETS,
        });
    }
    let file = cache_dir.map(|folder| folder.join(file_name(seed, n_jets)));
    let cached = file.as_deref().and_then(|file| read(file, n_jets));
    let cached = cached.filter(|jets| is_current(jets, seed));
    let jets = cached.unwrap_or_else(|| {
        let jets = jets_sim::generate(seed, n_jets);
        if let Some(file) = &file
            && let Err(error) = write(file, &jets)
        {
            tracing::debug!(
                "cannot keep simulated jets in `{}`: {error}",
                file.display()
            );
        }
        jets
    });
    Ok(Table {
        input_shape: vec![FEATURES.len()],
        feature_names: FEATURES.map(str::to_owned).to_vec(),
        class_names: CLASSES.map(str::to_owned).to_vec(),
        rows: TableRows {
            features: jets.features,
            labels: jets.labels,
        },
        validation: None,
        test: None,
    })
}

/// Returns the name of the file: another one for every version of the generator.
fn file_name(seed: u64, n_jets: usize) -> String {
    format!("jets-sim-v{GENERATOR_VERSION}-seed{seed}-{n_jets}.bin")
}

/// Reads jets; `None` if the file is missing, damaged or of another number of jets.
fn read(file: &Path, n_jets: usize) -> Option<Jets> {
    let bytes = fs::read(file).ok()?;
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let is_whole = header == self::header(n_jets, body) && body.len() == n_jets * JET;
    if !is_whole {
        tracing::debug!("simulated jets in `{}` are damaged", file.display());
        return None;
    }
    let (features, labels) = body.split_at(4 * FEATURES.len() * n_jets);
    let jets = Jets {
        features: words(features).map(f32::from_le_bytes).collect(),
        labels: words(labels).map(u32::from_le_bytes).collect(),
    };
    let n_classes = CLASSES.len() as u32;
    let is_sound = jets.labels.iter().all(|label| *label < n_classes);
    is_sound.then_some(jets)
}

/// Returns whether this generator makes the first jets of a file as they are.
fn is_current(cached: &Jets, seed: u64) -> bool {
    let n_jets = cached.labels.len().min(SPOT_CHECK);
    let fresh = jets_sim::generate(seed, n_jets);
    cached.features.starts_with(&fresh.features) && cached.labels.starts_with(&fresh.labels)
}

fn write(file: &Path, jets: &Jets) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let features = jets.features.iter().flat_map(|value| value.to_le_bytes());
    let labels = jets.labels.iter().flat_map(|label| label.to_le_bytes());
    let body: Vec<u8> = features.chain(labels).collect();
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&header(jets.labels.len(), &body))?;
    temporary.write_all(&body)?;
    temporary.persist(file)?;
    Ok(())
}

fn header(n_jets: usize, body: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend((n_jets as u64).to_le_bytes());
    header.extend(Md5::digest(body));
    header
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn reads_what_it_writes() {
        let folder = Folder::new();
        let file = folder.path().join("jets.bin");
        let jets = jets_sim::generate(3, 20);
        write(&file, &jets).unwrap();
        assert_eq!(read(&file, 20), Some(jets));
        assert_eq!(read(&file, 19), None);
        assert_eq!(read(&folder.path().join("missing.bin"), 20), None);
    }

    #[test]
    fn generates_again_what_another_generator_made() {
        let folder = Folder::new();
        let file = folder.path().join(file_name(3, 20));
        let mut other = jets_sim::generate(3, 20);
        other.features[17] += 0.25;
        write(&file, &other).unwrap();
        let jets = load(Some(folder.path()), 3, 20).unwrap();
        assert_eq!(jets.rows.features, jets_sim::generate(3, 20).features);
        assert_ne!(read(&file, 20), Some(other));
    }

    #[test]
    fn files_of_other_seeds_and_sizes_have_other_names() {
        let names = [file_name(1, 20), file_name(2, 20), file_name(1, 30)];
        assert_eq!(names[0], "jets-sim-v1-seed1-20.bin");
        assert!(names[1..].iter().all(|name| *name != names[0]));
    }
}
