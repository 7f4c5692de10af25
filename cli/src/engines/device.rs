//! What to say where no engine has the device that a run asks for.

use std::collections::BTreeSet;

use anyhow::anyhow;
use firebrick_core::engine::{AbsentDevice, Missing};

use super::{Wanted, list};
use crate::failure::hinted;

/// The word for what a GPU is, whatever a study calls it.
const GPU: &str = "cuda";

/// How to get the engine for GPUs, which no other command builds.
pub(crate) const GET_IT: &str = "`cargo xtask build --engine cuda` builds it, `cargo xtask install \
                                 --engine cuda` installs it";

/// What every machine has.
const CPU: &str = "cpu";

/// Returns the kind of device that a run asks for; none is the one that each engine prefers.
pub(super) fn kind<'a>(wanted: &Wanted<'a>) -> Option<&'a str> {
    match wanted.accelerator {
        "auto" => None,
        // The seed says `gpu` and `cuda` for one thing.
        "gpu" | GPU => Some(GPU),
        other => Some(other),
    }
}

/// What the engines said that have no device for a run.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// What those say that can't be made, the name of the engine in front.
    pub(super) broken: Vec<String>,
    /// The kinds of device that they do have.
    pub(super) kinds: Vec<String>,
    /// The devices that they were made for and can't use, each with the engine.
    pub(super) absent: Vec<(String, AbsentDevice)>,
}

impl Refused {
    /// Returns the error of a run that no engine has a device for: what is missing, and what does
    /// without it.
    pub(super) fn into_error(self, wanted: &Wanted<'_>) -> anyhow::Error {
        if self.absent.is_empty() && self.kinds.is_empty() {
            return anyhow!("no engine can be used{}", list(&self.broken));
        }
        let kinds: BTreeSet<&str> = self.kinds.iter().map(String::as_str).collect();
        let kinds = Vec::from_iter(kinds);
        let instead = kinds.first().unwrap_or(&CPU);
        let (why, hint) = match self.absent.first() {
            Some((_, absent)) => {
                let why = format!("the {} is missing", absent.missing);
                (why, remedy(absent.missing).to_owned())
            }
            None if wanted.name != "auto" => {
                let why = format!("engine `{}` runs on {}", wanted.name, kinds.join(", "));
                let hint = format!("use `--accelerator {instead}`, or `--engine auto`");
                (why, hint)
            }
            None if kind(wanted) == Some(GPU) => {
                let why = "the plugin with engine `cuda` is missing".to_owned();
                (
                    why,
                    format!("{GET_IT}; `--accelerator {instead}` does without"),
                )
            }
            None => {
                let why = format!("they run on {}", kinds.join(", "));
                (why, format!("use `--accelerator {instead}`"))
            }
        };
        let mut details: Vec<String> = self.absent.iter().map(detail).collect();
        details.extend(self.broken);
        let what = format!(
            "no engine here has a device for accelerator `{}`: {why}{}",
            wanted.accelerator,
            list(&details)
        );
        hinted(anyhow!(what), hint)
    }
}

fn detail((engine, absent): &(String, AbsentDevice)) -> String {
    format!("engine `{engine}`: {}", absent.reason)
}

