use proptest::prelude::*;

use super::*;

fn curve(values: &[f64]) -> Curve {
    Curve {
        points: values.iter().map(|value| vec![*value]).collect(),
        is_complete: true,
    }
}

fn cut(values: &[f64]) -> Curve {
    Curve {
        is_complete: false,
        ..curve(values)
    }
}

fn stops(pruner: &Pruner, earlier: &[Curve], values: &[f64]) -> bool {
    let earlier: Vec<&Curve> = earlier.iter().collect();
    pruner.stops(&earlier, &curve(values).points)
}

fn median(n_startup_trials: usize) -> Pruner {
    Pruner::Median(Median {
        n_startup_trials,
        ..Median::DEFAULT
    })
}

#[test]
fn the_median_stops_what_is_worse_than_half_of_the_complete() {
    // Optuna 5, MedianPruner(n_startup_trials=3), direction minimize: medians after the second
    // epoch are those of 0.5, 0.7 and 0.9.
    let earlier = [curve(&[1.0, 0.5]), curve(&[1.0, 0.7]), curve(&[1.0, 0.9])];
    assert!(stops(&median(3), &earlier, &[1.0, 0.71]));
    assert!(!stops(&median(3), &earlier, &[1.0, 0.7]));
    assert!(
        !stops(&median(3), &earlier, &[0.6, 0.9]),
        "its best so far counts"
    );
    assert!(
        !stops(&median(4), &earlier, &[1.0, 9.0]),
        "too few to compare"
    );
    assert!(stops(
        &median(3),
        &earlier,
        &[1.0, f64::NAN].map(|v| v + 0.1)
    ));
}

#[test]
fn the_median_leaves_out_trials_that_were_cut() {
    let earlier = [
        curve(&[1.0]),
        curve(&[2.0]),
        curve(&[3.0]),
        cut(&[9.0]),
        cut(&[9.0]),
    ];
    assert!(stops(&median(3), &earlier, &[2.5]));
}

#[test]
fn the_median_waits_for_its_epochs() {
    let pruner = Pruner::Median(Median {
        n_startup_trials: 1,
        n_warmup_epochs: 2,
        interval_epochs: 3,
    });
    let earlier = [curve(&[0.0; 10])];
    let looked: Vec<usize> = (1..=9)
        .filter(|n_epochs| stops(&pruner, &earlier, &vec![1.0; *n_epochs]))
        .collect();
    assert_eq!(looked, [3, 6, 9]);
}

#[test]
fn asha_lets_the_best_quarter_go_on() {
    let asha = Pruner::Asha(Asha::DEFAULT);
    let earlier: Vec<Curve> = (1..=7).map(|value| cut(&[f64::from(value)])).collect();
    // Of eight, two go on.
    assert!(!stops(&asha, &earlier, &[1.5]));
    assert!(stops(&asha, &earlier, &[2.5]));
    assert!(
        !stops(&asha, &earlier, &[9.0, 9.0]),
        "no rung after two epochs"
    );
    assert!(!stops(&asha, &[], &[9.0]), "the first goes on");
    assert!(stops(&asha, &earlier[..1], &[9.0]), "the best goes on");
}

#[test]
fn asha_looks_at_its_rungs_only() {
    let asha = Asha {
        min_epochs: 2,
        reduction_factor: 3,
    };
    let rungs: Vec<usize> = (1..60).filter(|epoch| asha.looks(*epoch)).collect();
    assert_eq!(rungs, [2, 6, 18, 54]);
}

/// Two objectives: what training lowers, and a cost.
fn costed(values: &[f64], cost: f64) -> Curve {
    Curve {
        points: values.iter().map(|value| vec![*value, cost]).collect(),
        is_complete: true,
    }
}

#[test]
fn several_objectives_stop_what_no_gain_would_bring_to_the_front() {
    // The largest gain from the first epoch on is 0.5, so 0.9 may come to 0.4.
    let earlier = [costed(&[0.8, 0.5], 10.0), costed(&[0.9, 0.4], 20.0)];
    let earlier: Vec<&Curve> = earlier.iter().collect();
    let pruner = median(1);
    let after = |value: f64, cost: f64| pruner.stops(&earlier, &[vec![value, cost]]);
    assert!(!after(0.9, 19.0), "may tie with the second, at less cost");
    assert!(after(0.9, 21.0), "the second is as good and costs less");
    assert!(after(1.1, 10.0), "the first is better at this cost");
    assert!(!after(9.0, 9.0), "nothing costs so little");
}

proptest! {
    #[test]
    fn a_trial_that_would_be_on_the_front_is_not_stopped(
        curves in prop::collection::vec(
            (prop::collection::vec(0.0..1.0_f64, 4), 0.0..10.0_f64), 2..12
        )
    ) {
        // Gains within those seen: each curve is stopped only if its own end is dominated.
        let mut curves: Vec<Curve> =
            curves.iter().map(|(values, cost)| costed(values, *cost)).collect();
        let last = curves.pop().unwrap();
        let mut witness = last.clone();
        for point in &mut witness.points {
            point[1] = 100.0;
        }
        curves.push(witness);
        let earlier: Vec<&Curve> = curves.iter().collect();
        let end = last.points.last().unwrap();
        for n_epochs in 1..4 {
            if median(1).stops(&earlier, &last.points[..n_epochs]) {
                let dominated = curves.iter().any(|curve| {
                    let other = curve.points.last().unwrap();
                    other[0] <= end[0] && other[1] <= end[1]
                });
                prop_assert!(dominated);
            }
        }
    }
}
