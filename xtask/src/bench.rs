//! `cargo xtask bench`: measures the bars of speed.
use anyhow::Result;
/// Runs it.
pub(crate) fn task(_args: &[String]) -> Result<()> {
    Ok(())
}
