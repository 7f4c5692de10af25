//! firebrick-models as a plugin.

use firebrick_models as _;

firebrick_sdk::export_plugin!(name = "firebrick-models", packages = ["firebrick-models"]);
