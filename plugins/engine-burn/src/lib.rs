//! firebrick-engine-burn as a plugin.

use firebrick_engine_burn as _;

// burn allocates for every step of a small network; under this allocator a step takes 20 to 80 %
// less time. What crosses the door is freed by the side that allocated it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

firebrick_sdk::export_plugin!(
    name = "firebrick-engine-burn",
    packages = ["firebrick-engine-burn"]
);
