//! Zero-cost metrics: what one batch says of a network before it is trained.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of an untrained network that one batch is enough for. More is better.
///
/// Networks are looked at as in training, batch normalisation by the statistics of the batch,
/// but with dropout off, so that chance plays no part. Layers are linear layers and convolutions
/// that are not frozen.
///
/// None of them is known to order networks better than the plain number of parameters does, so
/// show that beside them.
///
/// # Source
/// Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021,
/// <https://arxiv.org/abs/2101.08134>, whose code the definitions are those of where papers leave
/// something open. That the number of parameters is hard to beat: Li et al., "ZiCo", ICLR 2023,
/// <https://arxiv.org/abs/2301.11300>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroCost {
    /// The logarithm of `Σ |w · ∂R/∂w|` over the weights `w` of all layers, biases left out, where
    /// `R` is the sum of the outputs for one input of ones, with every weight and bias replaced by
    /// its magnitude, and batch normalisation and dropout taken out of the network. In float64.
    /// Rows play no part.
    ///
    /// # Source
    /// Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic
    /// flow", NeurIPS 2020, <https://arxiv.org/abs/2006.05467>. Differs: the logarithm, since sums
    /// of deep networks have hundreds of digits.
    Synflow,
    /// `Σ ‖∂L/∂w‖₂` over the weights of all layers, biases left out, where `L` is the mean
    /// cross-entropy of the batch.
    ///
    /// # Source
    /// Abdelfattah et al., section 3.1.
    GradNorm,
    /// `-Σ (ln(v + k) + 1 / (v + k))` over the eigenvalues `v` of the matrix of correlations between
    /// the gradients of the sum of the outputs by each row of the batch, `k = 1e-5`. NaN where the
    /// gradient by a row is the same for all its features. With fewer features than rows most
    /// eigenvalues are zero, and nearly all of it is their `1 / k`, the same for every network.
    ///
    /// # Source
    /// Mellor et al., "Neural Architecture Search without Training", version 1 of 2020,
    /// <https://arxiv.org/abs/2006.04647v1>; Lopes et al., "EPE-NAS", 2021.
    JacobCov,
    /// `ln |det K|`, where `K` of two rows is the number of values after a relu that are above zero
    /// for both or for neither.
    ///
    /// Differs: eigenvalues below 1e-5 count as 1e-5. A network with fewer relus than there are
    /// rows has determinant 0; this way such networks, too, have an order.
    ///
    /// # Source
    /// Mellor et al., "Neural Architecture Search without Training", ICML 2021,
    /// <https://arxiv.org/abs/2006.04647>, section 3.
    Naswot,
}

impl ZeroCost {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Synflow, Self::GradNorm, Self::JacobCov, Self::Naswot];

    /// Returns the name of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synflow => "synflow",
            Self::GradNorm => "grad_norm",
            Self::JacobCov => "jacob_cov",
            Self::Naswot => "naswot",
        }
    }

    /// Returns the metric of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl fmt::Display for ZeroCost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_cross_the_door() {
        for metric in ZeroCost::ALL {
            let crossing = serde_json::to_value(metric).unwrap();
            assert_eq!(crossing, metric.name());
            assert_eq!(ZeroCost::named(metric.name()), Some(metric));
        }
        assert_eq!(ZeroCost::named("params"), None);
    }
}
