//! Several objectives: what can't come onto the front any more is stopped.

use proptest::prelude::*;

use super::*;

/// Two objectives: what training lowers, and a cost.
fn costed(values: &[f64], cost: f64) -> Curve {
    Curve {
        points: values.iter().map(|value| vec![*value, cost]).collect(),
        is_complete: true,
    }
}

/// Every pruner, looking as early as it can and at any number of trials.
fn eager() -> [Pruner; 4] {
    let [_, asha, hyperband, wilcoxon] = Pruner::ALL;
    [median(1), asha, hyperband, wilcoxon]
}

/// How many brackets there may be in a hundred epochs: so many equal trials are in each.
const N_EACH: usize = 20;

#[test]
fn several_objectives_stop_what_no_gain_would_bring_to_the_front() {
    // The largest gain from the first epoch on is 0.5, so 0.9 may come to 0.4.
    let earlier = [costed(&[0.8, 0.5], 10.0), costed(&[0.9, 0.4], 20.0)];
    let after = |value: f64, cost: f64| stops_point(&median(1), &earlier, &[vec![value, cost]]);
    assert!(!after(0.9, 19.0), "may tie with the second, at less cost");
    assert!(after(0.9, 21.0), "the second is as good and costs less");
    assert!(after(1.1, 10.0), "the first is better at this cost");
    assert!(!after(9.0, 9.0), "nothing costs so little");
}

#[test]
fn every_pruner_stops_what_is_dominated_where_it_looks_and_nowhere_else() {
    let earlier = vec![costed(&[0.5; 100], 10.0); N_EACH];
    for pruner in eager() {
        let looked: Vec<usize> = (1..100)
            .filter(|epoch| {
                let behind = costed(&vec![0.6; *epoch], 10.0);
                stops_point(&pruner, &earlier, &behind.points)
            })
            .collect();
        let expected: Vec<usize> = match pruner {
            Pruner::Median(_) => (1..100).collect(),
            Pruner::Asha(_) => vec![1, 4, 16, 64],
            // Number 20 is in the first bracket.
            Pruner::Hyperband(_) => vec![1, 3, 9, 27, 81],
            Pruner::Wilcoxon(_) => (2..100).collect(),
        };
        assert_eq!(looked, expected, "{}", pruner.name());
        assert_eq!(pruner.first_look(2), Some(looked[0]));
    }
}

#[test]
fn every_pruner_counts_what_is_known_before_training() {
    let earlier = vec![costed(&[0.9, 0.8, 0.7, 0.6, 0.5], 10.0); N_EACH];
    for pruner in eager() {
        // What it looks at first is a trial as good as all others were then, or one far behind.
        let epoch = pruner.first_look(2).unwrap();
        let as_good: Vec<f64> = [0.9, 0.8][..epoch].to_vec();
        let far_behind = vec![9.0; epoch];
        let after = |values: &[f64], cost: f64| {
            stops_point(&pruner, &earlier, &costed(values, cost).points)
        };
        let name = pruner.name();
        assert!(
            after(&as_good, 10.1),
            "{name}: it costs more and may come out even"
        );
        assert!(!after(&as_good, 10.0), "{name}: it may come out even");
        assert!(!after(&far_behind, 9.9), "{name}: nothing costs so little");
        assert!(after(&far_behind, 10.0), "{name}: it costs the same");
    }
}

#[test]
fn what_is_known_before_training_counts_in_a_sum() {
    // One objective, loss plus cost: the cheaper of two that learn alike is the better one.
    let sum = |cost: f64| curve(&[0.9, 0.8, 0.7, 0.6, 0.5].map(|loss| loss + cost));
    let earlier = vec![sum(1.0); N_EACH];
    for pruner in eager() {
        let after = |cost: f64| {
            let values = sum(cost).points;
            (1..5).any(|epoch| stops_point(&pruner, &earlier, &values[..epoch]))
        };
        assert!(after(1.1), "{}", pruner.name());
        assert!(!after(0.9), "{}", pruner.name());
    }
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
        let end = last.points.last().unwrap();
        for n_epochs in 1..4 {
            if stops_point(&median(1), &curves, &last.points[..n_epochs]) {
                let dominated = curves.iter().any(|curve| {
                    let other = curve.points.last().unwrap();
                    other[0] <= end[0] && other[1] <= end[1]
                });
                prop_assert!(dominated);
            }
        }
    }
}
