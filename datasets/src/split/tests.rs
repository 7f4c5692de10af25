use proptest::prelude::*;

use super::*;

fn labels() -> impl Strategy<Value = (usize, Vec<u32>)> {
    (2_u32..6).prop_flat_map(|n_classes| {
        let labels = prop::collection::vec(0..n_classes, 1..400);
        (Just(n_classes as usize), labels)
    })
}

fn fractions() -> impl Strategy<Value = (f64, f64)> {
    (0.01_f64..0.49, 0.01_f64..0.49)
}

fn of_class(rows: &[usize], labels: &[u32], class: u32) -> usize {
    rows.iter().filter(|row| labels[**row] == class).count()
}

proptest! {
    #[test]
    fn every_row_is_in_one_split((n_classes, labels) in labels(), (validation, test) in fractions(), seed: u64) {
        let parts = stratified(&labels, n_classes, validation, test, seed);
        let mut rows = [parts.train, parts.validation, parts.test].concat();
        rows.sort_unstable();
        prop_assert!(rows.into_iter().eq(0..labels.len()));
    }

    #[test]
    fn every_split_has_its_share_of_every_class_within_one_row(
        (n_classes, labels) in labels(), (validation, test) in fractions(), seed: u64,
    ) {
        let parts = stratified(&labels, n_classes, validation, test, seed);
        for class in 0..n_classes as u32 {
            let count = labels.iter().filter(|label| **label == class).count();
            let shares = [1.0 - validation - test, validation, test].map(|share| share * count as f64);
            let found = [&parts.train, &parts.validation, &parts.test].map(|rows| of_class(rows, &labels, class));
            if count >= 3 {
                prop_assert!(found.iter().all(|n| *n >= 1), "{found:?} of {count}");
            }
            // A split that must have one row where its share is less takes it from the largest.
            let n_given = shares.iter().filter(|share| **share < 1.0).count() as f64;
            for (found, share) in found.iter().zip(shares) {
                let difference = (*found as f64 - share).abs();
                prop_assert!(difference < 1.0 + n_given, "{found} of {share}");
                prop_assert!(difference < 1.0 + 1e-9 || n_given > 0.0, "{found} of {share}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_split((n_classes, labels) in labels(), (validation, test) in fractions(), seed: u64) {
        let split = || stratified(&labels, n_classes, validation, test, seed);
        prop_assert_eq!(split(), split());
    }

    #[test]
    fn a_sample_has_the_size_that_was_asked_and_every_class_if_it_can(
        (n_classes, labels) in labels(), n_rows in 1_usize..400, seed: u64,
    ) {
        let rows = sample(&labels, n_classes, n_rows, seed);
        prop_assert_eq!(rows.len(), n_rows.min(labels.len()));
        prop_assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        if n_rows >= n_classes {
            for class in 0..n_classes as u32 {
                let taken = of_class(&rows, &labels, class);
                prop_assert!(taken > 0 || !labels.contains(&class));
            }
        }
    }
}

#[test]
fn another_seed_gives_another_split_of_the_same_sizes() {
    let labels: Vec<u32> = (0..500).map(|row| row % 5).collect();
    let a = stratified(&labels, 5, 0.1, 0.2, 1);
    let b = stratified(&labels, 5, 0.1, 0.2, 2);
    assert_ne!(a.test, b.test);
    for parts in [a, b] {
        let sizes = [parts.train, parts.validation, parts.test].map(|rows| rows.len());
        assert_eq!(sizes, [350, 50, 100]);
    }
}

#[test]
fn a_class_of_three_rows_is_in_every_split() {
    let labels = [vec![0; 97], vec![1; 3]].concat();
    let parts = stratified(&labels, 2, 0.1, 0.1, 0);
    for rows in [&parts.train, &parts.validation, &parts.test] {
        assert_eq!(of_class(rows, &labels, 1), 1);
    }
}

#[test]
fn no_test_fraction_makes_no_test_split() {
    let labels = vec![0, 1, 0, 1, 0, 1];
    let parts = stratified(&labels, 2, 0.3, 0.0, 0);
    assert_eq!(parts.test, Vec::<usize>::new());
    assert_eq!((parts.train.len(), parts.validation.len()), (4, 2));
}

#[test]
fn refuses_fractions_that_leave_a_split_nothing() {
    for (validation, test) in [
        (0.0, 0.2),
        (0.2, 0.0),
        (0.5, 0.5),
        (-0.1, 0.2),
        (f64::NAN, 0.2),
    ] {
        assert!(
            Fractions::new(validation, test).is_err(),
            "{validation} {test}"
        );
    }
    insta::assert_snapshot!(
        Fractions::new(0.5, 0.5).unwrap_err(),
        @"cannot split into 0.5 validation and 0.5 test: both must be above 0 and their sum below 1"
    );
}
