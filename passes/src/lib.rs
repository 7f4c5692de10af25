//! The passes that come with Firebrick, one file a pass.

mod by_node;
mod channel_multiplier;
mod quantize;

mod average_bitwidth;
mod macs;
mod params;
mod size_bits;
mod summary;

#[cfg(test)]
mod tests;
