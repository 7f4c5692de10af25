//! The search strategies that come with Firebrick.
