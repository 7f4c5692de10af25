//! Lines of JSON as tables, and the figures that have a bar.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::report::{Bar, Found, Row, Table};

/// The strategy that has the bars, and the peers that it is held against.
const OURS: &str = "tpe";
const OPTUNA: &str = "optuna tpe";
const RUSTUNA: &str = "rustuna tpe";

/// Bars on scores with the evaluation cache, at the last mark.
const SCORES: [(&str, Bar); 2] = [
    ("nas201 c100", Bar::AtMost(0.035)),
    ("nas201 c100 x fpga", Bar::AtLeast(0.963)),
];

/// The kind of space that the bars on times are about.
const BARRED: &str = "mixed";

/// Bars on the time of an ask: parameters, objectives, trials, milliseconds.
const TIMES: [(u64, u64, u64, f64); 4] = [
    (6, 1, 100, 0.3),
    (20, 1, 1_000, 2.6),
    (20, 2, 1_000, 2.6),
    (20, 2, 10_000, 23.0),
];

/// Scores of one sampler on one problem.
struct Score {
    problem: String,
    sampler: String,
    n_objectives: u64,
    mark: u64,
    by_trials: [f64; 2],
    by_evaluations: [f64; 2],
    repeated: f64,
}

/// The time of an ask of one sampler.
struct Time {
    sampler: String,
    /// The kind of space.
    space: String,
    n_parameters: u64,
    n_objectives: u64,
    n_trials: u64,
    ask_ms: f64,
}

/// Returns the tables and bars of what was printed.
pub(super) fn found(text: &str) -> Result<Found> {
    let (mut scores, mut times, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        let shown = || format!("the bench printed `{line}`");
        let value: Value = serde_json::from_str(line).with_context(shown)?;
        if value["mark"].is_number() {
            scores.push(score(&value).with_context(shown)?);
        } else if value["ask_ms"].is_number() {
            times.push(time(&value).with_context(shown)?);
        } else {
            rows.extend(brute(&value).with_context(shown)?);
        }
    }
    rows.extend(score_bars(&scores));
    rows.extend(time_bars(&times));
    let mut tables = score_tables(&scores);
    tables.extend(time_table(&times));
    Ok(Found { rows, tables })
}

fn score(value: &Value) -> Option<Score> {
    let pair = |key: &str| Some([value[key][0].as_f64()?, value[key][1].as_f64()?]);
    Some(Score {
        problem: value["problem"].as_str()?.to_owned(),
        sampler: value["sampler"].as_str()?.to_owned(),
        n_objectives: value["n_objectives"].as_u64()?,
        mark: value["mark"].as_u64()?,
        by_trials: pair("by_trials")?,
        by_evaluations: pair("by_evaluations")?,
        repeated: value["repeated"].as_f64()?,
    })
}

fn time(value: &Value) -> Option<Time> {
    Some(Time {
        sampler: value["sampler"].as_str()?.to_owned(),
        space: value["space"].as_str()?.to_owned(),
        n_parameters: value["n_parameters"].as_u64()?,
        n_objectives: value["n_objectives"].as_u64()?,
        n_trials: value["n_trials"].as_u64()?,
        ask_ms: value["ask_ms"].as_f64()?,
    })
}

fn brute(value: &Value) -> Option<[Row; 2]> {
    let repeated = value["n_proposed"].as_f64()? - value["n_distinct"].as_f64()?;
    let points = value["n_distinct"].as_u64()?;
    let all = Row::new(
        format!("brute: all {points} points of the space of VGG7"),
        value["brute_ms"].as_f64()?,
        "ms",
    );
    Some([
        all.with(Bar::AtMost(5.0)),
        Row::new("brute: points that came again", repeated, "points").with(Bar::AtMost(0.0)),
    ])
}

/// Returns names without repeats, in the order in which they come.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn score_tables(scores: &[Score]) -> Vec<Table> {
    let problems = distinct(scores.iter().map(|score| score.problem.as_str()));
    problems
        .into_iter()
        .map(|problem| {
            let of_problem: Vec<&Score> = scores
                .iter()
                .filter(|score| score.problem == problem)
                .collect();
            score_table(problem, &of_problem)
        })
        .collect()
}

