//! firebrick-models as a plugin.
