//! Behind the best at almost every epoch.

use super::*;

fn wilcoxon(p_threshold: f64, n_startup_epochs: usize) -> Pruner {
    Pruner::Wilcoxon(Wilcoxon {
        p_threshold,
        n_startup_epochs,
    })
}

/// Returns the epochs after which a trial that is always behind is stopped, if nobody did before.
fn stopped_behind(pruner: &Pruner, n_epochs: usize) -> Vec<usize> {
    let earlier = [curve(&vec![0.0; n_epochs])];
    // No two are behind by the same.
    let behind: Vec<f64> = (1..=n_epochs).map(|epoch| epoch as f64).collect();
    (1..=n_epochs)
        .filter(|epoch| stops(pruner, &earlier, &behind[..*epoch]))
        .collect()
}

#[test]
fn four_epochs_behind_are_enough_by_default() {
    assert_eq!(stopped_behind(&Pruner::ALL[3], 7), [4, 5, 6, 7]);
}

#[test]
fn the_first_look_is_the_first_epoch_that_can_be_enough() {
    for (p_threshold, n_startup_epochs, first) in [
        (0.1, 2, 4),
        (0.1, 6, 6),
        (0.0625, 2, 5),
        (1.0, 2, 2),
        (0.26, 2, 2),
        (0.25, 2, 3),
        (1e-3, 2, 10),
    ] {
        let pruner = wilcoxon(p_threshold, n_startup_epochs);
        assert_eq!(pruner.first_look(1), Some(first));
        assert_eq!(stopped_behind(&pruner, 12)[0], first);
        assert_eq!(pruner.first_look(2), Some(n_startup_epochs));
    }
    assert_eq!(wilcoxon(5e-324, 2).first_look(1), Some(1075));
    assert_eq!(wilcoxon(0.0, 2).first_look(1), None);
}

#[test]
fn the_best_complete_trial_is_what_counts() {
    let pruner = Pruner::ALL[3];
    let behind = [1.0, 1.1, 1.2, 1.3];
    let best = [0.5, 0.6, 0.7, 0.4];
    // Complete, better at every epoch but the last: not the best.
    let second = [0.1, 0.1, 0.1, 0.45];
    let ahead_of_second = [0.2, 0.3, 0.4, 0.5];
    assert!(stops(&pruner, &[curve(&best)], &behind));
    assert!(
        !stops(&pruner, &[cut(&best)], &behind),
        "it was stopped itself"
    );
    assert!(stops(&pruner, &[curve(&second)], &ahead_of_second));
    let both = [curve(&second), curve(&best)];
    assert!(!stops(&pruner, &both, &ahead_of_second));
}

#[test]
fn a_trial_whose_mean_is_the_best_goes_on() {
    let pruner = Pruner::ALL[3];
    // Behind by little at every epoch so far, but the best came out much worse on the whole.
    let best = [0.0, 0.1, 0.2, 0.3, 9.0];
    let little_behind = [0.01, 0.12, 0.23, 0.34];
    assert!(!stops(&pruner, &[curve(&best)], &little_behind));
    assert!(stops(&pruner, &[curve(&best[..4])], &little_behind));
}

#[test]
fn an_epoch_ahead_by_much_outweighs_three_behind_by_little() {
    let earlier = [curve(&[0.5; 4])];
    assert!(!stops(&Pruner::ALL[3], &earlier, &[0.9, 0.6, 0.0, 0.7]));
    assert!(stops(&wilcoxon(0.45, 2), &earlier, &[0.95, 0.6, 0.4, 0.8]));
}

#[test]
fn values_that_are_not_finite_are_left_alone() {
    let pruner = Pruner::ALL[3];
    let best = curve(&[0.0; 4]);
    assert!(stops(
        &pruner,
        std::slice::from_ref(&best),
        &[1.0, 2.0, 3.0, 4.0]
    ));
    for odd in [f64::NAN, f64::INFINITY] {
        assert!(!stops(
            &pruner,
            std::slice::from_ref(&best),
            &[1.0, odd, 3.0, 4.0]
        ));
        assert!(!stops(
            &pruner,
            &[curve(&[0.0, odd, 0.0, 0.0])],
            &[1.0, 2.0, 3.0, 4.0]
        ));
    }
}

#[test]
fn what_ended_with_nan_is_never_the_best() {
    let behind = [1.0, 2.0, 3.0, 4.0];
    // A metric that is maximized comes with its sign turned, that of NaN too.
    for nan in [f64::NAN, -f64::NAN] {
        let earlier = [curve(&[0.0, 0.0, 0.0, nan]), curve(&[0.5; 4])];
        assert!(stops(&Pruner::ALL[3], &earlier, &behind));
    }
}

#[test]
fn epochs_that_the_best_did_not_have_are_not_paired() {
    let pruner = Pruner::ALL[3];
    assert!(!stops(&pruner, &[curve(&[0.0; 3])], &[1.0, 2.0, 3.0, 4.0]));
    assert!(!stops(
        &wilcoxon(1.0, 4),
        &[curve(&[0.0; 3])],
        &[1.0, 2.0, 3.0, 4.0]
    ));
}
