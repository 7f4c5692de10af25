//! Pythons of their own for what is compared with: virtual environments under the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::process;

/// What a virtual environment has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    /// The name of its folder under the target folder.
    pub(crate) folder: &'static str,
    /// What pip is asked for.
    pub(crate) packages: &'static [&'static str],
    /// What shows that all is there: an `import` that succeeds.
    pub(crate) import: &'static str,
}

impl Environment {
    /// Returns the Python of the environment, which is made unless it is there.
    ///
    /// # Errors
    /// If there is no Python, or no registry to install from.
    pub(crate) fn python(&self, target: &Path) -> Result<PathBuf> {
        let folder = target.join(self.folder);
        let bin = if cfg!(windows) { "Scripts" } else { "bin" };
        let python = folder.join(bin).join("python");
        if self.import(&python).is_err() {
            let packages = self.packages.join(", ");
            eprintln!("installing {packages} into {}", folder.display());
            let system = if cfg!(windows) { "python" } else { "python3" };
            process::run(Command::new(system).args(["-m", "venv"]).arg(&folder))?;
            let install = ["-m", "pip", "install", "--quiet"];
            process::run(Command::new(&python).args(install).args(self.packages))?;
            self.import(&python)?;
        }
        Ok(python)
    }

    fn import(&self, python: &Path) -> Result<()> {
        let mut command = Command::new(python);
        command.args(["-c", self.import]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        process::run(&mut command)
    }
}
