//! firebrick-passes as a plugin.

use firebrick_passes as _;

firebrick_sdk::export_plugin!(name = "firebrick-passes", packages = ["firebrick-passes"]);
