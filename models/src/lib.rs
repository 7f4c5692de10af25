//! The model families that come with Firebrick.
