//! firebrick-strategies as a plugin.

use firebrick_strategies as _;

firebrick_sdk::export_plugin!(
    name = "firebrick-strategies",
    packages = ["firebrick-strategies"]
);
