use super::*;

mod golden;
mod hyperband;
mod several;
mod wilcoxon;

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

/// Returns whether a trial is stopped after some epochs of a hundred by those before it, which are
/// numbered from 0.
fn stops_point(pruner: &Pruner, earlier: &[Curve], points: &[Vec<f64>]) -> bool {
    let numbered: Vec<(u64, &Curve)> = (0..).zip(earlier).collect();
    stops_numbered(pruner, &numbered, earlier.len() as u64, points)
}

fn stops_numbered(
    pruner: &Pruner,
    earlier: &[(u64, &Curve)],
    number: u64,
    points: &[Vec<f64>],
) -> bool {
    let earlier = earlier.iter();
    let earlier: Vec<Earlier<'_>> = earlier
        .map(|(number, curve)| Earlier {
            number: *number,
            curve,
        })
        .collect();
    let running = Running {
        number,
        max_epochs: 100,
        points,
    };
    pruner.stops(&earlier, &running)
}

fn stops(pruner: &Pruner, earlier: &[Curve], values: &[f64]) -> bool {
    stops_point(pruner, earlier, &curve(values).points)
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

#[test]
fn no_trial_is_stopped_after_its_last_epoch() {
    let curve = curve(&[0.0; 9]);
    let earlier: Vec<Earlier<'_>> = (0..20)
        .map(|number| Earlier {
            number,
            curve: &curve,
        })
        .collect();
    let points = vec![vec![1.0]; 9];
    for pruner in Pruner::ALL {
        let n_epochs = |max_epochs: usize| {
            (1..=max_epochs).find(|epoch| {
                let points = &points[..*epoch];
                // Number 20 is in the first bracket.
                let running = Running {
                    number: 20,
                    max_epochs,
                    points,
                };
                pruner.stops(&earlier, &running)
            })
        };
        let first = n_epochs(9).unwrap();
        assert_eq!(Some(first), pruner.first_look(1), "{}", pruner.name());
        assert_eq!(n_epochs(first), None, "{}", pruner.name());
    }
}

#[test]
fn a_trial_alone_is_never_stopped() {
    for pruner in Pruner::ALL {
        for epoch in 1..99 {
            assert!(!stops(&pruner, &[], &vec![9.0; epoch]), "{}", pruner.name());
        }
    }
}

#[test]
fn a_pruner_is_read_from_what_is_written() {
    for pruner in Pruner::ALL {
        let written = serde_json::to_value(pruner).unwrap();
        assert_eq!(written["name"], pruner.name());
        assert_eq!(serde_json::from_value::<Pruner>(written).unwrap(), pruner);
        assert_eq!(pruner.check(), Ok(()));
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let read = |text: &str| serde_json::from_str::<Pruner>(text).unwrap();
    let said = |text: &str| {
        let (key, reason) = read(text).check().unwrap_err();
        format!("{key} {reason}")
    };
    for (settings, reason) in [
        (
            r#"{"name":"median","interval_epochs":0}"#,
            "interval_epochs must be at least 1, is 0",
        ),
        (
            r#"{"name":"asha","min_epochs":0}"#,
            "min_epochs must be at least 1, is 0",
        ),
        (
            r#"{"name":"asha","reduction_factor":1}"#,
            "reduction_factor must be at least 2, is 1",
        ),
        (
            r#"{"name":"hyperband","min_epochs":0}"#,
            "min_epochs must be at least 1, is 0",
        ),
        (
            r#"{"name":"hyperband","reduction_factor":1}"#,
            "reduction_factor must be at least 2, is 1",
        ),
        (
            r#"{"name":"wilcoxon","p_threshold":0}"#,
            "p_threshold must be above 0 and at most 1, is 0",
        ),
        (
            r#"{"name":"wilcoxon","p_threshold":1.5}"#,
            "p_threshold must be above 0 and at most 1, is 1.5",
        ),
        (
            r#"{"name":"wilcoxon","n_startup_epochs":1}"#,
            "n_startup_epochs must be at least 2, is 1",
        ),
    ] {
        assert_eq!(said(settings), reason);
    }
    assert_eq!(
        read(r#"{"name":"wilcoxon","p_threshold":1}"#).check(),
        Ok(())
    );
}