fn score_table(problem: &str, scores: &[&Score]) -> Table {
    let what = match scores.first().map(|score| score.n_objectives) {
        Some(1) => "normalised regret (less is better)",
        _ => "part of the exact front's hypervolume (more is better)",
    };
    let mut marks: Vec<u64> = scores.iter().map(|score| score.mark).collect();
    marks.sort_unstable();
    marks.dedup();
    let mut head = vec!["sampler".to_owned()];
    for mark in &marks {
        head.extend([format!("{mark} evals"), format!("+- at {mark}")]);
    }
    if let Some(last) = marks.last() {
        head.extend([format!("{last} trials"), "+- ".to_owned()]);
    }
    head.push("repeats".to_owned());
    let samplers = distinct(scores.iter().map(|score| score.sampler.as_str()));
    let line = |sampler: &str| {
        let at = |mark: u64| {
            let mut of_sampler = scores.iter().filter(|score| score.sampler == sampler);
            of_sampler.find(|score| score.mark == mark)
        };
        let missing = [f64::NAN; 2];
        let mut figures: Vec<f64> = marks
            .iter()
            .flat_map(|mark| at(*mark).map_or(missing, |score| score.by_evaluations))
            .collect();
        let last = marks.last().and_then(|mark| at(*mark));
        figures.extend(last.map_or(missing, |score| score.by_trials));
        figures.push(last.map_or(f64::NAN, |score| score.repeated));
        (sampler.to_owned(), figures)
    };
    Table {
        title: format!("{problem}: {what}, 20 seeds:"),
        head,
        lines: samplers.into_iter().map(line).collect(),
    }
}

/// Returns the figures of our estimator that have a bar: scores with the evaluation cache, and how
/// far behind Optuna it is, which counts trials as its users do.
fn score_bars(scores: &[Score]) -> Vec<Row> {
    let mut rows = Vec::new();
    for ours in scores.iter().filter(|score| score.sampler == OURS) {
        let last = scores
            .iter()
            .filter(|other| other.problem == ours.problem)
            .map(|other| other.mark)
            .max();
        let problem = &ours.problem;
        if Some(ours.mark) == last
            && let Some((_, bar)) = SCORES.iter().find(|(name, _)| name == problem)
        {
            let what = format!("{OURS}: {problem} after {} evaluations", ours.mark);
            rows.push(Row::new(what, ours.by_evaluations[0], "").with(*bar));
        }
        let peer = scores.iter().find(|score| {
            score.sampler == OPTUNA && score.problem == *problem && score.mark == ours.mark
        });
        let Some(peer) = peer else { continue };
        let [mean, error] = ours.by_evaluations;
        let [of_peer, error_of_peer] = peer.by_trials;
        let behind = match ours.n_objectives {
            1 => mean - of_peer,
            _ => of_peer - mean,
        };
        let errors = behind / error.hypot(error_of_peer);
        let what = format!("{OURS}: {problem} at {}, behind Optuna", ours.mark);
        rows.push(Row::new(what, errors, "standard errors").with(Bar::AtMost(2.0)));
    }
    rows
}

fn time_bars(times: &[Time]) -> Vec<Row> {
    let mut rows = Vec::new();
    for ours in times.iter().filter(|time| time.sampler == OURS) {
        let case = (ours.n_parameters, ours.n_objectives, ours.n_trials);
        let name = format!(
            "{} {} parameters, {} objectives, {} trials",
            case.0, ours.space, case.1, case.2
        );
        let bar = TIMES.iter().find(|(parameters, objectives, trials, _)| {
            ours.space == BARRED && (*parameters, *objectives, *trials) == case
        });
        if let Some((_, _, _, bar)) = bar {
            let row = Row::new(format!("{OURS}: ask, {name}"), ours.ask_ms, "ms");
            rows.push(row.with(Bar::AtMost(*bar)));
        }
        let peer = times.iter().find(|time| {
            time.sampler == RUSTUNA
                && time.space == ours.space
                && (time.n_parameters, time.n_objectives, time.n_trials) == case
        });
        if let Some(peer) = peer {
            let what = format!("{OURS}: ask / rustuna's, {name}");
            rows.push(Row::new(what, ours.ask_ms / peer.ask_ms, "x").with(Bar::AtMost(1.0)));
        }
    }
    rows
}

