//! Which bracket a trial is in, and whom it is compared with.

use super::*;

fn shares(hyperband: &Hyperband, max_epochs: usize) -> Vec<u128> {
    hyperband.brackets(max_epochs).shares()
}

fn brackets_of(numbers: std::ops::Range<u64>, max_epochs: usize) -> Vec<usize> {
    let brackets = Hyperband::DEFAULT.brackets(max_epochs);
    numbers.map(|number| brackets.of(number)).collect()
}

#[test]
fn shares_are_those_of_the_paper() {
    // Li et al., algorithm 1, by hand: `ceil(5 * 3^s / (s + 1))` for s = 4, 3, 2, 1, 0 where a
    // trial has 81 epochs, `ceil(3 * 3^s / (s + 1))` for s = 2, 1, 0 where it has 9.
    assert_eq!(shares(&Hyperband::DEFAULT, 81), [81, 34, 15, 8, 5]);
    assert_eq!(shares(&Hyperband::DEFAULT, 9), [9, 5, 3]);
}

#[test]
fn there_is_a_bracket_for_every_first_rung_that_is_reached() {
    let n_brackets = |min_epochs, reduction_factor, max_epochs| {
        let hyperband = Hyperband {
            min_epochs,
            reduction_factor,
        };
        shares(&hyperband, max_epochs).len()
    };
    assert_eq!(n_brackets(1, 3, 2), 1);
    assert_eq!(n_brackets(1, 3, 3), 2);
    assert_eq!(n_brackets(1, 3, 26), 3);
    assert_eq!(n_brackets(1, 3, 243), 6, "Optuna's logarithm says 5");
    assert_eq!(n_brackets(4, 2, 31), 3);
    assert_eq!(n_brackets(9, 3, 5), 1, "none is reached");
    assert_eq!(n_brackets(1, 2, usize::MAX), 64);
    assert_eq!(n_brackets(1, usize::MAX, usize::MAX), 2);
}

#[test]
fn any_run_of_trials_is_spread_by_the_shares() {
    for max_epochs in [3, 9, 81, 1000] {
        let shares = shares(&Hyperband::DEFAULT, max_epochs);
        let total: u128 = shares.iter().sum();
        for start in [0, 1, 40, 12_345] {
            let mut counts = vec![0.0; shares.len()];
            for (n, bracket) in (1..=500).zip(brackets_of(start..start + 500, max_epochs)) {
                counts[bracket] += 1.0;
                for (count, share) in counts.iter().zip(&shares) {
                    let fair = f64::from(n) * *share as f64 / total as f64;
                    assert!((count - fair).abs() < 3.0, "{count} of {n}, fair: {fair}");
                }
            }
        }
    }
}

#[test]
fn every_number_has_a_bracket() {
    let widest = Hyperband {
        min_epochs: 1,
        reduction_factor: 2,
    };
    let brackets = widest.brackets(usize::MAX);
    for number in [0, 1, u64::MAX / 2, u64::MAX] {
        assert!(brackets.of(number) < 64);
    }
}

#[test]
fn a_trial_is_compared_in_its_bracket_only() {
    let pruner = Pruner::Hyperband(Hyperband::DEFAULT);
    let of = brackets_of(0..40, 100);
    let in_bracket = |bracket: usize| (0..40).filter(move |number| of[*number as usize] == bracket);
    let first: Vec<u64> = in_bracket.clone()(0).collect();
    let second: Vec<u64> = in_bracket(1).collect();
    let good = curve(&[0.0; 100]);
    let among = |numbers: &[u64]| {
        numbers
            .iter()
            .map(|number| (*number, &good))
            .collect::<Vec<_>>()
    };
    let number = *first.last().unwrap();
    let behind = vec![vec![1.0]];
    let rivals = &first[..first.len() - 1];
    assert!(stops_numbered(&pruner, &among(rivals), number, &behind));
    assert!(!stops_numbered(&pruner, &among(&second), number, &behind));
    // With several objectives too.
    let good = costed_curve();
    let among = |numbers: &[u64]| {
        numbers
            .iter()
            .map(|number| (*number, &good))
            .collect::<Vec<_>>()
    };
    let behind = vec![vec![1.0, 1.0]];
    assert!(stops_numbered(&pruner, &among(rivals), number, &behind));
    assert!(!stops_numbered(&pruner, &among(&second), number, &behind));
}

fn costed_curve() -> Curve {
    Curve {
        points: vec![vec![0.0, 1.0]; 100],
        is_complete: true,
    }
}

#[test]
fn later_brackets_look_later() {
    let pruner = Pruner::Hyperband(Hyperband::DEFAULT);
    let of = brackets_of(0..200, 100);
    let good = curve(&[0.0; 100]);
    let earlier: Vec<(u64, &Curve)> = (0..200).map(|number| (number, &good)).collect();
    let first_stop = |bracket: usize| {
        let number = of.iter().position(|found| *found == bracket).unwrap() as u64;
        (1..100).find(|epoch| stops_numbered(&pruner, &earlier, number, &vec![vec![1.0]; *epoch]))
    };
    let first_stops: Vec<Option<usize>> = (0..5).map(first_stop).collect();
    assert_eq!(first_stops, [Some(1), Some(3), Some(9), Some(27), Some(81)]);
}
