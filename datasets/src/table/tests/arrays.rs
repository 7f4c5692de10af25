use std::path::Path;

use crate::jsc;
use crate::locate::Found;
use crate::own;
use crate::table::Table;
use crate::testing::{Folder, npy, npy_f32, npy_i64, npy_texts, npz};

fn read(path: &Path) -> Table {
    own::read_found(&Found::File(path.to_owned()), "mine", None).unwrap()
}

const X: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

#[test]
fn reads_an_archive_of_features_and_labels() {
    let folder = Folder::new();
    let path = folder.write(
        "f.npz",
        npz(&[
            ("X", npy_f32(&[3, 2], &X)),
            ("y", npy_i64(&[3], &[7, -1, 7])),
        ]),
    );
    let table = read(&path);
    assert_eq!(table.input_shape, [2]);
    assert_eq!(table.rows.features, X);
    assert_eq!(table.class_names, ["-1", "7"]);
    assert_eq!(table.rows.labels, [1, 0, 1]);
}

#[test]
fn tells_large_class_numbers_apart() {
    let folder = Folder::new();
    let read_labels = |labels: Vec<u8>| {
        let arrays = [("X", npy_f32(&[3, 2], &X)), ("y", labels)];
        own::read_found(
            &Found::File(folder.write("f.npz", npz(&arrays))),
            "mine",
            None,
        )
    };
    // As 32-bit floats, these two are one number.
    let table = read_labels(npy_i64(&[3], &[20_240_101, 20_240_100, 20_240_101])).unwrap();
    assert_eq!(table.class_names, ["20240100", "20240101"]);
    assert_eq!(table.rows.labels, [1, 0, 1]);
    let error = read_labels(npy_f32(&[3], &[1.0, 20_240_100.0, 0.0])).unwrap_err();
    assert_eq!(
        folder.message(&error),
        "error: `f.npz`, array `y`, row 1: expected one class, found `20240100`, a float that may \
         be rounded"
    );
}

#[test]
fn keeps_the_splits_of_an_archive() {
    let folder = Folder::new();
    let path = folder.write(
        "f.npz",
        npz(&[
            ("x_train", npy_f32(&[3, 1], &X[..3])),
            ("y_train", npy_texts(&["b", "a", "b"])),
            ("x_test", npy_f32(&[2, 1], &X[3..5])),
            ("y_test", npy_texts(&["a", "b"])),
            ("x_val", npy_f32(&[1, 1], &X[5..])),
            ("y_val", npy_texts(&["a"])),
            ("weights", npy_f32(&[3], &X[..3])),
        ]),
    );
    let table = read(&path);
    assert_eq!(table.rows.labels, [1, 0, 1]);
    let test = table.test.unwrap();
    assert_eq!((test.features, test.labels), (vec![4.0, 5.0], vec![0, 1]));
    let validation = table.validation.unwrap();
    assert_eq!(
        (validation.features, validation.labels),
        (vec![6.0], vec![0])
    );
}

#[test]
fn reads_labels_of_every_kind_alike() {
    let folder = Folder::new();
    let features = npy_f32(&[3, 2], &X);
    let names = npy_texts(&["no", "yes"]);
    let bytes: Vec<u8> = b"yes\0\0\0no\0\0\0\0yes\0\0\0".to_vec();
    let kinds = [
        npy_i64(&[3], &[1, 0, 1]),
        npy_i64(&[3, 1], &[1, 0, 1]),
        npy_f32(&[3], &[1.0, 0.0, 1.0]),
        npy("|u1", false, &[3], &[1, 0, 1]),
        npy("|b1", false, &[3], &[1, 0, 1]),
        npy(">i4", false, &[3], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        npy_f32(&[3, 2], &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]),
        npy("|b1", false, &[3, 2], &[0, 1, 1, 0, 0, 1]),
        // In Fortran order the first column is stored first.
        npy("|u1", true, &[3, 2], &[0, 1, 0, 1, 0, 1]),
        npy_texts(&["yes", "no", "yes"]),
        npy("|S6", false, &[3], &bytes),
    ];
    for labels in kinds {
        let shown = String::from_utf8_lossy(&labels[10..70]).into_owned();
        let arrays = [
            ("X", features.clone()),
            ("y", labels),
            ("class_names", names.clone()),
        ];
        let table = read(&folder.write("f.npz", npz(&arrays)));
        assert_eq!(table.class_names, ["no", "yes"], "{shown}");
        assert_eq!(table.rows.labels, [1, 0, 1], "{shown}");
    }
}

#[test]
fn reads_features_of_every_type_and_order_alike() {
    let folder = Folder::new();
    let f64s: Vec<u8> = X.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect();
    let big: Vec<u8> = X.iter().flat_map(|x| x.to_be_bytes()).collect();
    let kinds = [
        npy_f32(&[3, 2], &X),
        npy("<f8", false, &[3, 2], &f64s),
        npy(">f4", false, &[3, 2], &big),
        npy_i64(&[3, 2], &[1, 2, 3, 4, 5, 6]),
        npy("|i1", false, &[3, 2], &[1, 2, 3, 4, 5, 6]),
        npy("|u1", true, &[3, 2], &[1, 3, 5, 2, 4, 6]),
    ];
    for features in kinds {
        let labels = npy_i64(&[3], &[0, 1, 0]);
        let table = read(&folder.write("f.npz", npz(&[("X", features), ("y", labels)])));
        assert_eq!(table.rows.features, X);
    }
}

