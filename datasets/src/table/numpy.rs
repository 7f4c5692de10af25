//! NPY and NPZ: arrays told by their names.
//!
//! Features are `X` (or `data`, `features`), labels `y` (or `label`, `labels`, `target`,
//! `targets`), in either case, alone or with `_train` (`_train_val`), `_val` (`_validation`) and
//! `_test`. `feature_names` and `class_names` (`classes`, `target_names`) are optional texts. An
//! array that stands alone has two axes and the class number in its last column. Other arrays are
//! not read.

mod builder;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

use super::array::Array;
use super::{Schema, Table};
use crate::error::LoadError;
use builder::Builder;

const FEATURES: [&str; 3] = ["x", "data", "features"];
const LABELS: [&str; 5] = ["y", "label", "labels", "target", "targets"];

/// Reads an archive of arrays.
///
/// # Errors
/// [`LoadError`], with the array and row that is wrong.
pub(crate) fn read_npz(path: &Path, schema: &dyn Schema) -> Result<Table, LoadError> {
    let not_numpy = |reason: String| LoadError::NotNumpy {
        path: path.to_owned(),
        reason,
    };
    let file = fs::File::open(path).map_err(|error| LoadError::read(path, &error))?;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Err(LoadError::EmptyFile {
            path: path.to_owned(),
        });
    }
    let mut archive = ZipArchive::new(std::io::BufReader::new(file))
        .map_err(|error| not_numpy(error.to_string()))?;
    let array_name = |name: &str| name.strip_suffix(".npy").map(str::to_owned);
    // A name that is no text is none of ours.
    let names = archive.file_names().flatten();
    let mut names: Vec<String> = names.filter_map(|name| array_name(&name)).collect();
    names.sort_unstable();
    let mut arrays = Vec::new();
    for name in names {
        let mut entry = archive
            .by_name(&format!("{name}.npy"))
            .map_err(|error| not_numpy(format!("array `{name}`: {error}")))?;
        let mut bytes = Vec::new();
        entry
            .read_to_end(&mut bytes)
            .map_err(|error| not_numpy(format!("array `{name}`: {error}")))?;
        arrays.push(Array {
            path: path.to_owned(),
            name,
            bytes,
        });
    }
    assemble(path, arrays, "", schema)
}

/// Reads an array and those that belong to it: `jets_X.npy` brings `jets_y.npy`.
///
/// # Errors
/// [`LoadError`], with the array and row that is wrong.
pub(crate) fn read_npy(path: &Path, schema: &dyn Schema) -> Result<Table, LoadError> {
    let stem = stem(path);
    let (Some(prefix), Some(folder)) = (prefix(&stem), path.parent()) else {
        let array = read_file(path)?;
        return assemble(path, vec![array], "", schema);
    };
    // The parent of a bare file name is the empty path.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    read_folder(folder, prefix, schema)
}

/// Reads the arrays of a folder whose names, after the prefix that some have, tell what they are.
///
/// # Errors
/// [`LoadError`], with the array and row that is wrong.
pub(crate) fn read_folder(
    folder: &Path,
    prefix: &str,
    schema: &dyn Schema,
) -> Result<Table, LoadError> {
    let paths = crate::locate::files(folder, &["npy"])?;
    let told = |path: &&std::path::PathBuf| {
        role(&stem(path)).is_some() || stem(path).strip_prefix(prefix).and_then(role).is_some()
    };
    let with_prefix = |path: &&std::path::PathBuf| {
        !prefix.is_empty() && stem(path).strip_prefix(prefix).and_then(role).is_some()
    };
    let mut chosen: Vec<_> = paths.iter().filter(with_prefix).collect();
    if chosen.is_empty() {
        chosen = paths.iter().filter(told).collect();
    }
    if let ([], [only]) = (chosen.as_slice(), paths.as_slice()) {
        chosen = vec![only];
    }
    let arrays: Vec<Array> = chosen
        .into_iter()
        .map(|path| read_file(path))
        .collect::<Result<_, _>>()?;
    if arrays.is_empty() {
        return Err(LoadError::EmptyFolder {
            folder: folder.to_owned(),
        });
    }
    assemble(folder, arrays, prefix, schema)
}

