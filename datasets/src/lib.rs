//! Loaders and generators of data sets: arrays in memory, no burn.
//!
//! | name | what |
//! |---|---|
//! | `jets-sim` | simulated jets, generated; the default, since it needs no file |
//! | `jsc` | the real jets of the LHC jet substructure classification |
//! | `cifar10` | colour pictures of ten classes, from their binary files or the archive |
//! | `mnist`, `fashion-mnist` | grey pictures of ten classes, from their IDX files |
//! | `shapes10` | colour pictures of ten shapes, generated |
//! | any other | a user's own table: CSV, ARFF, NPY or NPZ |
//!
//! Whatever the source, rows are split by class and scaled by the training split. Duplicates are
//! dropped from tables, not from pictures, which stay bytes. Nothing here reads the environment:
//! the caller says where to look.

use std::path::PathBuf;

use firebrick_core::dataset::Dataset;

pub mod jets_sim;
mod jsc;

mod cifar10;
mod idx;
pub mod shapes10;

pub mod fetch;
mod jets_cache;
mod locate;
mod own;

mod table;
mod unpack;

mod pictures;
mod prepare;
mod scale;
mod split;

mod catalogue;
mod error;

pub use catalogue::{Description, known};
pub use error::{LoadError, Place};
pub use pictures::PictureError;
pub use split::Fractions;

/// How many jets `jets-sim` has unless asked otherwise: some seconds to generate, and enough that
/// the test split tells accuracies apart that differ by a percentage point.
pub(crate) const JETS_SIM_ROWS: usize = 50_000;

/// The seed that `jets-sim` is generated from, whatever the seed of a study, so that studies
/// compare. (`jets` in ASCII: unlike the seed of any study, so no stream of numbers is read twice.)
const JETS_SIM_SEED: u64 = 0x6a65_7473;

/// What data set to load, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// One of [`known`], or a name for a table of the user's own.
    pub name: String,
    /// The file, or the folder that has it. Without one, the data folders are searched for a
    /// folder of this name, or for a file (`NAME.csv` and so on).
    pub path: Option<PathBuf>,
    /// The column that has the classes of a table of the user's own.
    pub label: Option<String>,
    /// Decides which rows are in which split. Simulated jets do not depend on it.
    pub seed: u64,
    /// The data folders, first wins.
    pub data_dirs: Vec<PathBuf>,
    /// Where generated data is kept, if anywhere.
    pub cache_dir: Option<PathBuf>,
    /// How many rows to generate, or to take, of each class its share. Without it, 50,000
    /// simulated jets, 12,000 shapes, or all rows of a file. Where the test has files of its own,
    /// they are rows to train on, and the test stays whole.
    pub n_rows: Option<usize>,
    /// Whether to scale each feature, of pictures each channel, to mean 0 and standard deviation 1
    /// over the training split. Without it, pixels are in `0.0..=1.0`.
    pub standardize: bool,
    /// What part of the rows is kept from training. Where the test has files of its own, the
    /// fraction for it has no effect.
    pub splits: Fractions,
}

/// Loads a data set.
///
/// # Errors
/// [`LoadError`], which names file, line or row, column and value.
pub fn load(request: &Request) -> Result<Dataset, LoadError> {
    match request.name.as_str() {
        "jets-sim" => {
            refuse(request, "path", request.path.is_some(), "it is generated")?;
            refuse(request, "label", request.label.is_some(), "it is generated")?;
            let table = jets_cache::load(
                request.cache_dir.as_deref(),
                JETS_SIM_SEED,
                request.n_rows.unwrap_or(JETS_SIM_ROWS),
            )?;
            prepare::prepare(table, request, None, true)
        }
        "jsc" => {
            let why = "its classes are known";
            refuse(request, "label", request.label.is_some(), why)?;
            let found = find(request)?.ok_or_else(|| LoadError::NotFound {
                name: request.name.clone(),
                searched: searched(request),
            })?;
            let table = jsc::read_found(&found)?;
            prepare::prepare(table, request, request.n_rows, false)
        }
        "cifar10" => {
            let why = "its classes are known";
            refuse(request, "label", request.label.is_some(), why)?;
            cifar10::load(request)
        }
        "mnist" | "fashion-mnist" => {
            let why = "its classes are known";
            refuse(request, "label", request.label.is_some(), why)?;
            idx::load(request)
        }
        "shapes10" => {
            refuse(request, "path", request.path.is_some(), "it is generated")?;
            refuse(request, "label", request.label.is_some(), "it is generated")?;
            shapes10::load(request)
        }
        name => {
            let found = find(request)?.ok_or_else(|| LoadError::UnknownDataset {
                name: name.to_owned(),
                searched: searched(request),
            })?;
            let table = own::read_found(&found, name, request.label.as_deref())?;
            prepare::prepare(table, request, request.n_rows, false)
        }
    }
}

fn find(request: &Request) -> Result<Option<locate::Found>, LoadError> {
    match &request.path {
        Some(path) => locate::at(path, &request.name).map(Some),
        None => locate::search(&request.name, &request.data_dirs),
    }
}

fn searched(request: &Request) -> Vec<PathBuf> {
    let folders = request.data_dirs.iter();
    folders.map(|folder| folder.join(&request.name)).collect()
}

/// Refuses a setting that has no effect.
fn refuse(
    request: &Request,
    key: &'static str,
    is_given: bool,
    why: &'static str,
) -> Result<(), LoadError> {
    if !is_given {
        return Ok(());
    }
    Err(LoadError::NoEffect {
        key,
        name: request.name.clone(),
        why,
    })
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
