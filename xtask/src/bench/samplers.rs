//! Strategies on tables of measured points, beside Optuna and rustuna where they are wanted.

mod tables;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::example;
use super::peer::folder;
use super::report::Found;
use crate::metadata::Workspace;
use crate::process::{self, Usage};
use crate::python::Environment;

/// The peers in the versions that the bars are about.
const PEERS: Environment = Environment {
    folder: "samplers-venv",
    packages: &["optuna==5.0.0", "rustuna==0.2.0"],
    import: "import optuna, rustuna; assert optuna.__version__ == '5.0.0'",
};

/// What `cargo xtask bench samplers` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether Optuna and rustuna run as well.
    peers: bool,
    /// A file of problems in place of the one that comes with the bench.
    problems: Option<PathBuf>,
}

impl Options {
    /// Returns the options after `samplers`; nothing if the arguments are of other benches.
    pub(super) fn of(args: &[String]) -> Result<Option<Self>> {
        let Some(("samplers", rest)) = args.split_first().map(|(name, rest)| (name.as_str(), rest))
        else {
            return Ok(None);
        };
        if rest.first().is_none_or(|arg| !arg.starts_with("--")) {
            return Ok(None);
        }
        let mut options = Self::default();
        let mut rest = rest.iter();
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "--peers" => options.peers = true,
                "--problems" => {
                    let Some(file) = rest.next() else {
                        bail!(Usage("`--problems` needs a file".to_owned()));
                    };
                    options.problems = Some(file.into());
                }
                _ => bail!(Usage(format!(
                    "unknown argument `{arg}`\n\nhint: `samplers` takes `--peers` and \
                     `--problems FILE`"
                ))),
            }
        }
        Ok(Some(options))
    }
}

/// Measures our strategies alone.
pub(super) fn alone(workspace: &Workspace) -> Result<Found> {
    samplers(workspace, &Options::default())
}

/// Measures how good the points of every strategy are, and how long they take to be proposed.
pub(super) fn samplers(workspace: &Workspace, options: &Options) -> Result<Found> {
    let program = example::build(&workspace.root, "firebrick-strategies", "samplers")?;
    let problems = match &options.problems {
        Some(problems) => problems.clone(),
        None => folder(workspace).join("samplers.json"),
    };
    let data = data(workspace);
    let work = workspace.target.join("bench").join("samplers");
    fs::create_dir_all(&work).with_context(|| format!("can't make {}", work.display()))?;

    let mut lines = String::new();
    let peers = match options.peers {
        true => Some(PEERS.python(&workspace.target)?),
        false => None,
    };
    if data.exists() {
        lines += &ours(&program, "run", &problems, &data)?;
        if let Some(python) = &peers {
            lines += &of_peers(&program, python, workspace, &problems, &data, &work)?;
        }
    } else {
        eprintln!("bench: skipped the table problems: no {}", data.display());
    }
    lines += &process::read(Command::new(&program).arg("speed"))?;
    if let Some(python) = &peers {
        let script = folder(workspace).join("samplers.py");
        lines += &process::read(Command::new(python).arg(script).arg("speed"))?;
    }
    // The scores of every seed, for whoever wants more than means.
    let path = work.join("lines.jsonl");
    fs::write(&path, &lines).with_context(|| format!("can't write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    tables::found(&lines)
}

/// Returns the folder of the tables.
fn data(workspace: &Workspace) -> PathBuf {
    let data = std::env::var_os("FIREBRICK_TEST_DATA");
    data.map_or_else(
        || workspace.root.join("..").join("shared").join("data"),
        PathBuf::from,
    )
    .join("tables")
}

fn ours(program: &Path, verb: &str, problems: &Path, data: &Path) -> Result<String> {
    process::read(Command::new(program).arg(verb).arg(problems).arg(data))
}

/// Runs the peers on the same problems, and scores what they asked for as ours is scored.
fn of_peers(
    program: &Path,
    python: &Path,
    workspace: &Workspace,
    problems: &Path,
    data: &Path,
    work: &Path,
) -> Result<String> {
    let tables = work.join("tables");
    if tables.exists() {
        fs::remove_dir_all(&tables)
            .with_context(|| format!("can't remove {}", tables.display()))?;
    }
    fs::create_dir_all(&tables).with_context(|| format!("can't make {}", tables.display()))?;
    let mut command = Command::new(program);
    process::run(command.arg("tables").arg(problems).arg(data).arg(&tables))?;
    let script = folder(workspace).join("samplers.py");
    let runs = process::read(Command::new(python).arg(script).arg("quality").arg(&tables))?;
    let path = work.join("peers.jsonl");
    fs::write(&path, runs).with_context(|| format!("can't write {}", path.display()))?;
    let input = File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
    let mut command = Command::new(program);
    command.arg("score").arg(problems).arg(data);
    process::read(command.stdin(Stdio::from(input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Option<Options>> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Options::of(&args)
    }

    #[test]
    fn other_benches_and_plain_names_take_no_options() {
        assert_eq!(options(&["train"]).unwrap(), None);
        assert_eq!(options(&["samplers"]).unwrap(), None);
        assert_eq!(options(&["samplers", "train"]).unwrap(), None);
    }

    #[test]
    fn options_follow_the_name() {
        let found = options(&["samplers", "--problems", "a.json", "--peers"]).unwrap();
        let expected = Options {
            peers: true,
            problems: Some("a.json".into()),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn an_unknown_option_is_refused_with_what_there_is() {
        let error = options(&["samplers", "--peer"]).unwrap_err().to_string();
        assert!(error.starts_with("unknown argument `--peer`"), "{error}");
        let error = options(&["samplers", "--problems"]).unwrap_err();
        assert_eq!(error.to_string(), "`--problems` needs a file");
    }
}
