//! What the author of a Firebrick plugin depends on.
