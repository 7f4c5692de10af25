//! NPY and NPZ: arrays told by their names.
//!
//! Features are `X` (or `data`, `features`), labels `y` (or `label`, `labels`, `target`,
//! `targets`), in either case, alone or with `_train` (`_train_val`), `_val` (`_validation`) and
//! `_test`. `feature_names` and `class_names` (`classes`, `target_names`) are optional texts. An
//! array that stands alone has two axes and the class number in its last column. Other arrays are
//! not read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use firebrick_core::dataset::Split;
use npyz::npz::NpzArchive;

use super::array::{Array, Labels, Numbers, integers};
use super::columns::Classes;
use super::{Schema, Table};
use crate::error::LoadError;

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
    let mut archive = NpzArchive::new(std::io::BufReader::new(file))
        .map_err(|error| not_numpy(error.to_string()))?;
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort_unstable();
    let mut arrays = Vec::new();
    for name in names {
        let file_name = npyz::npz::file_name_from_array_name(&name);
        let mut entry = archive
            .zip_archive()
            .by_name(&file_name)
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

/// The rows of one split, their labels not yet indexes of the classes of the data set.
struct RawSplit<'a> {
    numbers: Numbers,
    labels: Labels,
    /// The array that the features are from.
    features: &'a Array,
    /// The array that the labels are from.
    classes: &'a Array,
}

struct Builder<'a> {
    path: &'a Path,
    names: Vec<String>,
    schema: &'a dyn Schema,
}

