//! The model families that come with Firebrick, one file a family.
//!
//! Feature count and class count come from the dataset; widths are the family's own.

mod chain;
mod jsc;
mod mlp;
mod toy;

#[cfg(test)]
mod tests;
