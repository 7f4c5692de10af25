//! Whole requests.

use std::collections::HashSet;
use std::path::Path;

use firebrick_core::dataset::{Dataset, Split};
use proptest::prelude::*;

use super::*;
use crate::testing::{Folder, npy_f32, npy_i64, npz, own, request, test_data};

/// 40 rows of four features, in 20 different values of `a`, and two classes.
fn csv() -> String {
    let mut text = "a,b,c,d,class\n".to_owned();
    for row in 0..40 {
        let class = if row % 4 == 0 { "rare" } else { "often" };
        text += &format!("{},{},{},5,{class}\n", row / 2, row, (row * 7) % 11);
    }
    text
}

fn splits(dataset: &Dataset) -> [&Split; 3] {
    [&dataset.train, &dataset.validation, &dataset.test]
}

#[test]
fn loads_a_users_own_table() {
    let folder = Folder::new();
    let dataset = load(&own(&folder.write("f.csv", csv()))).unwrap();
    assert_eq!(dataset.name, "mine");
    assert!(!dataset.simulated);
    assert_eq!(dataset.input_shape, [4]);
    assert_eq!(dataset.feature_names, ["a", "b", "c", "d"]);
    assert_eq!(dataset.class_names, ["often", "rare"]);
    assert_eq!(splits(&dataset).map(Split::len), [24, 8, 8]);
    for split in splits(&dataset) {
        let n_rare = split.labels.iter().filter(|label| **label == 1).count();
        assert_eq!(n_rare * 4, split.len());
    }
}

#[test]
fn standardises_by_the_training_split_only() {
    let folder = Folder::new();
    let path = folder.write("f.csv", csv());
    let scaled = load(&own(&path)).unwrap();
    let raw = load(&Request {
        standardize: false,
        ..own(&path)
    })
    .unwrap();
    for feature in 0..3 {
        let column = |split: &Split| -> Vec<f64> {
            let values = split.features.numbers().iter().skip(feature).step_by(4);
            values.map(|value| f64::from(*value)).collect()
        };
        let train = column(&raw.train);
        let mean = train.iter().sum::<f64>() / train.len() as f64;
        let variance = train.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / train.len() as f64;
        for (raw, scaled) in splits(&raw).into_iter().zip(splits(&scaled)) {
            for (raw, scaled) in column(raw).into_iter().zip(column(scaled)) {
                assert!((scaled - (raw - mean) / variance.sqrt()).abs() < 1e-6);
            }
        }
    }
    let constant = scaled.test.features.numbers().iter().skip(3).step_by(4);
    assert!(constant.into_iter().all(|value| *value == 0.0));
}

#[test]
fn scaling_undone_gives_the_numbers_of_the_source() {
    let folder = Folder::new();
    let cache_dir = Some(folder.path().join("cache"));
    let jets = |cache_dir| Request {
        n_rows: Some(60),
        cache_dir,
        ..request("jets-sim")
    };
    let table = own(&folder.write("f.csv", csv()));
    // The second of the cached jets are read, not simulated.
    for scaled in [table, jets(None), jets(cache_dir.clone()), jets(cache_dir)] {
        let raw = load(&Request {
            standardize: false,
            ..scaled.clone()
        });
        let (raw, scaled) = (raw.unwrap(), load(&scaled).unwrap());
        assert_eq!(raw.scaling, None);
        let scaling = scaled.scaling.as_ref().unwrap();
        let n_features = scaled.input_shape[0];
        assert_eq!(
            [scaling.mean.len(), scaling.std.len()],
            [n_features, n_features]
        );
        for (raw, scaled) in splits(&raw).into_iter().zip(splits(&scaled)) {
            let raw = raw.features.numbers().iter();
            for (at, (raw, scaled)) in raw.zip(scaled.features.numbers()).enumerate() {
                let (mean, std) = (scaling.mean[at % n_features], scaling.std[at % n_features]);
                let raw = f64::from(*raw);
                assert_eq!(((raw - mean) / std) as f32, *scaled);
                let undone = f64::from(*scaled) * std + mean;
                assert!((undone - raw).abs() <= 1e-6 * (raw.abs() + mean.abs() + std));
            }
        }
    }
}

