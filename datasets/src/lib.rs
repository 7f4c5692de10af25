//! Loaders and generators of data sets: arrays in memory, no burn.
