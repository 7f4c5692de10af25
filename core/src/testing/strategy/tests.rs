use super::*;
use crate::random::{Purpose, stream};
use crate::space::Space;

/// A strategy with one fault.
struct Faulty {
    study: Study,
    fault: Fault,
    n_asked: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NotCanonical,
    OutsideTheSpace,
    TooMany,
    ForgetsNothing,
    StopsOnce,
    FailsOnFailure,
}

impl Strategy for Faulty {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        self.n_asked += 1;
        let draw = |number: &u64| {
            let n_before = if self.fault == Fault::ForgetsNothing {
                self.n_asked
            } else {
                0
            };
            let mut rng = stream(self.study.seed + n_before, Purpose::Propose, *number);
            self.study.space.sample(&mut rng)
        };
        let mut answer: Vec<Params> = numbers.iter().map(draw).collect();
        match self.fault {
            Fault::NotCanonical => answer[0] = Params::new(),
            Fault::OutsideTheSpace => answer[0].insert("a", "nowhere"),
            Fault::TooMany => answer.push(answer[0].clone()),
            Fault::StopsOnce if numbers[0] == 0 => answer.clear(),
            _ => {}
        }
        Ok(answer)
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        let failed = trials
            .iter()
            .any(|t| matches!(t.outcome, Outcome::Failed { .. }));
        if failed && self.fault == Fault::FailsOnFailure {
            return Err(StrategyError::Other("a trial failed".to_owned()));
        }
        Ok(())
    }
}

fn complaint(fault: Fault, check: impl Fn(Fault) + std::panic::RefUnwindSafe) -> String {
    let panic = std::panic::catch_unwind(|| check(fault)).expect_err("the fault is found");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

fn check(fault: Fault) {
    check_strategy(|study| {
        let study = study.clone();
        Ok(Box::new(Faulty {
            study,
            fault,
            n_asked: 0,
        }))
    });
}

#[test]
fn an_honest_strategy_passes() {
    check(Fault::None);
}

#[test]
fn every_fault_is_found() {
    for (fault, message) in [
        (Fault::NotCanonical, "proposals are canonical"),
        (Fault::OutsideTheSpace, "is outside the space"),
        (Fault::TooMany, "5 proposals for 4 trials"),
        (Fault::ForgetsNothing, "asking again gives the same answer"),
        (Fault::StopsOnce, "a short answer is the end"),
        (Fault::FailsOnFailure, "a trial failed"),
    ] {
        let complaint = complaint(fault, check);
        assert!(complaint.contains(message), "{message}: {complaint}");
    }
}

#[test]
fn repeats_are_found_where_there_should_be_none() {
    let complaint = complaint(Fault::None, |fault| {
        check_strategy_without_repeats(|study| {
            let study = study.clone();
            Ok(Box::new(Faulty {
                study,
                fault,
                n_asked: 0,
            }))
        });
    });
    assert!(complaint.contains("comes twice"), "{complaint}");
}

/// Proposes the n-th point for trial n, whatever it is told.
struct InOrder(Space);

impl Strategy for InOrder {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        let points = numbers.iter().map_while(|n| self.0.point(u128::from(*n)));
        Ok(points.collect())
    }

    fn tell(&mut self, _: &[Trial]) -> Result<(), StrategyError> {
        Ok(())
    }
}

#[test]
fn repeats_of_what_someone_else_proposed_are_found() {
    let complaint = complaint(Fault::None, |_| {
        check_strategy_without_repeats(|study| {
            study.n_points()?;
            Ok(Box::new(InOrder(study.space.clone())))
        });
    });
    assert!(
        complaint.contains("of someone else") && complaint.contains("comes twice"),
        "{complaint}"
    );
}

#[test]
fn a_refusal_must_name_a_parameter_of_the_space() {
    check_strategy(|study| {
        let parameter = study.space.parameters()[0].name.clone();
        Err(StrategyError::Space {
            parameter,
            reason: "is not for us".to_owned(),
        })
    });
    let counts = |found: fn(&Study) -> usize| {
        move |study: &Study| {
            let reason = "and we take none".to_owned();
            let found = found(study);
            Err(StrategyError::Objectives { found, reason })
        }
    };
    check_strategy(counts(|study| study.directions.len()));
    let miscounted = complaint(Fault::None, |_| check_strategy(counts(|_| 7)));
    assert!(miscounted.contains("counts the objectives"), "{miscounted}");
    let complaint = complaint(Fault::None, |_| {
        check_strategy(|_| Err(StrategyError::Other("no".to_owned())));
    });
    assert!(complaint.contains("can't be made: no"), "{complaint}");
}
