//! The model families that come with Firebrick, one file a family.
//!
//! Feature count and class count come from the dataset; widths are the family's own.

mod chain;
mod image;
mod jsc;
mod mlp;
mod mobile;
mod resnet;
mod toy;
mod vgg7;

#[cfg(test)]
mod tests;