/// Returns what helps where something is missing.
fn remedy(missing: Missing) -> &'static str {
    match missing {
        Missing::Driver => {
            "install NVIDIA's driver and see whether `nvidia-smi` shows the GPU, or train without \
             it: `--accelerator cpu`"
        }
        Missing::Gpu => "train without it: `--accelerator cpu`",
        Missing::Compiler | Missing::Headers => {
            "install NVIDIA's CUDA toolkit and name its folder in `CUDA_PATH`, or build the plugin \
             with LLVM (`cargo xtask build --engine cuda`), or train without it: `--accelerator cpu`"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accelerator: &'static str) -> Wanted<'static> {
        Wanted {
            name: "auto",
            accelerator,
            threads: 1,
        }
    }

    fn absent(missing: Missing, reason: &str) -> (String, AbsentDevice) {
        let absent = AbsentDevice {
            kind: "cuda".to_owned(),
            missing,
            reason: reason.to_owned(),
        };
        ("cuda".to_owned(), absent)
    }

    /// What is printed, the hint after the message.
    fn said(refused: Refused, wanted: &Wanted<'_>) -> String {
        let error = refused.into_error(wanted);
        match crate::failure::hint_of(&error) {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn gpu_and_cuda_are_one_device_and_auto_is_any() {
        assert_eq!(kind(&wanted("gpu")), Some("cuda"));
        assert_eq!(kind(&wanted("cuda")), Some("cuda"));
        assert_eq!(kind(&wanted("cpu")), Some("cpu"));
        assert_eq!(kind(&wanted("auto")), None);
    }

    #[test]
    fn a_missing_plugin_is_named_with_the_command_that_builds_it() {
        let refused = Refused {
            kinds: vec![CPU.to_owned(), CPU.to_owned()],
            ..Refused::default()
        };
        insta::assert_snapshot!(said(refused, &wanted("gpu")), @r"
        no engine here has a device for accelerator `gpu`: the plugin with engine `cuda` is missing
        hint: `cargo xtask build --engine cuda` builds it, `cargo xtask install --engine cuda` installs it; `--accelerator cpu` does without
        ");
    }

    #[test]
    fn a_missing_driver_is_no_missing_gpu() {
        let refused = |missing, reason| Refused {
            kinds: vec![CPU.to_owned()],
            absent: vec![absent(missing, reason)],
            ..Refused::default()
        };
        let driver = refused(Missing::Driver, "`libcuda.so` can't be loaded");
        insta::assert_snapshot!(said(driver, &wanted("cuda")), @r"
        no engine here has a device for accelerator `cuda`: the driver is missing
          engine `cuda`: `libcuda.so` can't be loaded
        hint: install NVIDIA's driver and see whether `nvidia-smi` shows the GPU, or train without it: `--accelerator cpu`
        ");
        let gpu = refused(Missing::Gpu, "NVIDIA's driver finds no GPU");
        insta::assert_snapshot!(said(gpu, &wanted("gpu")), @r"
        no engine here has a device for accelerator `gpu`: the GPU is missing
          engine `cuda`: NVIDIA's driver finds no GPU
        hint: train without it: `--accelerator cpu`
        ");
    }

    #[test]
    fn a_missing_compiler_names_both_ways_to_kernels() {
        for missing in [Missing::Compiler, Missing::Headers] {
            let refused = Refused {
                absent: vec![absent(missing, "it can't be loaded")],
                ..Refused::default()
            };
            let said = said(refused, &wanted("cuda"));
            let words = [
                &missing.to_string(),
                "CUDA_PATH",
                "--engine cuda",
                "--accelerator cpu",
            ];
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }

    #[test]
    fn an_engine_that_is_named_says_where_it_runs() {
        let refused = Refused {
            kinds: vec![CPU.to_owned()],
            ..Refused::default()
        };
        let wanted = Wanted {
            name: "mlp",
            ..wanted("cuda")
        };
        insta::assert_snapshot!(said(refused, &wanted), @r"
        no engine here has a device for accelerator `cuda`: engine `mlp` runs on cpu
        hint: use `--accelerator cpu`, or `--engine auto`
        ");
    }

    #[test]
    fn an_engine_that_breaks_is_not_forgotten() {
        let refused = || Refused {
            broken: vec!["engine `cuda`: boom".to_owned()],
            ..Refused::default()
        };
        assert_eq!(
            said(refused(), &wanted("cuda")),
            "no engine can be used\n  engine `cuda`: boom"
        );
        let others = Refused {
            kinds: vec![CPU.to_owned()],
            ..refused()
        };
        assert!(said(others, &wanted("cuda")).contains("engine `cuda`: boom"));
    }
}
