//! `mnist` and `fashion-mnist`: 70,000 grey pictures each, of 28x28 pixels, in ten classes.
//!
//! # Source
//! LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998; Xiao, Rasul and
//! Vollgraf, <https://arxiv.org/abs/1708.07747>. Both come as four IDX files: a number that says
//! what they hold, the sizes, each as 32 bits with the highest byte first, then bytes.

mod file;

use std::fs;
use std::path::{Path, PathBuf};

use firebrick_core::dataset::Dataset;

use crate::Request;
use crate::error::LoadError;
use crate::pictures::{self, PictureError, PictureRows, Pictures};

/// Channels, height and width.
pub(crate) const SHAPE: [usize; 3] = [1, 28, 28];

/// The classes of `mnist` in the order of their labels.
pub(crate) const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The classes of `fashion-mnist` in the order of their labels.
pub(crate) const CLOTHES: [&str; 10] = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

/// Where Debian's package `dataset-fashion-mnist` has its files.
pub(crate) const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

/// The files as they are published, but for the end `.gz`: pictures and labels to train on, then
/// those of the test.
pub(crate) const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Loads the pictures from the folder of the request, else from a data folder, else, those of
/// `fashion-mnist`, from where Debian's package has them.
///
/// # Errors
/// [`LoadError`], which names the file.
pub(crate) fn load(request: &Request) -> Result<Dataset, LoadError> {
    let system: &[&str] = match request.name.as_str() {
        "fashion-mnist" => &[DEBIAN],
        _ => &[],
    };
    let files = match &request.path {
        Some(path) => at(path, &request.name)?,
        None => search(request, system)?,
    };
    let pictures = read(&files, &request.name)?;
    pictures::check_classes(&pictures, &files[1])?;
    pictures::prepare(pictures, request, request.n_rows, false)
}

/// Returns the four files of a folder that the user gave, or of one in it.
fn at(path: &Path, name: &str) -> Result<[PathBuf; 4], LoadError> {
    let metadata = fs::metadata(path).map_err(|error| LoadError::read(path, &error))?;
    if !metadata.is_dir() {
        let error = PictureError::SingleFile {
            path: path.to_owned(),
            name: name.to_owned(),
            needed: "four: pictures and labels, to train on and for the test",
        };
        return Err(error.into());
    }
    let found = first(&below(path, name))?;
    found.ok_or_else(|| missing(path, FILES[0], Vec::new()))
}

fn search(request: &Request, system: &[&str]) -> Result<[PathBuf; 4], LoadError> {
    for data_dir in &request.data_dirs {
        // Files of these names in the data folder itself could be those of either data set.
        let [_, folders @ ..] = below(data_dir, &request.name);
        if let Some(files) = first(&folders)? {
            return Ok(files);
        }
    }
    let system: Vec<PathBuf> = system.iter().map(PathBuf::from).collect();
    first(&system)?.ok_or_else(|| LoadError::NotFound {
        name: request.name.clone(),
        searched: [crate::searched(request), system].concat(),
    })
}

/// Returns the folders that may have the files if they are in or below one, the last one as
/// torchvision downloads them.
fn below(folder: &Path, name: &str) -> [PathBuf; 3] {
    let torchvision = match name {
        "mnist" => "MNIST/raw",
        _ => "FashionMNIST/raw",
    };
    [
        folder.to_owned(),
        folder.join(name),
        folder.join(torchvision),
    ]
}

/// Returns the files of the first folder that has one of them.
fn first(folders: &[PathBuf]) -> Result<Option<[PathBuf; 4]>, LoadError> {
    for folder in folders {
        let files = FILES.map(|name| {
            let packed = folder.join(format!("{name}.gz"));
            let plain = folder.join(name);
            if plain.is_file() || !packed.is_file() {
                plain
            } else {
                packed
            }
        });
        let (there, absent): (Vec<_>, Vec<_>) = FILES
            .iter()
            .zip(&files)
            .partition(|(_, file)| file.is_file());
        match absent.first() {
            None => return Ok(Some(files)),
            Some((name, _)) if !there.is_empty() => {
                let there = there.iter().map(|(name, _)| (**name).to_owned());
                return Err(missing(folder, name, there.collect()));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

fn missing(folder: &Path, name: &str, found: Vec<String>) -> LoadError {
    let error = PictureError::MissingFile {
        path: folder.to_owned(),
        missing: format!("`{name}` or `{name}.gz`"),
        found,
    };
    error.into()
}

fn read(
    [train, train_labels, test, test_labels]: &[PathBuf; 4],
    name: &str,
) -> Result<Pictures, LoadError> {
    let class_names = match name {
        "mnist" => DIGITS,
        _ => CLOTHES,
    };
    Ok(Pictures {
        shape: SHAPE,
        class_names: class_names.map(str::to_owned).to_vec(),
        train: read_rows(train, train_labels, class_names.len())?,
        test: read_rows(test, test_labels, class_names.len())?,
    })
}

fn read_rows(pictures: &Path, labels: &Path, n_classes: usize) -> Result<PictureRows, LoadError> {
    let [_, height, width] = SHAPE.map(|size| size as u32);
    let bytes = file::pictures(pictures, [height, width])?;
    let n_pictures = bytes.len() / SHAPE.iter().product::<usize>();
    let numbers = file::labels(labels)?;
    if numbers.len() != n_pictures {
        let error = PictureError::Counts {
            pictures: pictures.to_owned(),
            n_pictures,
            labels: labels.to_owned(),
            n_labels: numbers.len(),
        };
        return Err(error.into());
    }
    let mut rows = PictureRows {
        bytes,
        labels: Vec::with_capacity(n_pictures),
    };
    for label in numbers {
        rows.push_label(labels, label, n_classes)?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