#[test]
fn drops_rows_that_are_there_twice() {
    let folder = Folder::new();
    let rows = "1,2,x\n1,2,y\n1,2,x\n3,4,x\n-0,5,y\n0,5,y\n6,7,x\n8,9,y\n1,2,x\n";
    let dataset = load(&own(&folder.write("f.csv", format!("a,b,class\n{rows}")))).unwrap();
    assert_eq!(splits(&dataset).map(Split::len).iter().sum::<usize>(), 6);
}

#[test]
fn trains_on_no_row_that_the_file_keeps_for_the_test() {
    let folder = Folder::new();
    let train: Vec<f32> = (0..20_u8).map(f32::from).collect();
    let labels: Vec<i64> = (0..20).map(|row| row % 2).collect();
    let arrays = [
        ("x_train", npy_f32(&[20, 1], &train)),
        ("y_train", npy_i64(&[20], &labels)),
        ("x_test", npy_f32(&[3, 1], &[4.0, 5.0, 99.0])),
        ("y_test", npy_i64(&[3], &[0, 1, 1])),
    ];
    let dataset = load(&Request {
        standardize: false,
        ..own(&folder.write("f.npz", npz(&arrays)))
    })
    .unwrap();
    assert_eq!(dataset.test.features.numbers(), [4.0, 5.0, 99.0]);
    // 18 rows are left, of which a fifth is kept for validation.
    assert_eq!((dataset.train.len(), dataset.validation.len()), (14, 4));
    let kept = [
        dataset.train.features.numbers(),
        dataset.validation.features.numbers(),
    ]
    .concat();
    assert!(!kept.contains(&4.0) && !kept.contains(&5.0));
}

#[test]
fn takes_so_many_rows_of_each_class_as_its_share() {
    let folder = Folder::new();
    let path = folder.write("f.csv", csv());
    let some = |n_rows| {
        load(&Request {
            n_rows: Some(n_rows),
            ..own(&path)
        })
    };
    let dataset = some(20).unwrap();
    let labels: Vec<u32> = splits(&dataset)
        .iter()
        .flat_map(|split| split.labels.clone())
        .collect();
    assert_eq!(labels.len(), 20);
    assert_eq!(labels.iter().filter(|label| **label == 1).count(), 5);
    insta::assert_snapshot!(some(41).unwrap_err(), @"cannot take 41 rows of dataset `mine`, only 1 to 40");
    insta::assert_snapshot!(some(0).unwrap_err(), @"cannot take 0 rows of dataset `mine`, only 1 to 40");
    insta::assert_snapshot!(some(1).unwrap_err(), @"dataset `mine` has too few rows for a validation split: 1");
}

#[test]
fn loads_the_real_jets() {
    let Some(path) = test_data("jsc/jsc_openml_600.csv") else {
        return;
    };
    let table = jsc::read(&path).unwrap();
    assert_eq!(table.rows.len(), 600);
    assert_eq!(table.class_names, ["g", "q", "t", "w", "z"]);
    assert_eq!(table.class_counts(), [134, 134, 117, 100, 115]);
    assert_eq!(table.feature_names, jets_sim::FEATURES);
    // The first line of the file: zlogz, mass and multiplicity of a Z.
    assert_eq!(table.rows.features[0], -2.710_384_6);
    assert_eq!(table.rows.features[14..16], [90.817_89, 39.0]);
    assert_eq!(table.rows.labels[0], 4);

    let data_dir = path.parent().unwrap().parent().unwrap();
    let by_name = load(&Request {
        data_dirs: vec![data_dir.to_owned()],
        ..request("jsc")
    })
    .unwrap();
    let by_path = load(&Request {
        path: Some(path),
        ..request("jsc")
    })
    .unwrap();
    assert_eq!(by_name, by_path);
    assert!(!by_name.simulated);
    assert_eq!(splits(&by_name).map(Split::len).iter().sum::<usize>(), 600);
}

/// As many jets as OpenML has.
#[test]
fn reads_a_file_of_830_000_jets() {
    if std::env::var_os("FIREBRICK_SLOW_TESTS").is_none() {
        return;
    }
    let folder = Folder::new();
    let mut text = "@relation jets\n".to_owned();
    for name in jets_sim::FEATURES {
        text += &format!("@attribute {name} real\n");
    }
    text += "@attribute class {g,q,w,z,t}\n@data\n";
    for row in 0..830_000_u32 {
        for feature in 0..16 {
            text += &format!("{},", f64::from(row) * 0.001_234_567 + f64::from(feature));
        }
        text += ["g\n", "q\n", "w\n", "z\n", "t\n"][row as usize % 5];
    }
    let path = folder.write("jets.arff", text);
    let start = std::time::Instant::now();
    let dataset = load(&Request {
        path: Some(path),
        ..request("jsc")
    })
    .unwrap();
    let elapsed = start.elapsed();
    eprintln!("830,000 jets in {elapsed:?}");
    assert_eq!(dataset.train.len(), 498_000);
}