fn read_file(path: &Path) -> Result<Array, LoadError> {
    Ok(Array {
        path: path.to_owned(),
        name: stem(path),
        bytes: fs::read(path).map_err(|error| LoadError::read(path, &error))?,
    })
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// What an array is, in the order in which errors speak of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ArrayRole {
    Features(Part),
    Labels(Part),
    FeatureNames,
    ClassNames,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Train,
    Validation,
    Test,
}

impl ArrayRole {
    fn name(self) -> &'static str {
        match self {
            Self::Features(Part::Train) => "features (`X` or `x_train`)",
            Self::Labels(Part::Train) => "labels (`y` or `y_train`)",
            Self::Features(Part::Validation) => "validation features (`x_val`)",
            Self::Labels(Part::Validation) => "validation labels (`y_val`)",
            Self::Features(Part::Test) => "test features (`x_test`)",
            Self::Labels(Part::Test) => "test labels (`y_test`)",
            Self::FeatureNames => "feature names (`feature_names`)",
            Self::ClassNames => "class names (`class_names`)",
        }
    }
}

/// Returns what an array is by its name.
fn role(name: &str) -> Option<ArrayRole> {
    let name = name.to_lowercase();
    match name.as_str() {
        "feature_names" => return Some(ArrayRole::FeatureNames),
        "class_names" | "classes" | "target_names" => return Some(ArrayRole::ClassNames),
        _ => {}
    }
    let (what, part) = match name.split_once('_') {
        None => (name.as_str(), Part::Train),
        Some((what, "train" | "train_val" | "trainval")) => (what, Part::Train),
        Some((what, "val" | "valid" | "validation")) => (what, Part::Validation),
        Some((what, "test")) => (what, Part::Test),
        Some(_) => return None,
    };
    if FEATURES.contains(&what) {
        return Some(ArrayRole::Features(part));
    }
    LABELS.contains(&what).then_some(ArrayRole::Labels(part))
}

/// Returns what stands before the part of the name that tells the role, if any does.
fn prefix(stem: &str) -> Option<&str> {
    let starts = std::iter::once(0).chain(stem.match_indices('_').map(|(at, _)| at + 1));
    starts
        .filter(|start| role(&stem[*start..]).is_some())
        .map(|start| &stem[..start])
        .next()
}

fn assemble(
    path: &Path,
    arrays: Vec<Array>,
    prefix: &str,
    schema: &dyn Schema,
) -> Result<Table, LoadError> {
    if arrays.is_empty() {
        return Err(LoadError::NotNumpy {
            path: path.to_owned(),
            reason: "it has no arrays".to_owned(),
        });
    }
    let names: Vec<String> = arrays.iter().map(|array| array.name.clone()).collect();
    let mut by_role: BTreeMap<ArrayRole, Array> = BTreeMap::new();
    let mut alone = None;
    let n_arrays = arrays.len();
    for array in arrays {
        let told = role(&array.name).or_else(|| role(array.name.strip_prefix(prefix)?));
        // `data` beside nothing else is a table with its classes in it.
        let is_table = n_arrays == 1 && array.name.eq_ignore_ascii_case("data");
        let Some(role) = told.filter(|_| !is_table) else {
            alone = Some(array);
            continue;
        };
        if let Some(first) = by_role.get(&role) {
            return Err(LoadError::DuplicateArray {
                path: path.to_owned(),
                first: first.name.clone(),
                second: array.name,
                role: role.name(),
            });
        }
        by_role.insert(role, array);
    }
    let builder = Builder {
        path,
        names,
        schema,
    };
    match alone {
        Some(array) if n_arrays == 1 => builder.one_array(&array),
        _ => builder.several_arrays(&by_role),
    }
}
