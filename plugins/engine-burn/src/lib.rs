//! firebrick-engine-burn as a plugin.
