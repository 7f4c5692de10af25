use std::io::Write;

use firebrick_core::dataset::Features;
use firebrick_core::random::{Purpose, stream};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use rand::Rng;

use super::*;
use crate::load;
use crate::testing::{Folder, request, test_data};

/// A batch of so many pictures of each class; the pixels tell batch and picture.
fn batch(number: u8, of_each: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for picture in 0..10 * of_each {
        bytes.push((picture % 10) as u8);
        bytes.extend((0..3072).map(|pixel| number.wrapping_add((picture * 31 + pixel) as u8)));
    }
    bytes
}

/// The files as they are published, but small.
fn published() -> Vec<(String, Vec<u8>)> {
    let names = (1..=5).map(|number| format!("data_batch_{number}.bin"));
    names
        .chain(["test_batch.bin".to_owned()])
        .zip(1_u8..)
        .map(|(name, number)| (name, batch(number, 2)))
        .collect()
}

fn write_all(folder: &Folder, below: &str) {
    for (name, bytes) in published() {
        folder.write(&format!("{below}{name}"), bytes);
    }
    folder.write(&format!("{below}batches.meta.txt"), "airplane\n");
    folder.write(&format!("{below}readme.html"), "<html>");
}

fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let name = format!("cifar-10-batches-bin/{name}");
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive() -> Vec<u8> {
    // In another order than that of the names.
    let mut files = published();
    files.rotate_left(2);
    gz(&tar(&files))
}

fn at(path: &Path) -> Request {
    Request {
        path: Some(path.to_owned()),
        ..request("cifar10")
    }
}

fn error(folder: &Folder, path: &Path) -> String {
    folder.message(&load(&at(path)).unwrap_err())
}

#[test]
fn loads_a_folder_of_batches() {
    let folder = Folder::new();
    write_all(&folder, "");
    let dataset = load(&at(folder.path())).unwrap();
    assert_eq!(dataset.input_shape, [3, 32, 32]);
    assert_eq!(dataset.class_names[0], "airplane");
    assert_eq!(dataset.class_names[9], "truck");
    assert_eq!((dataset.train.len(), dataset.validation.len()), (80, 20));
    assert!(!dataset.simulated);
    let Features::Pixels { bytes, .. } = &dataset.test.features else {
        panic!("pictures stay bytes");
    };
    let expected = batch(6, 2);
    assert_eq!(bytes[..3072], expected[1..3073]);
    assert_eq!(bytes[3072..6144], expected[3074..6146]);
    assert_eq!(dataset.test.labels[..3], [0, 1, 2]);
}

#[test]
fn an_archive_has_the_same_pictures_wherever_it_is() {
    let folder = Folder::new();
    write_all(&folder, "one/");
    let expected = load(&at(&folder.path().join("one"))).unwrap();
    let archive = archive();
    let file = folder.write("two/any name.tar.gz", &archive);
    assert_eq!(load(&at(&file)).unwrap(), expected);
    assert_eq!(load(&at(&folder.path().join("two"))).unwrap(), expected);
    folder.write("three/plain.tar", tar(&published()));
    assert_eq!(load(&at(&folder.path().join("three"))).unwrap(), expected);
    write_all(&folder, "four/cifar-10-batches-bin/");
    assert_eq!(load(&at(&folder.path().join("four"))).unwrap(), expected);
    let by_name = |data_dir: &str| {
        load(&Request {
            data_dirs: vec![folder.path().join("nowhere"), folder.path().join(data_dir)],
            ..request("cifar10")
        })
    };
    assert_eq!(by_name("four").unwrap(), expected);
    folder.write("five/cifar10/cifar-10-binary.tar.gz", &archive);
    assert_eq!(by_name("five").unwrap(), expected);
    folder.write("six/cifar-10-binary.tar.gz", &archive);
    assert_eq!(by_name("six").unwrap(), expected);
    assert!(by_name("one").is_err(), "loose files are not searched");
}

