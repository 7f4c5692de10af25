//! The passes that come with Firebrick.
