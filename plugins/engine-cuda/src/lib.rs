//! firebrick-engine-burn on NVIDIA GPUs, as a plugin.

#[cfg(feature = "without-llvm")]
mod without_llvm;

use firebrick_engine_burn::cuda::{Settings, engine};
use firebrick_sdk::prelude::*;

// As in plugins/engine-burn: what a step allocates on the host is freed at its end.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// Here rather than in `engines/burn`, whose own engine would come along with it. Before `burn`,
// which runs on the CPU alone; after `mlp`, which trains small chains faster than they can be
// handed to a GPU.
register_engine!("cuda"; Settings => engine(), preference = 5);

firebrick_sdk::export_plugin!(
    name = "firebrick-engine-cuda",
    packages = [env!("CARGO_PKG_NAME")]
);