#[test]
fn keeps_the_shape_of_images() {
    let folder = Folder::new();
    // Value at [row, channel, height, width], stored with the row running fastest.
    let (n, c, h, w) = (2, 3, 2, 2);
    let mut fortran = Vec::new();
    for index in 0..n * c * h * w {
        let (row, channel) = (index % n, index / n % c);
        let (height, width) = (index / (n * c) % h, index / (n * c * h));
        fortran.push((((row * c + channel) * h + height) * w + width) as u8);
    }
    let images = npy("|u1", true, &[n, c, h, w], &fortran);
    let path = folder.write(
        "f.npz",
        npz(&[("X", images), ("y", npy_i64(&[2], &[0, 1]))]),
    );
    let table = read(&path);
    assert_eq!(table.input_shape, [3, 2, 2]);
    let expected: Vec<f32> = (0..24_u8).map(f32::from).collect();
    assert_eq!(table.rows.features, expected);
}

#[test]
fn finds_the_arrays_that_belong_together() {
    let features = npy_f32(&[3, 2], &X);
    let labels = npy_i64(&[3], &[0, 1, 0]);
    for (x, y, given) in [
        ("X.npy", "y.npy", "X.npy"),
        ("mine_X.npy", "mine_y.npy", "mine_X.npy"),
        ("my_jets_x.npy", "my_jets_y.npy", "my_jets_y.npy"),
        ("X_train_val.npy", "y_train_val.npy", "X_train_val.npy"),
    ] {
        let folder = Folder::new();
        folder.write(x, &features);
        folder.write(y, &labels);
        assert_eq!(
            read(&folder.path().join(given)).rows.labels,
            [0, 1, 0],
            "{x}"
        );
    }
}

#[test]
fn prefers_the_arrays_with_the_prefix_of_the_file_that_was_given() {
    let folder = Folder::new();
    folder.write("a_X.npy", npy_f32(&[2, 1], &X[..2]));
    folder.write("a_y.npy", npy_i64(&[2], &[0, 1]));
    folder.write("X.npy", npy_f32(&[3, 1], &X[..3]));
    folder.write("y.npy", npy_i64(&[3], &[0, 1, 1]));
    assert_eq!(read(&folder.path().join("a_X.npy")).rows.labels.len(), 2);
    assert_eq!(read(&folder.path().join("X.npy")).rows.labels.len(), 3);
}

#[test]
fn takes_the_last_column_of_a_lone_array_as_class() {
    let folder = Folder::new();
    let path = folder.write(
        "data.npy",
        npy_f32(&[2, 3], &[1.5, 2.5, 1.0, 3.5, 4.5, 0.0]),
    );
    let table = read(&path);
    assert_eq!(table.rows.features, [1.5, 2.5, 3.5, 4.5]);
    assert_eq!(table.rows.labels, [1, 0]);

    let path = folder.write(
        "data.npy",
        npy_f32(&[2, 3], &[1.0, 2.5, 1.5, 0.0, 4.5, 3.5]),
    );
    let table = own::read_found(&Found::File(path), "mine", Some("0")).unwrap();
    assert_eq!(table.rows.features, [2.5, 1.5, 4.5, 3.5]);
    assert_eq!(table.rows.labels, [1, 0]);
}

#[test]
fn reads_jets_from_arrays() {
    let folder = Folder::new();
    let features: Vec<f32> = (0..5 * 16).map(|value| value as f32).collect();
    let one_hot: Vec<f32> = (0..25)
        .map(|index| f32::from(u8::from(index % 6 == 0)))
        .collect();
    folder.write("jsc_X.npy", npy_f32(&[5, 16], &features));
    folder.write("jsc_y.npy", npy_f32(&[5, 5], &one_hot));
    let table = jsc::read_found(&Found::Arrays(folder.path().to_owned())).unwrap();
    assert_eq!(table.rows.features, features);
    assert_eq!(table.rows.labels, [0, 1, 2, 3, 4]);
    assert_eq!(table.class_names, ["g", "q", "t", "w", "z"]);
}

#[test]
fn maps_named_arrays_of_jets_by_name() {
    let folder = Folder::new();
    let mut names = crate::jets_sim::FEATURES;
    names.reverse();
    let mut text = Vec::new();
    for name in names {
        let mut chars: Vec<u32> = name.chars().map(u32::from).collect();
        chars.resize(16, 0);
        text.extend(chars.iter().flat_map(|c| c.to_le_bytes()));
    }
    let row: Vec<f32> = (0..16_u8).rev().map(f32::from).collect();
    let path = folder.write(
        "jets.npz",
        npz(&[
            ("X", npy_f32(&[5, 16], &row.repeat(5))),
            ("y", npy_i64(&[5], &[0, 1, 2, 3, 4])),
            ("feature_names", npy("<U16", false, &[16], &text)),
            ("class_names", npy_texts(&["t", "z", "w", "q", "g"])),
        ]),
    );
    let table = jsc::read(&path).unwrap();
    let expected: Vec<f32> = (0..16_u8).map(f32::from).collect();
    assert_eq!(table.rows.features, expected.repeat(5));
    assert_eq!(table.rows.labels, [2, 4, 3, 1, 0]);
    assert_eq!(table.feature_names, crate::jets_sim::FEATURES);
}

#[test]
fn reads_a_folder_of_arrays() {
    let folder = Folder::new();
    folder.write("mine_X.npy", npy_f32(&[3, 2], &X));
    folder.write("mine_y.npy", npy_i64(&[3], &[0, 1, 0]));
    folder.write("other.npy", npy_i64(&[1], &[0]));
    let found = Found::Arrays(folder.path().to_owned());
    let table = own::read_found(&found, "mine", None).unwrap();
    assert_eq!(table.rows.labels, [0, 1, 0]);
}
