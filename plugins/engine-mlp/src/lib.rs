//! firebrick-engine-mlp as a plugin.

use firebrick_engine_mlp as _;

firebrick_sdk::export_plugin!(
    name = "firebrick-engine-mlp",
    packages = ["firebrick-engine-mlp"]
);