/// Returns the times of all samplers, one line each.
fn time_table(times: &[Time]) -> Option<Table> {
    let case = |time: &Time| {
        let space = time.space.clone();
        (time.n_trials, space, time.n_parameters, time.n_objectives)
    };
    let mut cases: Vec<(u64, String, u64, u64)> = times.iter().map(case).collect();
    cases.sort_unstable();
    cases.dedup();
    let names = cases.iter().map(|(trials, space, parameters, objectives)| {
        format!("{trials}/{parameters} {space}/{objectives}o")
    });
    let samplers = distinct(times.iter().map(|time| time.sampler.as_str()));
    let line = |sampler: &str| {
        let figure = |wanted: &(u64, String, u64, u64)| {
            let mut of_sampler = times.iter().filter(|time| time.sampler == sampler);
            let of_case = of_sampler.find(|time| case(time) == *wanted);
            of_case.map_or(f64::NAN, |time| time.ask_ms)
        };
        (sampler.to_owned(), cases.iter().map(figure).collect())
    };
    (!cases.is_empty()).then(|| Table {
        title: "CPU time of an ask and its tell, ms, by trials/parameters/objectives:".to_owned(),
        head: std::iter::once("sampler".to_owned()).chain(names).collect(),
        lines: samplers.into_iter().map(line).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"problem":"nas201 c100","sampler":"tpe","n_objectives":1,"mark":100,"by_trials":[0.03125,0.0],"by_evaluations":[0.03125,0.0],"repeated":0.0}
{"problem":"nas201 c100","sampler":"optuna tpe","n_objectives":1,"mark":100,"by_trials":[0.0,0.015625],"by_evaluations":[0.01,0.004],"repeated":0.2}
{"sampler":"tpe","space":"mixed","n_trials":100,"n_parameters":6,"n_objectives":1,"ask_ms":0.2}
{"sampler":"rustuna tpe","space":"mixed","n_trials":100,"n_parameters":6,"n_objectives":1,"ask_ms":0.1}
{"brute_ms":2.0,"n_proposed":512,"n_distinct":511}"#;

    #[test]
    fn holds_scores_and_times_against_bars_and_peers() {
        let found = found(LINES).unwrap();
        let rows: Vec<_> = found
            .rows
            .iter()
            .map(|row| (row.what.as_str(), row.value, row.is_held()))
            .collect();
        // 0.03125 behind with an error of 0.015625.
        assert_eq!(
            rows,
            [
                (
                    "brute: all 511 points of the space of VGG7",
                    2.0,
                    Some(true)
                ),
                ("brute: points that came again", 1.0, Some(false)),
                (
                    "tpe: nas201 c100 after 100 evaluations",
                    0.03125,
                    Some(true)
                ),
                ("tpe: nas201 c100 at 100, behind Optuna", 2.0, Some(true)),
                (
                    "tpe: ask, 6 mixed parameters, 1 objectives, 100 trials",
                    0.2,
                    Some(true)
                ),
                (
                    "tpe: ask / rustuna's, 6 mixed parameters, 1 objectives, 100 trials",
                    2.0,
                    Some(false)
                ),
            ]
        );
    }

    #[test]
    fn shows_every_sampler_beside_the_others() {
        let found = found(LINES).unwrap();
        let [scores, times] = &found.tables[..] else {
            panic!("{:?}", found.tables);
        };
        assert_eq!(scores.lines[1].0, "optuna tpe");
        assert_eq!(scores.lines[1].1, [0.01, 0.004, 0.0, 0.015625, 0.2]);
        assert_eq!(times.head, ["sampler", "100/6 mixed/1o"]);
        assert_eq!(times.lines[0].1, [0.2]);
    }

    #[test]
    fn a_line_that_is_no_result_is_shown() {
        let error = found("{\"brute_ms\":2.0}").unwrap_err();
        assert_eq!(error.to_string(), "the bench printed `{\"brute_ms\":2.0}`");
    }
}
