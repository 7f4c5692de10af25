//! One NumPy array, read as numbers, labels or texts.

use std::io;
use std::path::PathBuf;

use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar};

use crate::error::{LoadError, Place};

/// An array as it lies in its file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    /// The file that it is from.
    pub(crate) path: PathBuf,
    /// Its name: the key in an archive, or the name of the file.
    pub(crate) name: String,
    /// The file, header and all.
    pub(crate) bytes: Vec<u8>,
}

/// Numbers in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    /// The length of each axis.
    pub(crate) shape: Vec<usize>,
    /// The last axis runs fastest. Every value is finite.
    pub(crate) values: Vec<f32>,
}

/// The class of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Labels {
    /// An index, or a number that is a name where no names are known.
    Integers(Vec<i64>),
    /// A name.
    Texts(Vec<String>),
    /// An index below `n_classes`.
    OneHot {
        /// The number of columns.
        n_classes: usize,
        /// One a row.
        indexes: Vec<i64>,
    },
}

impl Labels {
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Integers(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
            Self::OneHot { indexes, .. } => indexes.len(),
        }
    }
}

impl Array {
    /// Reads the array as numbers.
    ///
    /// # Errors
    /// [`LoadError`] if it is damaged, of another type, or has a value that is not finite.
    pub(crate) fn numbers(&self) -> Result<Numbers, LoadError> {
        let (header, data) = self.open()?;
        let Some((kind, size)) = scalar(&header.dtype()) else {
            return Err(self.wrong_type(&header, "numbers"));
        };
        let shape = self.shape(&header)?;
        let values: Vec<f32> = match (kind, size) {
            (TypeChar::Float, 4) => self.read(header.clone(), data)?,
            (TypeChar::Float, 8) => self.read_as(&header, data, |value: f64| value as f32)?,
            (TypeChar::Int, 1) => self.read_as(&header, data, |value: i8| f32::from(value))?,
            (TypeChar::Int, 2) => self.read_as(&header, data, |value: i16| f32::from(value))?,
            (TypeChar::Int, 4) => self.read_as(&header, data, |value: i32| value as f32)?,
            (TypeChar::Int, 8) => self.read_as(&header, data, |value: i64| value as f32)?,
            (TypeChar::Uint, 1) => self.read_as(&header, data, |value: u8| f32::from(value))?,
            (TypeChar::Uint, 2) => self.read_as(&header, data, |value: u16| f32::from(value))?,
            (TypeChar::Uint, 4) => self.read_as(&header, data, |value: u32| value as f32)?,
            (TypeChar::Uint, 8) => self.read_as(&header, data, |value: u64| value as f32)?,
            (TypeChar::Bool, 1) => {
                self.read_as(&header, data, |value: bool| f32::from(u8::from(value)))?
            }
            _ => return Err(self.wrong_type(&header, "integers, or floats of 32 or 64 bits")),
        };
        let values = match header.order() {
            Order::C => values,
            Order::Fortran => c_order(&shape, &values),
        };
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            // Of an array without values the other lengths could be anything.
            let row_len = shape.iter().skip(1).product::<usize>().max(1);
            return Err(LoadError::NotFinite {
                path: self.path.clone(),
                place: self.row(position / row_len),
                value: values[position].to_string(),
            });
        }
        Ok(Numbers { shape, values })
    }

    /// Reads the array as the class of each row: integers, texts, or one-hot columns.
    ///
    /// # Errors
    /// [`LoadError`] if it is damaged, of another type or shape, or if a row has no single class.
    pub(crate) fn labels(&self) -> Result<Labels, LoadError> {
        let (header, _) = self.open()?;
        let shape = self.shape(&header)?;
        let kind = scalar(&header.dtype()).map(|(kind, _)| kind);
        if matches!(kind, Some(TypeChar::UnicodeStr | TypeChar::ByteStr)) {
            return self.texts().map(Labels::Texts);
        }
        if header.dtype().uses_pickled_array() {
            return Err(self.wrong_type(&header, "integers, texts or one-hot columns"));
        }
        match shape.as_slice() {
            [_] | [_, 1] => self.class_numbers().map(Labels::Integers),
            [_, n_classes] => Ok(Labels::OneHot {
                n_classes: *n_classes,
                indexes: self.one_hot(&self.numbers()?.values, *n_classes)?,
            }),
            _ => Err(self.wrong_shape("[rows] or [rows, classes]", shape)),
        }
    }

    /// Reads the array as one text a row.
    ///
    /// # Errors
    /// [`LoadError`] if it is damaged, of another type or shape.
    pub(crate) fn texts(&self) -> Result<Vec<String>, LoadError> {
        let (header, data) = self.open()?;
        let shape = self.shape(&header)?;
        if !matches!(shape.as_slice(), [_] | [_, 1]) {
            return Err(self.wrong_shape("[rows]", shape));
        }
        match scalar(&header.dtype()) {
            Some((TypeChar::UnicodeStr | TypeChar::ByteStr, _)) => self.read(header, data),
            _ => Err(self.wrong_type(&header, "texts")),
        }
    }

    /// Returns an error that says that the shape does not fit.
    pub(crate) fn wrong_shape(&self, expected: impl Into<String>, found: Vec<usize>) -> LoadError {
        LoadError::ArrayShape {
            path: self.path.clone(),
            array: self.name.clone(),
            expected: expected.into(),
            found,
        }
    }

    /// Returns the place of a row.
    pub(crate) fn row(&self, row: usize) -> Place {
        Place::Row {
            array: self.name.clone(),
            row,
        }
    }

    /// Reads the header; returns it with the bytes after it.
    fn open(&self) -> Result<(NpyHeader, &[u8]), LoadError> {
        if self.bytes.is_empty() {
            return Err(LoadError::EmptyFile {
                path: self.path.clone(),
            });
        }
        let mut data = self.bytes.as_slice();
        match NpyHeader::from_reader(&mut data) {
            Ok(header) => Ok((header, data)),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    fn shape(&self, header: &NpyHeader) -> Result<Vec<usize>, LoadError> {
        let shape: Option<Vec<usize>> = header
            .shape()
            .iter()
            .map(|length| usize::try_from(*length).ok())
            .collect();
        shape.ok_or_else(|| self.cut_off("its shape needs more bytes than memory has"))
    }

    /// Reads every element, after a look at whether they are there.
    fn read<T: Deserialize>(&self, header: NpyHeader, data: &[u8]) -> Result<Vec<T>, LoadError> {
        let n_bytes = header
            .shape()
            .iter()
            .try_fold(1_u64, |product, length| product.checked_mul(*length))
            .and_then(|n_items| n_items.checked_mul(header.dtype().num_bytes()?.max(1) as u64));
        match n_bytes {
            Some(n_bytes) if n_bytes <= data.len() as u64 => {}
            Some(n_bytes) => {
                return Err(
                    self.cut_off(&format!("{} bytes where {n_bytes} should be", data.len()))
                );
            }
            None => return Err(self.cut_off("its shape needs more bytes than memory has")),
        }
        let file = NpyFile::with_header(header, data);
        file.into_vec().map_err(|error| self.damaged(&error))
    }

    fn read_as<T: Deserialize, N>(
        &self,
        header: &NpyHeader,
        data: &[u8],
        convert: impl Fn(T) -> N,
    ) -> Result<Vec<N>, LoadError> {
        let values = self.read(header.clone(), data)?;
        Ok(values.into_iter().map(convert).collect())
    }

    /// Reads one class number a row; the wide types exactly, since as a float `20_240_101` would be
    /// the same as `20_240_100`.
    fn class_numbers(&self) -> Result<Vec<i64>, LoadError> {
        let (header, data) = self.open()?;
        match scalar(&header.dtype()) {
            Some((TypeChar::Int, 4)) => self.read_as(&header, data, |value: i32| i64::from(value)),
            Some((TypeChar::Uint, 4)) => self.read_as(&header, data, |value: u32| i64::from(value)),
            Some((TypeChar::Int, 8)) => self.read(header, data),
            _ => integers(self, &self.numbers()?.values),
        }
    }

    fn one_hot(&self, values: &[f32], n_classes: usize) -> Result<Vec<i64>, LoadError> {
        let mut indexes = Vec::with_capacity(values.len() / n_classes.max(1));
        for (row, flags) in values.chunks_exact(n_classes.max(1)).enumerate() {
            let not_one_hot = |found: String| LoadError::NotOneHot {
                path: self.path.clone(),
                place: self.row(row),
                found,
            };
            if let Some(other) = flags.iter().find(|flag| **flag != 0.0 && **flag != 1.0) {
                return Err(not_one_hot(format!("`{other}` where 0 or 1 should be")));
            }
            let n_ones = flags.iter().filter(|flag| **flag == 1.0).count();
            match flags.iter().position(|flag| *flag == 1.0) {
                Some(index) if n_ones == 1 => indexes.push(index as i64),
                None => return Err(not_one_hot("none".to_owned())),
                _ => return Err(not_one_hot(n_ones.to_string())),
            }
        }
        Ok(indexes)
    }

    fn wrong_type(&self, header: &NpyHeader, expected: &'static str) -> LoadError {
        LoadError::ArrayType {
            path: self.path.clone(),
            array: self.name.clone(),
            found: header.dtype().descr().trim_matches('\'').to_owned(),
            expected,
        }
    }

    fn damaged(&self, error: &io::Error) -> LoadError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.cut_off("its header is not complete");
        }
        LoadError::NotNumpy {
            path: self.path.clone(),
            reason: format!("array `{}`: {error}", self.name),
        }
    }

    fn cut_off(&self, what: &str) -> LoadError {
        LoadError::Truncated {
            path: self.path.clone(),
            what: format!("array `{}`: {what}", self.name),
        }
    }
}

