//! The passes that come with Firebrick, one file a pass.

mod by_node;
mod channel_multiplier;
mod quantize;

mod average_bitwidth;
mod bops;
mod ebops;
mod energy;
mod finn_luts;
mod fold_batch_norm;
mod macs;
mod params;
mod per_node;
mod roofline_latency;
mod size_bits;
mod summary;

#[cfg(test)]
mod tests;
