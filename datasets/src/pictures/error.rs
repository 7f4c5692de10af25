//! What can be wrong with files of pictures.

use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with a file of pictures.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PictureError {
    /// A label is not one of the classes.
    #[error("`{}`, picture {picture}: label {label} is not in 0 to {}", path.display(), n_classes - 1)]
    Label {
        /// The file.
        path: PathBuf,
        /// Which picture, the first is 1.
        picture: usize,
        /// The label.
        label: u8,
        /// How many classes there are.
        n_classes: usize,
    },
    /// A file that belongs to the ones that are there is missing.
    #[error("`{}` has no {missing}{}", path.display(), only(found))]
    MissingFile {
        /// The folder or archive.
        path: PathBuf,
        /// What is looked for.
        missing: String,
        /// The files that are there.
        found: Vec<String>,
    },
    /// More files are there than belong together.
    #[error("`{}` has files of two data sets, or too many for {role}: {}", path.display(), listed(found))]
    Doubtful {
        /// The folder or archive.
        path: PathBuf,
        /// What they could all be for.
        role: &'static str,
        /// The files.
        found: Vec<String>,
    },
    /// One file of a data set that has several was given.
    #[error("`{}` is one file, dataset `{name}` needs {needed}", path.display())]
    SingleFile {
        /// The file.
        path: PathBuf,
        /// The data set.
        name: String,
        /// What the data set needs.
        needed: &'static str,
    },
    /// An archive or a compressed file is damaged, or is none.
    #[error("cannot unpack `{}`: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// The file does not begin as an IDX file of its kind does.
    #[error("`{}` is no IDX file of {kind}: it begins with {found:#010x}, expected {expected:#010x}", path.display())]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        kind: &'static str,
        /// Its first four bytes, the first one highest.
        found: u32,
        /// What they should be.
        expected: u32,
    },
    /// The pictures have another size than those of the data set.
    #[error("`{}`: pictures of {}x{} pixels, expected {}x{}", path.display(), found[0], found[1], expected[0], expected[1])]
    Size {
        /// The file.
        path: PathBuf,
        /// Height and width that the file declares.
        found: [u32; 2],
        /// Height and width of the data set.
        expected: [u32; 2],
    },
    /// The file has, or says that it has, more pictures than a data set of its kind could.
    #[error("`{}` has {found} pictures, at most {most} can be read", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many there are: the number that the file declares, or the first that is too many.
        found: usize,
        /// The most that are read.
        most: usize,
    },
    /// Bytes are left after what the file says that it has.
    #[error("`{}` goes on after its {expected} bytes of {kind}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it holds.
        kind: &'static str,
        /// How many bytes follow from the sizes that it declares.
        expected: usize,
    },
    /// Pictures and labels are not as many.
    #[error("`{}` has {n_pictures} pictures, but `{}` has {n_labels} labels", pictures.display(), labels.display())]
    Counts {
        /// The file of pictures.
        pictures: PathBuf,
        /// How many it has.
        n_pictures: usize,
        /// The file of labels.
        labels: PathBuf,
        /// How many it has.
        n_labels: usize,
    },
}

impl PictureError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Label { .. } => {
                "it is of another data set, or damaged: download or copy the right one again"
            }
            Self::MissingFile { found, .. }
                if found.iter().any(|name| name.contains("batches-py")) =>
            {
                "it is the version for Python: take `cifar-10-binary.tar.gz`"
            }
            Self::MissingFile { .. } => {
                "copy the missing files there too, or unpack or download them again"
            }
            Self::Doubtful { .. } => "keep those of one data set there, and move the others away",
            Self::SingleFile { .. } => "give the folder that has them, `--data DIR`",
            Self::Damaged { .. } | Self::TooLong { .. } => "download or copy it again",
            Self::NotIdx { .. } | Self::Size { .. } | Self::TooMany { .. } => {
                "is it a file of this data set? if so, download or copy it again"
            }
            Self::Counts { .. } => "both must be of one data set: download or copy them again",
        };
        Some(hint.to_owned())
    }
}

fn only(names: &[String]) -> String {
    match names {
        [] => String::new(),
        _ => format!(", only {}", listed(names)),
    }
}

/// Returns names in backticks, the first six of many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 6;
    let shown = names.iter().take(MOST);
    let mut text: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    if names.len() > MOST {
        text.push(format!("and {} more", names.len() - MOST));
    }
    text.join(", ")
}
