//! A table of arrays whose roles are known: splits, classes, and the order of the features.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ArrayRole, Part};
use crate::error::LoadError;
use crate::table::array::{Array, Labels, Numbers, integers};
use crate::table::columns::Classes;
use crate::table::{Schema, Table, TableRows};

/// What arrays become a table of.
pub(super) struct Builder<'a> {
    /// The file or folder that they are from.
    pub(super) path: &'a Path,
    /// The names of all arrays that are there.
    pub(super) names: Vec<String>,
    pub(super) schema: &'a dyn Schema,
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

impl Builder<'_> {
    /// Builds a table of an array whose last column, or the one that was named, has the class.
    pub(super) fn one_array(&self, array: &Array) -> Result<Table, LoadError> {
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
    pub(super) fn several_arrays(
        &self,
        by_role: &BTreeMap<ArrayRole, Array>,
    ) -> Result<Table, LoadError> {
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
            done.insert(part, TableRows { features, labels });
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
