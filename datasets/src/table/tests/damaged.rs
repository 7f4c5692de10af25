//! Files with random damage: an error or a table, never a panic.

use proptest::prelude::*;

use crate::locate::Found;
use crate::own;
use crate::testing::{Folder, npy_f32, npy_i64, npy_texts, npz};

fn whole_files() -> Vec<(&'static str, Vec<u8>)> {
    let features = npy_f32(&[4, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let archive = npz(&[
        ("X", features.clone()),
        ("y", npy_i64(&[4], &[0, 1, 0, 1])),
        ("class_names", npy_texts(&["a", "b"])),
    ]);
    let arff = "@relation 'r'\n@attribute 'a \\' b' real\n@attribute class {'x y',z}\n@data\n\
                1,'x y'\n2,z\n% c\n3,z\n";
    vec![
        (
            "f.csv",
            b"a,\"b\",class\n1,2,x\n3,4,\"y\"\n5,6,x\n".to_vec(),
        ),
        ("f.arff", arff.as_bytes().to_vec()),
        ("f.npy", features),
        ("f.npz", archive),
    ]
}

#[test]
fn lengths_beside_an_empty_axis_do_no_harm() {
    let folder = Folder::new();
    let arrays = [
        ("X", npy_f32(&[0, 1 << 40, 1 << 40], &[])),
        ("y", npy_i64(&[0], &[])),
    ];
    let path = folder.write("f.npz", npz(&arrays));
    let error = own::read_found(&Found::File(path), "mine", None).unwrap_err();
    assert_eq!(folder.message(&error), "error: `f.npz` has no rows");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_is_an_error_or_a_table(
        file in 0_usize..4,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, mut bytes) = whole_files().swap_remove(file);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = Folder::new();
        let found = Found::File(folder.write(name, &bytes));
        match own::read_found(&found, "mine", None) {
            Err(error) => prop_assert!(!folder.message(&error).is_empty()),
            Ok(table) => {
                let row_len: usize = table.input_shape.iter().product();
                prop_assert_eq!(table.rows.features.len(), table.rows.len() * row_len);
                let n_classes = table.class_names.len();
                prop_assert!(table.rows.labels.iter().all(|label| (*label as usize) < n_classes));
            }
        }
    }
}