impl Builder<'_> {
    /// Builds a table of an array whose last column, or the one that was named, has the class.
    fn one_array(&self, array: &Array) -> Result<Table, LoadError> {
        let numbers = array.numbers()?;
        let [n_rows, n_columns] = numbers.shape[..] else {
            return Err(array.wrong_shape("[rows, features and class]", numbers.shape));
        };
        if n_columns < 2 {
            return Err(array.wrong_shape("[rows, features and class]", numbers.shape));
        }
        let label = match self.schema.label() {
            None => n_columns - 1,
            Some(label) => label
                .parse()
                .ok()
                .filter(|column| *column < n_columns)
                .ok_or_else(|| LoadError::MissingColumn {
                    path: self.path.to_owned(),
                    column: label.to_owned(),
                    columns: (0..n_columns).map(|column| column.to_string()).collect(),
                })?,
        };
        let mut features = Vec::with_capacity(n_rows * (n_columns - 1));
        let mut labels = Vec::with_capacity(n_rows);
        for row in numbers.values.chunks_exact(n_columns) {
            features.extend_from_slice(&row[..label]);
            features.extend_from_slice(&row[label + 1..]);
            labels.push(row[label]);
        }
        let raw = RawSplit {
            numbers: Numbers {
                shape: vec![n_rows, n_columns - 1],
                values: features,
            },
            labels: Labels::Integers(integers(array, &labels)?),
            features: array,
            classes: array,
        };
        self.table(vec![(Part::Train, raw)], None, None)
    }

    /// Builds a table of arrays that their names tell apart.
    fn several_arrays(&self, by_role: &BTreeMap<ArrayRole, Array>) -> Result<Table, LoadError> {
        if self.schema.label().is_some() {
            return Err(LoadError::NoEffect {
                key: "label",
                name: self.path.display().to_string(),
                why: "it has an array of labels",
            });
        }
        let mut splits = Vec::new();
        for part in [Part::Train, Part::Validation, Part::Test] {
            let roles = [ArrayRole::Features(part), ArrayRole::Labels(part)];
            match roles.map(|role| by_role.get(&role)) {
                [None, None] if part != Part::Train => {}
                [Some(features), Some(labels)] => splits.push((part, raw(features, labels)?)),
                [features, _] => {
                    let missing = roles[usize::from(features.is_some())].name();
                    return Err(LoadError::MissingArray {
                        path: self.path.to_owned(),
                        missing,
                        arrays: self.names.clone(),
                    });
                }
            }
        }
        self.table(
            splits,
            by_role.get(&ArrayRole::FeatureNames),
            by_role.get(&ArrayRole::ClassNames),
        )
    }

    fn table(
        &self,
        splits: Vec<(Part, RawSplit<'_>)>,
        feature_names: Option<&Array>,
        class_names: Option<&Array>,
    ) -> Result<Table, LoadError> {
        let input_shape = splits[0].1.numbers.shape[1..].to_vec();
        let file_classes = class_names.map(Array::texts).transpose()?;
        let file_features = feature_names.map(Array::texts).transpose()?;
        if let (Some(array), Some(names)) = (feature_names, &file_features)
            && [names.len()] != input_shape[..]
        {
            return Err(array.wrong_shape(format!("{input_shape:?}"), vec![names.len()]));
        }
        let order = match &file_features {
            Some(names) => Some(self.schema.order(self.path, names)?),
            None => None,
        };
        let n_one_hot = splits.iter().find_map(|(_, raw)| match raw.labels {
            Labels::OneHot { n_classes, .. } => Some(n_classes),
            _ => None,
        });
        // What class numbers are indexes of.
        let indexed = file_classes
            .clone()
            .or_else(|| self.schema.classes())
            .or_else(|| n_one_hot.map(|n| (0..n).map(|class| class.to_string()).collect()));
        let known = self.schema.classes().or_else(|| indexed.clone());
        let mut classes = Classes::new(known.as_deref());

        let mut done = BTreeMap::new();
        for (part, raw) in splits {
            self.check(
                &raw,
                &input_shape,
                file_features.is_none(),
                indexed.as_deref(),
            )?;
            let labels = self.indexes(&raw, indexed.as_deref(), &mut classes)?;
            let features = match &order {
                Some(order) => reordered(&raw.numbers.values, order),
                None => raw.numbers.values,
            };
            done.insert(part, Split { features, labels });
        }
        let class_names = classes.finish(done.values_mut().map(|split| &mut split.labels));
        let feature_names = match (order, file_features) {
            (Some(order), Some(names)) => self
                .schema
                .features()
                .unwrap_or_else(|| order.iter().map(|old| names[*old].clone()).collect()),
            _ => self.schema.features().unwrap_or_default(),
        };
        Ok(Table {
            input_shape,
            feature_names,
            class_names,
            rows: done.remove(&Part::Train).unwrap_or_default(),
            validation: done.remove(&Part::Validation),
            test: done.remove(&Part::Test),
        })
    }

    /// Checks the shapes of one split.
    fn check(
        &self,
        raw: &RawSplit<'_>,
        input_shape: &[usize],
        unnamed: bool,
        classes: Option<&[String]>,
    ) -> Result<(), LoadError> {
        if raw.numbers.shape[1..] != *input_shape {
            return Err(raw.features.wrong_shape(
                format!("rows of shape {input_shape:?}"),
                raw.numbers.shape.clone(),
            ));
        }
        if let (true, Some(features)) = (unnamed, self.schema.features())
            && *input_shape != [features.len()]
        {
            return Err(raw.features.wrong_shape(
                format!("rows of {} features", features.len()),
                raw.numbers.shape.clone(),
            ));
        }
        if let (Labels::OneHot { n_classes, indexes }, Some(classes)) = (&raw.labels, classes)
            && *n_classes != classes.len()
        {
            return Err(raw.classes.wrong_shape(
                format!("[rows, {}], one column a class", classes.len()),
                vec![indexes.len(), *n_classes],
            ));
        }
        Ok(())
    }

    /// Returns the labels of one split as indexes.
    fn indexes(
        &self,
        raw: &RawSplit<'_>,
        indexed: Option<&[String]>,
        classes: &mut Classes,
    ) -> Result<Vec<u32>, LoadError> {
        let mut labels = Vec::with_capacity(raw.labels.len());
        for row in 0..raw.labels.len() {
            let (number, text) = match &raw.labels {
                Labels::Texts(texts) => (None, texts[row].clone()),
                Labels::Integers(numbers) => (Some(numbers[row]), numbers[row].to_string()),
                Labels::OneHot { indexes, .. } => (Some(indexes[row]), indexes[row].to_string()),
            };
            let name = match (number, indexed) {
                (Some(number), Some(names)) => usize::try_from(number)
                    .ok()
                    .and_then(|number| names.get(number).cloned()),
                _ => Some(text.clone()),
            };
            let label = name.and_then(|name| classes.index(&name));
            labels.push(label.ok_or_else(|| {
                LoadError::UnknownClass {
                    path: raw.classes.path.clone(),
                    place: raw.classes.row(row),
                    value: text,
                    known: self
                        .schema
                        .classes()
                        .unwrap_or_else(|| indexed.unwrap_or_default().to_vec()),
                }
            })?);
        }
        Ok(labels)
    }
}

fn raw<'a>(features: &'a Array, labels: &'a Array) -> Result<RawSplit<'a>, LoadError> {
    let numbers = features.numbers()?;
    if !(2..=4).contains(&numbers.shape.len()) || numbers.shape[1..].contains(&0) {
        return Err(features.wrong_shape(
            "[rows, features] or [rows, channels, height, width]",
            numbers.shape,
        ));
    }
    let classes = labels.labels()?;
    if classes.len() != numbers.shape[0] {
        return Err(labels.wrong_shape(
            format!("{} rows as in `{}`", numbers.shape[0], features.name),
            vec![classes.len()],
        ));
    }
    Ok(RawSplit {
        numbers,
        labels: classes,
        features,
        classes: labels,
    })
}

fn reordered(values: &[f32], order: &[usize]) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(values.len());
    for row in values.chunks_exact(order.len()) {
        ordered.extend(order.iter().map(|old| row[*old]));
    }
    ordered
}
