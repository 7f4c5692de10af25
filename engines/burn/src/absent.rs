//! What is missing where no NVIDIA GPU can be used, from what driver and compiler answered.
//!
//! Apart from `cuda`, which asks them, so that its sentences are tested on machines without.

use firebrick_core::engine::{AbsentDevice, Missing};

/// The kind of device: what `accelerator` in a study means.
pub(crate) const KIND: &str = "cuda";

/// What the driver answered when it was asked how many GPUs there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: its library can't be loaded, or is not what it should be.
    NotLoaded(String),
    /// That it has none.
    None,
    /// That it can't say.
    Refused(String),
}

/// Returns what is missing where the driver named no GPU.
pub(crate) fn no_gpu(answer: &Answer) -> AbsentDevice {
    match answer {
        Answer::NotLoaded(panic) if panic.contains("Unable to dynamically load") => absent(
            Missing::Driver,
            "`libcuda.so`, which NVIDIA's driver brings, can't be loaded".to_owned(),
        ),
        Answer::NotLoaded(panic) => absent(
            Missing::Driver,
            format!("NVIDIA's driver can't be used: {panic}"),
        ),
        Answer::Refused(error) => absent(
            Missing::Driver,
            format!("NVIDIA's driver does not start: {error}"),
        ),
        Answer::None => absent(
            Missing::Gpu,
            "NVIDIA's driver finds no GPU (`CUDA_VISIBLE_DEVICES` may hide it)".to_owned(),
        ),
    }
}

/// Returns what is missing where no kernel can be compiled.
pub(crate) fn no_compiler(error: &str) -> AbsentDevice {
    let reason = match error.contains("Unable to dynamically load") {
        true => "`libnvrtc.so` of the CUDA toolkit can't be loaded".to_owned(),
        false => format!("NVRTC of the CUDA toolkit compiles nothing: {error}"),
    };
    absent(Missing::Compiler, reason)
}

/// Returns what is missing where kernels would find no header; the folder that was looked for, if
/// any was named.
pub(crate) fn no_headers(folder: Option<&str>) -> AbsentDevice {
    let reason = match folder {
        Some(folder) => format!("`{folder}` is no folder"),
        None => "no CUDA toolkit is in `/usr/local/cuda` or `/opt/cuda`, and `CUDA_PATH` does not \
                 say where it is"
            .to_owned(),
    };
    absent(Missing::Headers, reason)
}

fn absent(missing: Missing, reason: String) -> AbsentDevice {
    AbsentDevice {
        kind: KIND.to_owned(),
        missing,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_LOADED: &str = "Unable to dynamically load the \"cuda\" shared library - searched \
                              for library names: [\"libcuda.so\", \"libcuda.so.1\"]";

    fn said(absent: &AbsentDevice) -> (Missing, &str) {
        assert_eq!(absent.kind, "cuda");
        (absent.missing, &absent.reason)
    }

    #[test]
    fn tells_a_missing_driver_from_one_that_fails_and_from_a_missing_gpu() {
        let not_loaded = no_gpu(&Answer::NotLoaded(NOT_LOADED.to_owned()));
        let expected = "`libcuda.so`, which NVIDIA's driver brings, can't be loaded";
        assert_eq!(said(&not_loaded), (Missing::Driver, expected));

        let old = no_gpu(&Answer::NotLoaded("`cuInit` is not in it".to_owned()));
        let expected = "NVIDIA's driver can't be used: `cuInit` is not in it";
        assert_eq!(said(&old), (Missing::Driver, expected));

        let refused = no_gpu(&Answer::Refused("system not yet initialized".to_owned()));
        let expected = "NVIDIA's driver does not start: system not yet initialized";
        assert_eq!(said(&refused), (Missing::Driver, expected));

        let none = no_gpu(&Answer::None);
        assert_eq!(none.missing, Missing::Gpu);
        assert!(none.reason.contains("finds no GPU"), "{}", none.reason);
    }

    #[test]
    fn tells_a_missing_compiler_from_one_that_fails_and_from_missing_headers() {
        let not_loaded = no_compiler(&NOT_LOADED.replace("cuda", "nvrtc"));
        let expected = "`libnvrtc.so` of the CUDA toolkit can't be loaded";
        assert_eq!(said(&not_loaded), (Missing::Compiler, expected));

        let failing = no_compiler("NVRTC_ERROR_BUILTIN_OPERATION_FAILURE");
        assert_eq!(failing.missing, Missing::Compiler);
        assert!(failing.reason.ends_with("FAILURE"), "{}", failing.reason);

        let expected = "`/opt/cuda/include` is no folder";
        let headers = no_headers(Some("/opt/cuda/include"));
        assert_eq!(said(&headers), (Missing::Headers, expected));
        let nowhere = no_headers(None);
        assert_eq!(nowhere.missing, Missing::Headers);
        assert!(nowhere.reason.contains("CUDA_PATH"), "{}", nowhere.reason);
    }
}
