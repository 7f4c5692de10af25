use crate::jsc;
use crate::locate::Found;
use crate::own;
use crate::testing::{Folder, npy, npy_f32, npy_i64, npy_texts, npz};

const X: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

fn x() -> Vec<u8> {
    npy_f32(&[3, 2], &X)
}

fn y() -> Vec<u8> {
    npy_i64(&[3], &[0, 1, 0])
}

/// What is wrong, and the arrays with it.
type Case<'a> = (&'a str, &'a [(&'a str, Vec<u8>)]);

/// Returns what a user reads about each of these archives.
fn messages(cases: &[Case<'_>]) -> String {
    let folder = Folder::new();
    let show = |(what, arrays): &Case<'_>| {
        let path = folder.write("f.npz", npz(arrays));
        let error = own::read_found(&Found::File(path), "mine", None).unwrap_err();
        format!("# {what}\n{}", folder.message(&error))
    };
    cases.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn says_which_array_is_missing_or_misshapen() {
    let cases: [Case<'_>; 11] = [
        ("no arrays", &[]),
        ("no labels", &[("X", x()), ("other", y())]),
        ("no features", &[("y", y()), ("other", y())]),
        ("no test labels", &[("X", x()), ("y", y()), ("x_test", x())]),
        ("two features", &[("X", x()), ("data", x()), ("y", y())]),
        (
            "too few labels",
            &[("X", x()), ("y", npy_i64(&[2], &[0, 1]))],
        ),
        ("flat features", &[("X", npy_f32(&[6], &X)), ("y", y())]),
        (
            "labels of three axes",
            &[("X", x()), ("y", npy_i64(&[3, 1, 1], &[0, 1, 0]))],
        ),
        (
            "another width in the test",
            &[
                ("x_train", x()),
                ("y_train", y()),
                ("x_test", npy_f32(&[2, 3], &X)),
                ("y_test", npy_i64(&[2], &[0, 1])),
            ],
        ),
        (
            "too few feature names",
            &[("X", x()), ("y", y()), ("feature_names", npy_texts(&["a"]))],
        ),
        (
            "too few class names",
            &[
                ("X", x()),
                ("y", npy_f32(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0])),
                ("classes", npy_texts(&["a"])),
            ],
        ),
    ];
    insta::assert_snapshot!(messages(&cases), @r"
    # no arrays
    error: cannot read `f.npz` as a NumPy file: it has no arrays
    hint: if `numpy.load` cannot read it either, download or copy it again
    # no labels
    error: `f.npz` has no array of labels (`y` or `y_train`), only `X`, `other`
    hint: name them `X` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`
    # no features
    error: `f.npz` has no array of features (`X` or `x_train`), only `other`, `y`
    hint: name them `X` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`
    # no test labels
    error: `f.npz` has no array of test labels (`y_test`), only `X`, `x_test`, `y`
    hint: name them `X` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`
    # two features
    error: `f.npz`: arrays `X` and `data` could both be features (`X` or `x_train`)
    # too few labels
    error: `f.npz`, array `y`: expected 3 rows as in `X`, found shape [2]
    # flat features
    error: `f.npz`, array `X`: expected [rows, features] or [rows, channels, height, width], found shape [6]
    # labels of three axes
    error: `f.npz`, array `y`: expected [rows] or [rows, classes], found shape [3, 1, 1]
    # another width in the test
    error: `f.npz`, array `x_test`: expected rows of shape [2], found shape [2, 3]
    # too few feature names
    error: `f.npz`, array `feature_names`: expected [2], found shape [1]
    # too few class names
    error: `f.npz`, array `y`: expected [rows, 1], one column a class, found shape [3, 2]
    ");
}

#[test]
fn says_which_value_of_an_array_is_wrong() {
    let half = [1.0, 0.0, 0.5, 0.5, 1.0, 0.0];
    let cases: [Case<'_>; 10] = [
        (
            "NaN",
            &[
                ("X", npy_f32(&[3, 2], &[1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0])),
                ("y", y()),
            ],
        ),
        (
            "too large",
            &[
                ("X", npy("<f8", false, &[1, 1], &1e300_f64.to_le_bytes())),
                ("y", y()),
            ],
        ),
        (
            "complex",
            &[("X", npy("<c8", false, &[3, 1], &[0; 24])), ("y", y())],
        ),
        (
            "half precision",
            &[("X", npy("<f2", false, &[3, 1], &[0; 6])), ("y", y())],
        ),
        (
            "pickled labels",
            &[("X", x()), ("y", npy("|O", false, &[3], &[0; 24]))],
        ),
        (
            "fractional label",
            &[("X", x()), ("y", npy_f32(&[3], &[0.0, 1.0, 1.5]))],
        ),
        (
            "half a class",
            &[("X", x()), ("y", npy_f32(&[3, 2], &half))],
        ),
        (
            "two classes",
            &[("X", x()), ("y", npy_i64(&[3, 2], &[1, 0, 1, 1, 0, 1]))],
        ),
        (
            "class out of range",
            &[
                ("X", x()),
                ("y", npy_i64(&[3], &[0, 1, 2])),
                ("classes", npy_texts(&["a", "b"])),
            ],
        ),
        (
            "class without rows",
            &[
                ("X", x()),
                ("y", npy_i64(&[3], &[0, 0, 0])),
                ("classes", npy_texts(&["a", "b"])),
            ],
        ),
    ];
    insta::assert_snapshot!(messages(&cases), @r"
    # NaN
    error: `f.npz`, array `X`, row 1: `NaN` is not a finite 32-bit number
    # too large
    error: `f.npz`, array `X`, row 0: `inf` is not a finite 32-bit number
    # complex
    error: `f.npz`, array `X`: cannot read elements of type `<c8`, expected integers, or floats of 32 or 64 bits
    # half precision
    error: `f.npz`, array `X`: cannot read elements of type `<f2`, expected integers, or floats of 32 or 64 bits
    # pickled labels
    error: `f.npz`, array `y`: cannot read elements of type `|O`, expected integers, texts or one-hot columns
    hint: it is a pickled object array; save it with a plain type, as in `a.astype(str)`
    # fractional label
    error: `f.npz`, array `y`, row 2: expected one class, found `1.5`
    # half a class
    error: `f.npz`, array `y`, row 1: expected one class, found `0.5` where 0 or 1 should be
    # two classes
    error: `f.npz`, array `y`, row 1: expected one class, found 2
    # class out of range
    error: `f.npz`, array `y`, row 2: unknown class `2`
    hint: the classes are `a`, `b`
    # class without rows
    error: `f.npz` has no row of class `b`
    hint: a class needs rows: take a larger file, or leave it out where it is declared
    ");
}

#[test]
fn says_how_a_file_of_arrays_is_damaged() {
    let folder = Folder::new();
    let cut = |bytes: Vec<u8>, length: usize| bytes[..length].to_vec();
    let archive = npz(&[("X", x()), ("y", y())]);
    let cases = [
        ("f.npy", "empty", Vec::new()),
        ("f.npy", "no NumPy file", b"a,class\n1,x\n".to_vec()),
        ("f.npy", "cut off in the header", cut(x(), 50)),
        ("f.npy", "cut off in the data", cut(x(), 140)),
        (
            "f.npy",
            "a shape larger than memory",
            npy("<f4", false, &[usize::MAX, 16], &[]),
        ),
        (
            "f.npy",
            "texts of no length",
            npy("<U0", false, &[usize::MAX, 1], &[]),
        ),
        ("f.npz", "no archive", b"a,class\n1,x\n".to_vec()),
        (
            "f.npz",
            "cut off archive",
            cut(archive.clone(), archive.len() - 30),
        ),
        (
            "f.npz",
            "an array that is none",
            npz(&[("X", b"text".to_vec()), ("y", y())]),
        ),
    ];
    let show = |(name, what, bytes): (&str, &str, Vec<u8>)| {
        let path = folder.write(name, bytes);
        let error = own::read_found(&Found::File(path), "mine", None).unwrap_err();
        format!("# {what}\n{}", folder.message(&error))
    };
    let text: Vec<String> = cases.into_iter().map(show).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    # empty
    error: `f.npy` is empty
    # no NumPy file
    error: cannot read `f.npy` as a NumPy file: array `f`: magic not found for NPY file
    hint: if `numpy.load` cannot read it either, download or copy it again
    # cut off in the header
    error: `f.npy` is cut off: array `f`: its header is not complete
    hint: download or copy it again
    # cut off in the data
    error: `f.npy` is cut off: array `f`: 12 bytes where 24 should be
    hint: download or copy it again
    # a shape larger than memory
    error: `f.npy` is cut off: array `f`: its shape needs more bytes than memory has
    hint: download or copy it again
    # texts of no length
    error: `f.npy`, array `f`: cannot read elements of type `<U0`, expected integers, or floats of 32 or 64 bits
    # no archive
    error: cannot read `f.npz` as a NumPy file: invalid Zip archive: Could not find EOCD
    hint: if `numpy.load` cannot read it either, download or copy it again
    # cut off archive
    error: cannot read `f.npz` as a NumPy file: invalid Zip archive: Could not find EOCD
    hint: if `numpy.load` cannot read it either, download or copy it again
    # an array that is none
    error: cannot read `f.npz` as a NumPy file: array `X`: magic not found for NPY file
    hint: if `numpy.load` cannot read it either, download or copy it again
    ");
}

#[test]
fn says_what_arrays_of_jets_must_be() {
    let folder = Folder::new();
    let jets = npy_f32(&[5, 16], &[0.5; 80]);
    let cases: [Case<'_>; 4] = [
        (
            "too few features",
            &[
                ("X", npy_f32(&[5, 1], &[0.5; 5])),
                ("y", npy_i64(&[5], &[0, 1, 2, 3, 4])),
            ],
        ),
        (
            "six classes",
            &[("X", jets.clone()), ("y", npy_i64(&[5], &[0, 1, 2, 3, 5]))],
        ),
        (
            "unknown class",
            &[
                ("X", jets.clone()),
                ("y", npy_texts(&["g", "q", "t", "w", "h"])),
            ],
        ),
        (
            "one-hot of four",
            &[
                ("X", jets),
                ("y", npy_i64(&[5, 4], &[1, 0, 0, 0].repeat(5))),
            ],
        ),
    ];
    let show = |(what, arrays): &Case<'_>| {
        let path = folder.write("jets.npz", npz(arrays));
        format!(
            "# {what}\n{}",
            folder.message(&jsc::read(&path).unwrap_err())
        )
    };
    let text: Vec<String> = cases.iter().map(show).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    # too few features
    error: `jets.npz`, array `X`: expected rows of 16 features, found shape [5, 1]
    # six classes
    error: `jets.npz`, array `y`, row 4: unknown class `5`
    hint: the classes are `g`, `q`, `t`, `w`, `z`
    # unknown class
    error: `jets.npz`, array `y`, row 4: unknown class `h`
    hint: the classes are `g`, `q`, `t`, `w`, `z`
    # one-hot of four
    error: `jets.npz`, array `y`: expected [rows, 5], one column a class, found shape [5, 4]
    ");
}
