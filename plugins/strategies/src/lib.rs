//! firebrick-strategies as a plugin.
