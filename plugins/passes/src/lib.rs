//! firebrick-passes as a plugin.