fn sim(n_rows: usize, cache_dir: Option<&Path>) -> Dataset {
    load(&Request {
        n_rows: Some(n_rows),
        cache_dir: cache_dir.map(Path::to_owned),
        ..request("jets-sim")
    })
    .unwrap()
}

#[test]
fn simulates_jets_and_says_so() {
    let dataset = sim(200, None);
    assert!(dataset.simulated);
    assert_eq!(dataset.input_shape, [16]);
    assert_eq!(dataset.class_names, ["g", "q", "t", "w", "z"]);
    assert_eq!(splits(&dataset).map(Split::len), [120, 40, 40]);
}

#[test]
fn the_seed_of_a_study_moves_jets_between_splits_but_makes_no_others() {
    let jets = |seed| {
        let dataset = load(&Request {
            seed,
            n_rows: Some(60),
            standardize: false,
            ..request("jets-sim")
        })
        .unwrap();
        let all = splits(&dataset)
            .map(|split| split.features.numbers())
            .concat();
        let mut rows: Vec<Vec<u32>> = all
            .chunks(16)
            .map(|row| row.iter().map(|x| x.to_bits()).collect())
            .collect();
        rows.sort_unstable();
        (dataset, rows)
    };
    let (a, a_rows) = jets(1);
    let (b, b_rows) = jets(2);
    assert_ne!(a.train, b.train);
    assert_eq!(a_rows, b_rows);
}

