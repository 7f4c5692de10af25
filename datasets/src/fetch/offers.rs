//! What is published where, with its checksums.

use std::time::Duration;

use crate::{cifar10, idx};

/// Where data sets are published, and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) offers: Vec<Offer>,
    /// How long to wait for a connection, an answer, or the next bytes.
    pub(crate) patience: Duration,
    /// Whether all addresses are on this machine, whatever proxy there is.
    pub(crate) is_loopback: bool,
}

/// A data set that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    /// Where a person can download it.
    pub(crate) page: &'static str,
    pub(crate) files: Files,
}

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Files {
    /// One, whose address and checksum OpenML tells.
    OpenMl {
        /// What to ask.
        url: String,
        /// What the file is called here.
        file: String,
    },
    /// Those whose checksums are known.
    Listed(Vec<Published>),
}

/// A file as its publisher describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// What it is called here.
    pub(crate) file: String,
    pub(crate) url: String,
    /// 32 hexadecimal digits, in lower case.
    pub(crate) md5: Option<String>,
    /// Where a person can download it.
    pub(crate) page: &'static str,
}

impl Source {
    /// Returns the official addresses.
    ///
    /// The checksum of `cifar10` is that of its page. Those of `mnist` and `fashion-mnist` are
    /// those of their pages, which torchvision checks too; the first page of `mnist` does not
    /// answer everybody, so its files are taken from where torchvision takes them.
    pub(crate) fn official() -> Self {
        let [pictures, labels, test_pictures, test_labels] = idx::FILES;
        Self {
            offers: vec![
                Offer {
                    name: "jsc",
                    page: "https://www.openml.org/d/42468",
                    files: Files::OpenMl {
                        url: "https://www.openml.org/api/v1/json/data/42468".to_owned(),
                        file: "jsc.arff".to_owned(),
                    },
                },
                listed(
                    "cifar10",
                    "https://www.cs.toronto.edu/~kriz/cifar.html",
                    "https://www.cs.toronto.edu/~kriz",
                    &[(cifar10::ARCHIVE, "c32a1d4ab5d03f1284b67883e8d87530")],
                ),
                listed(
                    "mnist",
                    "http://yann.lecun.com/exdb/mnist",
                    "https://ossci-datasets.s3.amazonaws.com/mnist",
                    &[
                        (pictures, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                        (labels, "d53e105ee54ea40749a09fcbcd1e9432"),
                        (test_pictures, "9fb629c4189551a2d022fa330f9573f3"),
                        (test_labels, "ec29112dd5afa0611ce80d1b7f02629c"),
                    ],
                ),
                listed(
                    "fashion-mnist",
                    "https://github.com/zalandoresearch/fashion-mnist",
                    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                    &[
                        (pictures, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                        (labels, "25c81989df183df01b3e8a0aad5dffbe"),
                        (test_pictures, "bef4ecab320f06d8554ea6380940ec79"),
                        (test_labels, "bb300cfdad3c16e7a12a480ee83cd310"),
                    ],
                ),
            ],
            patience: Duration::from_secs(60),
            is_loopback: false,
        }
    }
}

/// Returns an offer of files in one place; those of IDX are packed.
fn listed(name: &'static str, page: &'static str, place: &str, files: &[(&str, &str)]) -> Offer {
    let files = files.iter().map(|(file, md5)| {
        let file = match idx::FILES.contains(file) {
            true => format!("{file}.gz"),
            false => (*file).to_owned(),
        };
        Published {
            url: format!("{place}/{file}"),
            file,
            md5: Some((*md5).to_owned()),
            page,
        }
    });
    Offer {
        name,
        page,
        files: Files::Listed(files.collect()),
    }
}