/// From here on, two whole numbers may be one float.
const INEXACT: f32 = (1 << 24) as f32;

/// Reads class numbers that may be stored as floats.
///
/// # Errors
/// [`LoadError::NotOneHot`] if a value is not whole, or so large that it could be another one.
pub(crate) fn integers(array: &Array, values: &[f32]) -> Result<Vec<i64>, LoadError> {
    let is_class = |value: &f32| value.fract() == 0.0 && value.abs() < INEXACT;
    match values.iter().position(|value| !is_class(value)) {
        None => Ok(values.iter().map(|value| *value as i64).collect()),
        Some(row) => Err(LoadError::NotOneHot {
            path: array.path.clone(),
            place: array.row(row),
            found: match values[row] {
                value if value.fract() == 0.0 => format!("`{value}`, a float that may be rounded"),
                value => format!("`{value}`"),
            },
        }),
    }
}

fn scalar(dtype: &DType) -> Option<(TypeChar, u64)> {
    match dtype {
        DType::Plain(scalar) => Some((scalar.type_char(), scalar.size_field())),
        _ => None,
    }
}

/// Returns values whose first axis runs fastest with the last axis running fastest.
fn c_order(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let position: usize = index
            .iter()
            .zip(&strides)
            .map(|(i, stride)| i * stride)
            .sum();
        ordered.push(values[position]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}
