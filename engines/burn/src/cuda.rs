//! The engine `cuda`: burn on an NVIDIA GPU.
//!
//! Everything that needs a driver happens behind a question whether there is one: burn and cudarc
//! panic where a library is missing. The GPU is found by enumeration, before any tensor exists.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device as BurnDevice, DeviceType};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaContext, result};
use firebrick_core::engine::{AbsentDevice, Device, panic_message};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::BurnEngine;
use crate::absent::{self, Answer, KIND};

/// The GPU that is used: the first that the driver shows.
const ORDINAL: usize = 0;

/// Trains any network with the burn library, on an NVIDIA GPU.
///
/// Takes what engine `burn` takes, and comes to its results within float tolerance. Candidates of
/// one topology train side by side in one computation.
///
/// Uses the first GPU that the driver shows; `CUDA_VISIBLE_DEVICES` says which that is. Needs
/// NVIDIA's driver; built with `--without-llvm`, it needs NVRTC and the headers of the CUDA toolkit
/// besides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// Looks for a GPU; returns engine `burn` on it. Without one, the engine has no device and says why.
pub fn engine() -> BurnEngine {
    let (devices, absent) = match probe() {
        Ok(found) => (vec![found], Vec::new()),
        Err(absent) => (Vec::new(), vec![absent]),
    };
    let engine = BurnEngine::new(devices).lacking(absent);
    engine.with_memory(|| Some(memory()?.free_bytes))
}

/// Memory of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that nobody has taken. What burn holds for later use counts as taken.
    pub free_bytes: u64,
    /// Bytes that there are.
    pub total_bytes: u64,
}

/// Asks the driver for the memory of the GPU that is used; none where it does not answer.
///
/// Takes up to some tenths of a second the first time in a process, since it makes the driver's
/// context, which burn shares.
pub fn memory() -> Option<Memory> {
    let asked = quietly(|| CudaContext::new(ORDINAL)?.mem_get_info());
    let (free, total) = asked.ok()?.ok()?;
    Some(Memory {
        free_bytes: free as u64,
        total_bytes: total as u64,
    })
}

/// Finds the GPU that is used, or what is missing.
fn probe() -> Result<(Device, BurnDevice), AbsentDevice> {
    let found = quietly(|| {
        BurnDevice::enumerate(DeviceType::Cuda)
            .into_iter()
            .nth(ORDINAL)
    });
    let Ok(Some(device)) = found else {
        return Err(absent::no_gpu(&ask_driver()));
    };
    check_compiler()?;
    let name = quietly(|| result::device::get_name(result::device::get(ORDINAL as i32)?));
    let name = name.ok().and_then(Result::ok);
    let named = Device {
        kind: KIND.to_owned(),
        name: name.unwrap_or_else(|| "an NVIDIA GPU".to_owned()),
    };
    Ok((named, device))
}

/// Asks the driver why burn found no GPU.
fn ask_driver() -> Answer {
    match quietly(CudaContext::device_count) {
        Err(panic) => Answer::NotLoaded(panic),
        Ok(Err(error)) if error.0 == CUresult::CUDA_ERROR_NO_DEVICE => Answer::None,
        Ok(Err(error)) => {
            let text = quietly(|| error.to_string());
            Answer::Refused(text.unwrap_or_else(|_| format!("{:?}", error.0)))
        }
        Ok(Ok(_)) => Answer::None,
    }
}

/// Checks that kernels can be compiled. burn's LLVM needs nothing of the machine.
#[cfg(not(feature = "nvrtc"))]
fn check_compiler() -> Result<(), AbsentDevice> {
    Ok(())
}

/// Checks that kernels can be compiled: by a kernel, since a library that can be loaded may still
/// lack the one beside it, and by the folder that burn hands to the compiler, without which burn
/// panics.
#[cfg(feature = "nvrtc")]
fn check_compiler() -> Result<(), AbsentDevice> {
    let kernel = "extern \"C\" __global__ void nothing() {}";
    match quietly(|| cudarc::nvrtc::compile_ptx(kernel).map_err(|error| error.to_string())) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) | Err(error) => return Err(absent::no_compiler(&error)),
    }
    let folder = cubecl::cuda::install::cuda_path().map(|path| path.join("include"));
    absent::check_headers(folder.as_deref())
}

/// Runs a question to libraries that panic where they are missing; returns such a panic as text.
fn quietly<T>(question: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(question)).map_err(|panic| panic_message(&*panic))
}