#[test]
fn takes_files_of_other_names_in_their_order() {
    let folder = Folder::new();
    folder.write("train_b.bin", batch(2, 3));
    folder.write("train_a.bin", batch(1, 3));
    folder.write("test_2k.bin", batch(3, 1));
    let place = find::at(folder.path()).unwrap();
    let pictures = read(&place).unwrap();
    assert_eq!(pictures.train.labels.len(), 60);
    assert_eq!(pictures.train.bytes[0], 1);
    assert_eq!(pictures.train.bytes[30 * 3072], 2);
    assert_eq!(pictures.test.labels.len(), 10);
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let folder = Folder::new();
    let test = batch(2, 1);
    let told = |bytes: &[u8]| {
        folder.write("train.bin", bytes);
        folder.write("test.bin", &test);
        error(&folder, folder.path())
    };
    let whole = batch(1, 1);
    insta::assert_snapshot!(told(&whole[..whole.len() - 5]), @r"
    error: `train.bin` is cut off: 30725 bytes are no multiple of 3073, those of a picture and its label; 3068 are left after picture 9
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(&[&whole[..], &[7]].concat()), @r"
    error: `train.bin` is cut off: 30731 bytes are no multiple of 3073, those of a picture and its label; 1 are left after picture 10
    hint: download or copy it again
    ");
    let mut wrong = whole.clone();
    wrong[4 * RECORD] = 10;
    insta::assert_snapshot!(told(&wrong), @r"
    error: `train.bin`, picture 5: label 10 is not in 0 to 9
    hint: it is of another data set, or damaged: download or copy the right one again
    ");
    insta::assert_snapshot!(told(&[]), @"error: `train.bin` is empty");
    insta::assert_snapshot!(told(&whole[..9 * RECORD]), @r"
    error: `DIR` has no row of class `truck`
    hint: a class needs rows: take a larger file, or leave it out where it is declared
    ");
}

#[test]
fn says_what_is_wrong_with_an_archive() {
    let folder = Folder::new();
    let told = |bytes: &[u8]| error(&folder, &folder.write("cifar.tar.gz", bytes));
    let whole = archive();
    insta::assert_snapshot!(told(&whole[..whole.len() / 2]), @r"
    error: `cifar.tar.gz` is cut off: it ends amid packed data
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(&whole[..whole.len() - 4]), @r"
    error: `cifar.tar.gz` is cut off: it ends amid packed data
    hint: download or copy it again
    ");
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    insta::assert_snapshot!(told(&damaged), @r"
    error: cannot unpack `cifar.tar.gz`: corrupt gzip stream does not have a matching checksum
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(b"<html>not found</html>"), @r"
    error: cannot unpack `cifar.tar.gz`: invalid gzip header
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(b""), @"error: `cifar.tar.gz` is empty");
    insta::assert_snapshot!(told(&gz(b"no archive, but long enough to be the header of one".repeat(20).as_slice())), @r"
    error: cannot unpack `cifar.tar.gz`: numeric field was not a number: f oneno 
    hint: download or copy it again
    ");
    insta::assert_snapshot!(told(&gz(&tar(&[]))), @r"
    error: `cifar.tar.gz` has no `data_batch_1.bin`
    hint: copy the missing files there too, or unpack or download them again
    ");
    insta::assert_snapshot!(told(&gz(&tar(&published()[..3]))), @r"
    error: `cifar.tar.gz` has no `data_batch_4.bin`, only `data_batch_1.bin`, `data_batch_2.bin`, `data_batch_3.bin`
    hint: copy the missing files there too, or unpack or download them again
    ");
    insta::assert_snapshot!(told(&gz(&tar(&published()[..5]))), @r"
    error: `cifar.tar.gz` has no `test_batch.bin`, only `data_batch_1.bin`, `data_batch_2.bin`, `data_batch_3.bin`, `data_batch_4.bin`, `data_batch_5.bin`
    hint: copy the missing files there too, or unpack or download them again
    ");
    let python = [("cifar-10-batches-py/data_batch_1".to_owned(), vec![1, 2])];
    insta::assert_snapshot!(told(&gz(&tar(&python))), @r"
    error: `cifar.tar.gz` has no `data_batch_1.bin`, only `cifar-10-batches-bin/cifar-10-batches-py/data_batch_1`
    hint: it is the version for Python: take `cifar-10-binary.tar.gz`
    ");
    let mut wrong = published();
    wrong[2].1[RECORD] = 200;
    insta::assert_snapshot!(told(&gz(&tar(&wrong))), @r"
    error: `cifar.tar.gz/cifar-10-batches-bin/data_batch_3.bin`, picture 2: label 200 is not in 0 to 9
    hint: it is of another data set, or damaged: download or copy the right one again
    ");
    let plain = tar(&published());
    let path = folder.write("cut.tar", &plain[..512 + 4 * RECORD]);
    insta::assert_snapshot!(error(&folder, &path), @r"
    error: `cut.tar` is cut off: it ends amid packed data
    hint: download or copy it again
    ");
}

#[test]
fn says_which_file_is_missing_or_too_many() {
    let folder = Folder::new();
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has no batches of pictures (`data_batch_1.bin`), and no `cifar-10-binary.tar.gz`
    hint: copy the missing files there too, or unpack or download them again
    ");
    let train = folder.write("train_10k.bin", batch(1, 1));
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has no `test_batch.bin`, only `train_10k.bin`
    hint: copy the missing files there too, or unpack or download them again
    ");
    insta::assert_snapshot!(error(&folder, &train), @r"
    error: `train_10k.bin` is one file, dataset `cifar10` needs one to train on and one for the test, or the archive
    hint: give the folder that has them, `--data DIR`
    ");
    folder.write("test_2k.bin", batch(1, 1));
    folder.write("test_batch.bin", batch(1, 1));
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has files of two data sets, or too many for the test: `test_2k.bin`, `test_batch.bin`
    hint: keep those of one data set there, and move the others away
    ");
    write_all(&folder, "");
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has files of two data sets, or too many for training: `data_batch_1.bin`, `data_batch_2.bin`, `data_batch_3.bin`, `data_batch_4.bin`, `data_batch_5.bin`, `train_10k.bin`
    hint: keep those of one data set there, and move the others away
    ");
    let folder = Folder::new();
    write_all(&folder, "");
    std::fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has no `data_batch_4.bin`, only `data_batch_1.bin`, `data_batch_2.bin`, `data_batch_3.bin`, `data_batch_5.bin`, `test_batch.bin`
    hint: copy the missing files there too, or unpack or download them again
    ");
    let folder = Folder::new();
    folder.write("a.tar.gz", b"");
    folder.write("b.tar.gz", b"");
    insta::assert_snapshot!(error(&folder, folder.path()), @r"
    error: `DIR` has several data files: `a.tar.gz`, `b.tar.gz`
    hint: give one of them, `--data FILE`
    ");
    insta::assert_snapshot!(folder.message(&load(&request("cifar10")).unwrap_err()), @r"
    error: no file of dataset `cifar10` was given, and there is no data folder to look in
    hint: `firebrick data fetch cifar10` downloads it, `--data FILE` takes a file that you have
    ");
}

/// The first 10,000 pictures for training and the first 2,000 for the test.
#[test]
fn loads_the_real_pictures() {
    let Some(file) = test_data("cifar10/train_10k.bin") else {
        return;
    };
    let folder = file.parent().unwrap();
    let start = std::time::Instant::now();
    let dataset = load(&Request {
        splits: crate::Fractions::new(0.1, 0.2).unwrap(),
        ..at(folder)
    })
    .unwrap();
    eprintln!("12,000 real pictures in {:?}", start.elapsed());
    assert_eq!(
        (dataset.train.len(), dataset.validation.len()),
        (9000, 1000)
    );
    assert_eq!(dataset.test.len(), 2000);
    let Features::Pixels { normalize, .. } = &dataset.train.features else {
        panic!("pictures stay bytes");
    };
    // Known of all 50,000: means 0.4914, 0.4822, 0.4465, deviations 0.2470, 0.2435, 0.2616.
    for (found, known) in [
        (&normalize.mean, [0.4914, 0.4822, 0.4465]),
        (&normalize.std, [0.2470, 0.2435, 0.2616]),
    ] {
        for (found, known) in found.iter().zip(known) {
            assert!((found - known).abs() < 0.01, "{found} {known}");
        }
    }
    let by_name = load(&Request {
        splits: crate::Fractions::new(0.1, 0.2).unwrap(),
        data_dirs: vec![folder.parent().unwrap().to_owned()],
        ..request("cifar10")
    });
    assert_eq!(by_name.unwrap(), dataset);
}

/// As many pictures as are published, of noise.
#[test]
fn reads_a_whole_archive() {
    if std::env::var_os("FIREBRICK_SLOW_TESTS").is_none() {
        return;
    }
    let files: Vec<(String, Vec<u8>)> = published()
        .into_iter()
        .map(|(name, _)| {
            let mut bytes = vec![0; 10_000 * RECORD];
            let seed = u64::from(name.as_bytes()[11]);
            stream(seed, Purpose::Dataset, 0).fill_bytes(&mut bytes);
            for (picture, record) in bytes.chunks_exact_mut(RECORD).enumerate() {
                record[0] = (picture % 10) as u8;
            }
            (name, bytes)
        })
        .collect();
    let folder = Folder::new();
    let path = folder.write("cifar.tar.gz", gz(&tar(&files)));
    drop(files);
    let dataset = load(&Request {
        splits: crate::Fractions::new(0.1, 0.2).unwrap(),
        ..at(&path)
    })
    .unwrap();
    let splits = [&dataset.train, &dataset.validation, &dataset.test];
    assert_eq!(splits.map(|split| split.len()), [45_000, 5000, 10_000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..9000), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let folder = Folder::new();
        folder.write("train.bin", &bytes);
        folder.write("test.bin", &bytes);
        let _ = load(&at(folder.path()));
        let _ = load(&at(&folder.write("a.tar", &bytes)));
        let _ = load(&at(&folder.write("a.tar.gz", gz(&bytes))));
        let mut damaged = tar(&published()[..2]);
        for (place, byte) in flips {
            // Headers, mostly.
            let place = place.index(700);
            damaged[place] = byte;
        }
        let _ = load(&at(&folder.write("b.tar", damaged)));
    }
}
