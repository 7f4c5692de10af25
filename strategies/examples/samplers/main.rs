//! Measures strategies on tables of measured points: `cargo xtask bench samplers` runs it.
//!
//! Every command prints lines of JSON, one a case.
//! - `tables PROBLEMS FOLDER OUT`: writes each problem to OUT as peers read it: the sizes and kinds
//!   of its dimensions and the values of every point, the last dimension changing fastest.
//! - `run PROBLEMS FOLDER [STRATEGY [SEEDS]]`: runs every strategy of this package, or one, with 20
//!   seeds or as many as wanted, and scores it.
//! - `score PROBLEMS FOLDER`: scores runs of peers, read as lines of JSON from the input.
//! - `speed [STRATEGY]`: the CPU time of asking for a trial, after many.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the lines are what the example is for"
)]

mod analytic;
mod problem;
mod run;
mod score;
mod spaces;
mod speed;

use std::path::Path;
use std::process::ExitCode;

use problem::Problem;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["tables", problems, folder, out] => tables(problems, folder, out),
        ["run", problems, folder] => run(problems, folder, None, "20"),
        ["run", problems, folder, only] => run(problems, folder, Some(only), "20"),
        ["run", problems, folder, only, n_seeds] => run(problems, folder, Some(only), n_seeds),
        ["score", problems, folder] => {
            problems_of(problems, folder).and_then(|problems| run::score_peers(&problems))
        }
        ["speed"] => speed::speed(None),
        ["speed", only] => speed::speed(Some(only)),
        _ => Err(
            "expected `tables PROBLEMS FOLDER OUT`, `run PROBLEMS FOLDER [STRATEGY [SEEDS]]`, \
             `score PROBLEMS FOLDER` or `speed [STRATEGY]`"
                .to_owned(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(problems: &str, folder: &str, only: Option<&str>, n_seeds: &str) -> Result<(), String> {
    let n_seeds = n_seeds
        .parse()
        .map_err(|error| format!("`{n_seeds}` seeds: {error}"))?;
    run::run(&problems_of(problems, folder)?, only, n_seeds)
}

fn problems_of(problems: &str, folder: &str) -> Result<Vec<Problem>, String> {
    Problem::read_all(Path::new(problems), Path::new(folder))
}

fn tables(problems: &str, folder: &str, out: &str) -> Result<(), String> {
    for problem in problems_of(problems, folder)? {
        let path = Path::new(out).join(format!("{}.json", problem.name.replace(' ', "_")));
        std::fs::write(&path, problem.for_peers().to_string())
            .map_err(|error| format!("can't write {}: {error}", path.display()))?;
    }
    Ok(())
}
