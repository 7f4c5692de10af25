//! `cargo xtask search`, `train` and the other verbs of the program: builds what the verb needs,
//! then becomes the program.

use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;
use serde_json::Value;

use crate::build::{Need, build, is_ours, is_staged};
use crate::metadata::Workspace;
use crate::process;

/// The engine that is built unless another is asked for: in seconds.
const FIRST: &str = "mlp";

/// The engine that takes what the first can't train: minutes to build.
const GENERAL: &str = "burn";

/// Builds what a verb needs and runs the program with all arguments, in the folder of the user.
pub(crate) fn launch(args: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let plugins = workspace.plugins();
    let mut program = build(&workspace, &need(args, &plugins))?;
    if trains(args) && named_engine(args).is_none() && !is_staged(&workspace, GENERAL) {
        // What goes wrong here goes wrong again below, where the program says so.
        let mut dry_run = Command::new(&program);
        dry_run.args(as_dry_run(args)).stdin(Stdio::null());
        let answer = dry_run.stderr(Stdio::null()).output();
        let answer = answer.map(|output| output.stdout).unwrap_or_default();
        if let Some(engine) = missing_engine(&answer, &plugins) {
            eprintln!("engine {FIRST} can't do all of it: building engine {engine}");
            program = build(&workspace, &Need::Engine(engine))?;
        }
    }
    process::become_it(Command::new(program).args(args))
}

/// Returns the plugins that the program will look for.
fn need(args: &[String], plugins: &[&str]) -> Need {
    let mut words = words(args);
    match (words.next(), words.next()) {
        (None | Some("data" | "completions" | "help"), _) | (Some("list"), Some("datasets")) => {
            Need::Program
        }
        (Some("list"), Some("models" | "passes" | "strategies")) | (Some("transform"), _) => {
            Need::Items
        }
        _ => {
            // The program itself has to say so if there is no engine of a name: it may come from
            // a third party.
            let named = named_engine(args).filter(|name| is_ours(plugins, name));
            Need::Engine(named.unwrap_or(FIRST).to_owned())
        }
    }
}

fn words(args: &[String]) -> impl Iterator<Item = &str> {
    let words = args.iter().map(String::as_str);
    words.filter(|arg| !arg.starts_with('-'))
}

/// Returns whether the arguments ask for something that an engine does.
fn trains(args: &[String]) -> bool {
    let asks_for_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    !asks_for_help && words(args).any(|word| matches!(word, "search" | "train" | "test"))
}

/// Returns the engine that the arguments name.
fn named_engine(args: &[String]) -> Option<&str> {
    let mut args = args.iter();
    let mut named = None;
    while let Some(arg) = args.next() {
        if arg == "--engine" {
            named = args.next().map(String::as_str);
        } else if let Some(name) = arg.strip_prefix("--engine=") {
            named = Some(name);
        }
    }
    named.filter(|name| *name != "auto")
}

/// Returns the arguments that ask what would be done, and for an answer that can be read.
fn as_dry_run(args: &[String]) -> Vec<&str> {
    let mut asked = Vec::new();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--dry-run" => {}
            "--format" => {
                args.next();
            }
            // What follows is no flag, so the new ones come before it.
            "--" => {
                asked.extend(["--dry-run", "--format=json", "--"]);
                asked.extend(args);
                return asked;
            }
            arg if arg.starts_with("--format=") => {}
            arg => asked.push(arg),
        }
    }
    asked.extend(["--dry-run", "--format=json"]);
    asked
}

/// Returns the engine of ours that a dry run lacked, for the base network, for a candidate or for
/// zero-cost metrics: the one that the study names, or the one that does all of it. None where a
/// GPU is asked for: those that could be built run on the CPU.
fn missing_engine(answer: &[u8], plugins: &[&str]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    if !answer.get("engine")?.is_null() && answer["refused"].is_null() {
        return None;
    }
    if matches!(answer["accelerator"].as_str(), Some("gpu" | "cuda")) {
        return None;
    }
    let asked = match answer["engine_asked"].as_str()? {
        "auto" => GENERAL,
        name => name,
    };
    is_ours(plugins, asked).then(|| asked.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGINS: [&str; 2] = [
        "firebrick-plugins-engine-burn",
        "firebrick-plugins-engine-mlp",
    ];

    fn args(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn needed(line: &str) -> Need {
        need(&args(line), &PLUGINS)
    }

    #[test]
    fn builds_the_engine_that_takes_seconds_unless_another_is_named() {
        let engine = |name: &str| Need::Engine(name.to_owned());
        assert_eq!(needed("search"), engine("mlp"));
        assert_eq!(
            needed("train jsc-d jets-sim --max-epochs 10"),
            engine("mlp")
        );
        assert_eq!(needed("search --engine auto"), engine("mlp"));
        assert_eq!(needed("search --engine someone-elses"), engine("mlp"));
        assert_eq!(needed("search --engine=burn"), engine("burn"));
        assert_eq!(needed("search --engine burn"), engine("burn"));
        assert_eq!(needed("list"), engine("mlp"));
        assert_eq!(needed("list engines"), engine("mlp"));
    }

    #[test]
    fn builds_no_engine_for_what_needs_none() {
        assert_eq!(needed("transform --config some.toml"), Need::Items);
        assert_eq!(needed("list strategies"), Need::Items);
        assert_eq!(needed("data list"), Need::Program);
        assert_eq!(needed("list datasets"), Need::Program);
        assert_eq!(needed("--version"), Need::Program);
    }

    #[test]
    fn asks_about_what_trains_only() {
        assert!(trains(&args("search --config some.toml")));
        assert!(trains(&args("test jsc-d jets-sim")));
        assert!(!trains(&args("search --help")));
        assert!(!trains(&args("list engines")));
    }

    #[test]
    fn asks_for_a_dry_run_once() {
        let asked = |line: &str| as_dry_run(&args(line)).join(" ");
        let expected = "search --n-trials 3 --dry-run --format=json";
        assert_eq!(asked("search --n-trials 3"), expected);
        assert_eq!(
            asked("search --dry-run --format text --n-trials 3"),
            expected
        );
        assert_eq!(asked("search --format=json --n-trials 3"), expected);
        assert_eq!(
            asked("train -- --format"),
            "train --dry-run --format=json -- --format"
        );
    }

    #[test]
    fn builds_the_engine_that_a_dry_run_lacked() {
        let missing = |answer: &str| missing_engine(answer.as_bytes(), &PLUGINS);
        let lacked = r#"{"engine": null, "engine_asked": "auto", "reason": "it can't"}"#;
        assert_eq!(missing(lacked).as_deref(), Some("burn"));
        let named = lacked.replace("auto", "mlp");
        assert_eq!(missing(&named).as_deref(), Some("mlp"));
        assert_eq!(missing(&lacked.replace("auto", "someone-elses")), None);
        assert_eq!(
            missing(r#"{"engine": "mlp", "engine_asked": "auto"}"#),
            None
        );
        let refused = r#"{"engine": "mlp", "engine_asked": "auto", "refused": "it can't"}"#;
        assert_eq!(missing(refused).as_deref(), Some("burn"));
        assert_eq!(missing(&refused.replace("\"it can't\"", "null")), None);
        let on_gpu = lacked.replace('}', r#", "accelerator": "gpu"}"#);
        assert_eq!(missing(&on_gpu), None);
        assert_eq!(
            missing(&on_gpu.replace("gpu", "cpu")).as_deref(),
            Some("burn")
        );
        assert_eq!(missing(""), None);
        assert_eq!(missing("[]"), None);
    }
}
