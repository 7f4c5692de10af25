use std::io::Write;

use firebrick_core::dataset::Features;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::load;
use crate::testing::{Folder, request};

fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let words = [&[magic], sizes].concat();
    let header = words.iter().flat_map(|word| word.to_be_bytes());
    header.chain(data.iter().copied()).collect()
}

fn images(n_pictures: u32, first: u8) -> Vec<u8> {
    let data: Vec<u8> = (0..n_pictures * 784)
        .map(|pixel| first.wrapping_add((pixel % 251) as u8))
        .collect();
    idx(0x803, &[n_pictures, 28, 28], &data)
}

fn labels(n_labels: u32) -> Vec<u8> {
    let data: Vec<u8> = (0..n_labels).map(|label| (label % 10) as u8).collect();
    idx(0x801, &[n_labels], &data)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn contents() -> [Vec<u8>; 4] {
    [images(50, 1), labels(50), images(10, 2), labels(10)]
}

fn write_all(folder: &Folder, below: &str) {
    for (name, bytes) in FILES.iter().zip(contents()) {
        folder.write(&format!("{below}{name}"), bytes);
    }
}

fn at(path: &Path) -> Request {
    Request {
        path: Some(path.to_owned()),
        ..request("mnist")
    }
}

/// Returns what is said of a folder in which one file is another one.
fn told(file: usize, bytes: &[u8]) -> String {
    let folder = Folder::new();
    write_all(&folder, "");
    folder.write(FILES[file], bytes);
    folder.message(&load(&at(folder.path())).unwrap_err())
}

#[test]
fn loads_the_four_files() {
    let folder = Folder::new();
    write_all(&folder, "");
    let dataset = load(&at(folder.path())).unwrap();
    assert_eq!(dataset.input_shape, [1, 28, 28]);
    assert_eq!(dataset.class_names[3], "3");
    assert_eq!((dataset.train.len(), dataset.validation.len()), (40, 10));
    let Features::Pixels { bytes, .. } = &dataset.test.features else {
        panic!("pictures stay bytes");
    };
    assert_eq!(**bytes, images(10, 2)[16..]);
    assert_eq!(dataset.test.labels, (0..10).collect::<Vec<u32>>());
}

#[test]
fn packed_files_are_the_same_wherever_they_are() {
    let folder = Folder::new();
    write_all(&folder, "plain/");
    let expected = load(&at(&folder.path().join("plain"))).unwrap();
    for below in ["packed/", "data/mnist/", "torch/MNIST/raw/"] {
        for (name, bytes) in FILES.iter().zip(contents()) {
            folder.write(&format!("{below}{name}.gz"), gz(&bytes));
        }
    }
    assert_eq!(load(&at(&folder.path().join("packed"))).unwrap(), expected);
    assert_eq!(load(&at(&folder.path().join("data"))).unwrap(), expected);
    for data_dir in ["data", "torch"] {
        let by_name = load(&Request {
            data_dirs: vec![folder.path().join(data_dir)],
            ..request("mnist")
        });
        assert_eq!(by_name.unwrap(), expected);
    }
}

#[test]
fn clothes_have_names() {
    let folder = Folder::new();
    write_all(&folder, "fashion-mnist/");
    let dataset = load(&Request {
        data_dirs: vec![folder.path().to_owned()],
        ..request("fashion-mnist")
    });
    assert_eq!(dataset.unwrap().class_names, CLOTHES);
}

#[test]
fn says_what_is_wrong_with_a_file() {
    insta::assert_snapshot!(told(0, &labels(10)), @r"
    error: `train-images-idx3-ubyte` is no IDX file of pictures: it begins with 0x00000801, expected 0x00000803
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(1, &images(10, 0)), @r"
    error: `train-labels-idx1-ubyte` is no IDX file of labels: it begins with 0x00000803, expected 0x00000801
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(0, b"PNG and more"), @r"
    error: `train-images-idx3-ubyte` is no IDX file of pictures: it begins with 0x504e4720, expected 0x00000803
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(0, &idx(0x803, &[50, 32, 32], &[0; 100])), @r"
    error: `train-images-idx3-ubyte`: pictures of 32x32 pixels, expected 28x28
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(0, &idx(0x803, &[u32::MAX, 28, 28], &[0; 100])), @r"
    error: `train-images-idx3-ubyte` has 4294967295 pictures, at most 1000000 can be read
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(0, &idx(0x803, &[50, u32::MAX, u32::MAX], &[0; 100])), @r"
    error: `train-images-idx3-ubyte`: pictures of 4294967295x4294967295 pixels, expected 28x28
    hint: is it a file of this data set? if so, download or copy it again
    ");
    insta::assert_snapshot!(told(0, &idx(0x803, &[0, 28, 28], &[])), @"error: `train-images-idx3-ubyte` has no rows");
    insta::assert_snapshot!(told(0, &images(50, 1)[..10]), @r"
    error: `train-images-idx3-ubyte` is cut off: it ends amid its header
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(0, &images(50, 1)[..1000]), @r"
    error: `train-images-idx3-ubyte` is cut off: 984 of 39200 bytes of pictures
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(2, &[&images(10, 1)[..], &[0]].concat()), @r"
    error: `t10k-images-idx3-ubyte` goes on after its 7840 bytes of pictures
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(2, &[]), @"error: `t10k-images-idx3-ubyte` is empty");
    insta::assert_snapshot!(told(1, &labels(49)), @r"
    error: `train-images-idx3-ubyte` has 50 pictures, but `train-labels-idx1-ubyte` has 49 labels
    hint: both must be of one data set: download or copy them again
    ");
    let mut wrong = labels(50);
    wrong[8 + 20] = 11;
    insta::assert_snapshot!(told(1, &wrong), @r"
    error: `train-labels-idx1-ubyte`, picture 21: label 11 is not in 0 to 9
    hint: it is of another data set, or damaged: download or copy the right one again
    ");
    insta::assert_snapshot!(told(1, &idx(0x801, &[50], &[4; 50])), @r"
    error: `train-labels-idx1-ubyte` has no row of class `0`
    hint: a class needs rows: take a larger file, or leave it out where it is declared
    ");
}

#[test]
fn says_what_is_wrong_with_a_packed_file() {
    let whole = gz(&images(50, 1));
    insta::assert_snapshot!(told(0, &whole[..whole.len() / 2]), @r"
    error: `train-images-idx3-ubyte` is cut off: it ends amid packed data
    hint: download or copy it again
    ");
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    insta::assert_snapshot!(told(0, &damaged), @r"
    error: cannot unpack `train-images-idx3-ubyte`: corrupt gzip stream does not have a matching checksum
    hint: download or copy it again
    ");
}

#[test]
fn says_which_file_is_missing() {
    let folder = Folder::new();
    let error = |request: &Request| folder.message(&load(request).unwrap_err());
    insta::assert_snapshot!(error(&at(folder.path())), @r"
    error: `DIR` has no `train-images-idx3-ubyte` or `train-images-idx3-ubyte.gz`
    hint: copy the missing files there too, or unpack or download them again
    ");
    write_all(&folder, "");
    insta::assert_snapshot!(error(&at(&folder.path().join(FILES[0]))), @r"
    error: `train-images-idx3-ubyte` is one file, dataset `mnist` needs four: pictures and labels, to train on and for the test
    hint: give the folder that has them, `--data DIR`
    ");
    std::fs::remove_file(folder.path().join(FILES[3])).unwrap();
    insta::assert_snapshot!(error(&at(folder.path())), @r"
    error: `DIR` has no `t10k-labels-idx1-ubyte` or `t10k-labels-idx1-ubyte.gz`, only `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`
    hint: copy the missing files there too, or unpack or download them again
    ");
    insta::assert_snapshot!(error(&request("mnist")), @r"
    error: no file of dataset `mnist` was given, and there is no data folder to look in
    hint: `firebrick data fetch mnist` downloads it, `--data FILE` takes a file that you have
    ");
    let labelled = Request {
        label: Some("class".to_owned()),
        ..request("mnist")
    };
    insta::assert_snapshot!(error(&labelled), @r"
    error: `label` has no effect on dataset `mnist`: its classes are known
    hint: leave `label` out
    ");
}

/// Where Debian's package is installed, which has the published pictures, packed anew.
#[test]
fn loads_the_clothes_that_debian_has() {
    if !Path::new(DEBIAN).is_dir() {
        eprintln!("skipped: no `{DEBIAN}`");
        return;
    }
    let start = std::time::Instant::now();
    let dataset = load(&Request {
        splits: crate::Fractions::new(0.1, 0.2).unwrap(),
        ..request("fashion-mnist")
    })
    .unwrap();
    eprintln!("70,000 real pictures in {:?}", start.elapsed());
    assert_eq!(
        (dataset.train.len(), dataset.validation.len()),
        (54_000, 6_000)
    );
    assert_eq!(dataset.test.len(), 10_000);
    let Features::Pixels { normalize, .. } = &dataset.train.features else {
        panic!("pictures stay bytes");
    };
    // Known of all 60,000: 0.2860 and 0.3530.
    assert!((normalize.mean[0] - 0.2860).abs() < 0.002, "{normalize:?}");
    assert!((normalize.std[0] - 0.3530).abs() < 0.002, "{normalize:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(file in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..2000), keep in 0_usize..16, is_packed: bool) {
        let folder = Folder::new();
        write_all(&folder, "");
        // A header that begins rightly, so that more than its first word is read.
        let bytes = [&contents()[file][..keep], &bytes].concat();
        folder.write(FILES[file], if is_packed { gz(&bytes) } else { bytes });
        let _ = load(&at(folder.path()));
    }
}
