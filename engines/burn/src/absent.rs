//! What is missing where no NVIDIA GPU can be used, from what driver and compiler answered.
//!
//! Apart from `cuda`, which asks them, so that its sentences are tested on machines without.

use std::path::Path;

use firebrick_core::engine::{AbsentDevice, Missing};

/// The kind of device: what `accelerator` in a study means.
pub(crate) const KIND: &str = "cuda";

/// Headers of the CUDA toolkit that burn's kernels include, directly or not.
const HEADERS: [&str; 3] = ["mma.h", "crt/mma.h", "cuda_fp16.h"];

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

/// Checks that kernels find their headers in a folder, if one was found.
///
/// # Errors
/// What is missing: the folder, or a header that the products of matrices include. Some packages
/// of the toolkit have the others without those in `crt`.
pub(crate) fn check_headers(folder: Option<&Path>) -> Result<(), AbsentDevice> {
    let Some(folder) = folder else {
        let reason = "no CUDA toolkit is in `/usr/local/cuda` or `/opt/cuda`, and `CUDA_PATH` does \
                      not say where it is";
        return Err(absent(Missing::Headers, reason.to_owned()));
    };
    let shown = folder.display();
    if !folder.is_dir() {
        let reason = format!("`{shown}` is no folder");
        return Err(absent(Missing::Headers, reason));
    }
    match HEADERS.iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(()),
        Some(name) => {
            let reason = format!("`{shown}` has no `{name}`");
            Err(absent(Missing::Headers, reason))
        }
    }
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
    }

    #[test]
    fn names_the_header_that_is_missing() {
        let nowhere = check_headers(None).unwrap_err();
        assert_eq!(nowhere.missing, Missing::Headers);
        assert!(nowhere.reason.contains("CUDA_PATH"), "{}", nowhere.reason);
        let no_folder = check_headers(Some(Path::new("/no/such/folder"))).unwrap_err();
        assert_eq!(no_folder.reason, "`/no/such/folder` is no folder");

        let name = format!("firebrick-headers-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("crt")).unwrap();
        for name in ["mma.h", "cuda_fp16.h"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let lacks = check_headers(Some(&folder)).unwrap_err();
        std::fs::write(folder.join("crt/mma.h"), "").unwrap();
        let complete = check_headers(Some(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            lacks.reason.ends_with(" has no `crt/mma.h`"),
            "{}",
            lacks.reason
        );
        assert_eq!(complete, Ok(()));
    }
}
