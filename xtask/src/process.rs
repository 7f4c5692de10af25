//! Other programs: run one, read what it prints, become it.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A wrong use of `cargo xtask`: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A program that was run and did not succeed: its exit code is passed on.
#[derive(Debug)]
struct Failed {
    command: String,
    status: ExitStatus,
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.command, self.status)
    }
}

impl std::error::Error for Failed {}

/// Returns the exit code that an error of a task stands for.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Usage>() {
        ExitCode::from(2)
    } else if let Some(failed) = error.downcast_ref::<Failed>() {
        code_of(failed.status)
    } else {
        ExitCode::FAILURE
    }
}

/// Returns a command of the cargo that runs this task, in the root of the workspace.
pub(crate) fn cargo(root: &std::path::Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root);
    // What cargo told this program about itself. Build scripts watch such variables: with them,
    // `ring` would be compiled again whenever plain cargo and `cargo xtask` take turns.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end.
///
/// # Errors
/// Names the command if it can't be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("can't run `{}`", shown(command)))?;
    succeed(command, status)
}

/// Runs a command to its end and returns what it printed to stdout; stderr passes through.
///
/// # Errors
/// As [`run`].
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("can't run `{}`", shown(command)))?;
    succeed(command, output.status)?;
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something else than UTF-8", shown(command)))
}

/// Returns whether a program can be run with `--version`.
pub(crate) fn is_installed(command: &mut Command) -> bool {
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Becomes another program, so that Ctrl-C and every other signal are its own; where a process
/// can't become another, runs it and returns its exit code.
///
/// # Errors
/// If the program can't be started.
pub(crate) fn become_it(command: &mut Command) -> Result<ExitCode> {
    #[cfg(unix)]
    let outcome: io::Result<ExitCode> = {
        use std::os::unix::process::CommandExt;
        Err(command.exec())
    };
    #[cfg(not(unix))]
    let outcome: io::Result<ExitCode> = command.status().map(code_of);
    outcome.with_context(|| format!("can't run `{}`", shown(command)))
}

/// Turns the end of a command into an error unless it succeeded.
///
/// # Errors
/// As [`run`].
pub(crate) fn succeed(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        let command = shown(command);
        bail!(Failed { command, status });
    }
    Ok(())
}

fn code_of(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        // As a shell reports it.
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(1));
    }
    ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_on_the_exit_code_of_a_program() {
        let error = run(Command::new("sh").args(["-c", "exit 101"])).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::from(101));
        assert!(error.to_string().starts_with("`sh -c exit 101`"), "{error}");
        let context = error.context("while building");
        assert_eq!(exit_code(&context), ExitCode::from(101));
    }

    #[cfg(unix)]
    #[test]
    fn reports_a_signal_as_a_shell_does() {
        let error = run(Command::new("sh").args(["-c", "kill -INT $$"])).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::from(130));
    }

    #[test]
    fn says_which_program_is_missing() {
        let error = run(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert_eq!(error.to_string(), "can't run `no-such-program-anywhere`");
        assert_eq!(exit_code(&error), ExitCode::FAILURE);
    }
}