#[test]
fn keeps_simulated_jets_and_takes_them_from_there() {
    let folder = Folder::new();
    let cache_dir = folder.path().join("cache");
    let fresh = sim(60, Some(&cache_dir));
    let files: Vec<_> = std::fs::read_dir(&cache_dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let modified = || std::fs::metadata(&files[0]).unwrap().modified().unwrap();
    let before = modified();
    assert_eq!(sim(60, Some(&cache_dir)), fresh);
    assert_eq!(modified(), before);
    sim(70, Some(&cache_dir));
    assert_eq!(std::fs::read_dir(&cache_dir).unwrap().count(), 2);
}

#[test]
fn generates_again_what_is_damaged() {
    let folder = Folder::new();
    let fresh = sim(60, Some(folder.path()));
    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    for damaged in [
        flipped,
        whole[..500].to_vec(),
        Vec::new(),
        [&whole[..], b"more"].concat(),
    ] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(sim(60, Some(folder.path())), fresh);
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_cache() {
    let folder = Folder::new();
    let file = folder.write("file", "not a folder");
    assert_eq!(sim(60, Some(&file)), sim(60, None));
    assert_eq!(std::fs::read(&file).unwrap(), b"not a folder");
}

#[test]
fn finds_a_table_in_the_first_data_folder_that_has_it() {
    let folder = Folder::new();
    folder.write("one/other.csv", csv());
    folder.write("two/wine.csv", csv());
    folder.write("three/wine/any name.arff", "not read");
    let data_dirs = ["one", "two", "three"]
        .map(|name| folder.path().join(name))
        .to_vec();
    let dataset = load(&Request {
        data_dirs,
        ..request("wine")
    })
    .unwrap();
    assert_eq!(dataset.name, "wine");
}

#[test]
fn takes_a_folder_for_the_table_in_it() {
    let folder = Folder::new();
    folder.write("mine/a.csv", csv());
    let parent = load(&own(folder.path())).unwrap();
    assert_eq!(load(&own(&folder.path().join("mine"))).unwrap(), parent);
    folder.write("mine/b.csv", "not read");
    let error = load(&own(&folder.path().join("mine"))).unwrap_err();
    insta::assert_snapshot!(folder.message(&error), @r"
    error: `mine` has several data files: `a.csv`, `b.csv`
    hint: give one of them, `--data FILE`
    ");
    folder.write("mine/mine.csv", csv());
    assert_eq!(load(&own(&folder.path().join("mine"))).unwrap(), parent);
}

#[test]
fn says_how_to_get_what_is_not_there() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("jsc")).unwrap();
    let data_dirs = vec![folder.path().to_owned()];
    let requests = [
        request("jsc"),
        Request {
            data_dirs: data_dirs.clone(),
            ..request("jsc")
        },
        Request {
            data_dirs,
            ..request("jets_sim")
        },
        request("imagenet"),
        request("../etc"),
        Request {
            path: Some(folder.path().join("missing.csv")),
            ..request("jsc")
        },
        Request {
            path: Some(folder.path().join("jsc")),
            ..request("jsc")
        },
        Request {
            path: Some(folder.write("jets.h5", "")),
            ..request("jsc")
        },
        Request {
            path: Some(folder.path().to_owned()),
            ..request("jets-sim")
        },
        Request {
            label: Some("class".to_owned()),
            ..request("jsc")
        },
        Request {
            n_rows: Some(0),
            ..request("jets-sim")
        },
        Request {
            n_rows: Some(4),
            ..request("jets-sim")
        },
        Request {
            n_rows: Some(usize::MAX),
            ..request("jets-sim")
        },
        Request {
            n_rows: Some(5),
            ..request("jets-sim")
        },
    ];
    let show = |request: &Request| folder.message(&load(request).unwrap_err());
    let text: Vec<String> = requests.iter().map(show).collect();
    insta::assert_snapshot!(text.join("\n\n"), @r"
    error: no file of dataset `jsc` was given, and there is no data folder to look in
    hint: `firebrick data fetch jsc` downloads it, `--data FILE` takes a file that you have

    error: no file of dataset `jsc` in `jsc`
    hint: `firebrick data fetch jsc` downloads it, `--data FILE` takes a file that you have

    error: unknown dataset `jets_sim`
    hint: did you mean `jets-sim`? `firebrick data list` shows the known ones, `--data FILE` takes a file of your own

    error: unknown dataset `imagenet`
    hint: `firebrick data list` shows the known ones, `--data FILE` takes a file of your own

    error: unknown dataset `../etc`
    hint: `firebrick data list` shows the known ones, `--data FILE` takes a file of your own

    error: cannot read `missing.csv`: No such file or directory (os error 2)

    error: no data file in `jsc`
    hint: it needs one `.csv`, `.arff` or `.npz` file, or `X.npy` and `y.npy`

    error: cannot tell the format of `jets.h5`
    hint: the name must end in `.csv`, `.tsv`, `.arff`, `.npz`, `.npy`

    error: `path` has no effect on dataset `jets-sim`: it is generated
    hint: leave `path` out

    error: `label` has no effect on dataset `jsc`: its classes are known
    hint: leave `label` out

    error: cannot take 0 rows of dataset `jets-sim`, only 15 to 10000000

    error: cannot take 4 rows of dataset `jets-sim`, only 15 to 10000000

    error: cannot take 18446744073709551615 rows of dataset `jets-sim`, only 15 to 10000000

    error: cannot take 5 rows of dataset `jets-sim`, only 15 to 10000000
    ");
}

#[test]
fn describes_what_it_loads() {
    let known = known();
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    assert_eq!(
        names,
        [
            "jets-sim",
            "jsc",
            "cifar10",
            "mnist",
            "fashion-mnist",
            "shapes10"
        ]
    );
    let dataset = sim(60, None);
    assert_eq!(known[0].simulated, dataset.simulated);
    assert_eq!(known[0].input_shape, dataset.input_shape);
    assert_eq!(known[0].features, dataset.feature_names);
    assert_eq!(known[0].classes, dataset.class_names);
    assert!(known.iter().all(|known| known.simulated != known.fetchable));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Each row of a table is known by its first feature.
    #[test]
    fn a_row_that_is_repeated_changes_nothing(copies in prop::collection::vec(0_usize..40, 0..30), seed: u64) {
        let folder = Folder::new();
        let rows: Vec<String> = (0..40).map(|row| format!("{row},{}\n", row % 3)).collect();
        let once = format!("a,class\n{}", rows.concat());
        let repeated: String = copies.iter().map(|row| rows[*row].as_str()).collect();
        let load = |name, text: &str| load(&Request { seed, ..own(&folder.write(name, text)) }).unwrap();
        let dataset = load("once.csv", &once);
        prop_assert_eq!(&dataset, &load("repeated.csv", &(once.clone() + &repeated)));
        let raw: HashSet<u32> = splits(&dataset).iter().flat_map(|split| split.features.numbers()).map(|x| x.to_bits()).collect();
        prop_assert_eq!(raw.len(), 40);
    }
}
