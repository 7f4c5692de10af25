//! What a network of some widths takes.

use firebrick_core::channels::{Channels, depthwise_multiplier};
use firebrick_core::graph::{Graph, Op};

/// A topology, to be measured at widths that are not its own.
#[derive(Debug)]
pub(crate) struct Topology<'a> {
    graph: &'a Graph,
    channels: Channels,
}

/// What one candidate takes, for one row where it depends on rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Multiply-accumulates of linear layers and convolutions, as `Costs` counts them.
    pub(crate) macs: u64,
    /// Numbers that are learned or follow the batches.
    pub(crate) parameters: u64,
    /// Values of all results together.
    pub(crate) results: u64,
    /// Values of the largest result.
    pub(crate) widest: u64,
    /// Values that the windows of one convolution read, the largest such number.
    pub(crate) windows: u64,
}

impl Size {
    /// Returns what a network takes.
    pub(crate) fn of(graph: &Graph) -> Self {
        let topology = Topology::of(graph);
        topology.size(&topology.channels.units())
    }
}

impl<'a> Topology<'a> {
    /// Returns the topology of a graph.
    pub(crate) fn of(graph: &'a Graph) -> Self {
        Self {
            graph,
            channels: Channels::of(graph),
        }
    }

    /// Returns what a network takes whose groups of channels have these units.
    pub(crate) fn size(&self, units: &[usize]) -> Size {
        let mut size = Size::default();
        let width = |node| self.channels.width(node, units) as u64;
        for (idx, node) in self.graph.nodes().iter().enumerate() {
            let (out, places) = (width(idx), product(&self.graph.shape(idx)[1..]));
            let values = out.saturating_mul(places);
            size.results = size.results.saturating_add(values);
            size.widest = size.widest.max(values);
            let input = self.graph.producers(idx).next().map_or(0, width);
            let inputs = match &node.op {
                Op::Linear { .. } => input,
                Op::Conv2d { kernel, groups, .. } => {
                    let taps = product(kernel);
                    size.windows = size
                        .windows
                        .max(input.saturating_mul(taps).saturating_mul(places));
                    match depthwise_multiplier(&node.op) {
                        Some(_) => taps,
                        None => (input / *groups as u64).saturating_mul(taps),
                    }
                }
                Op::BatchNorm { .. } => {
                    size.parameters = size.parameters.saturating_add(out.saturating_mul(4));
                    continue;
                }
                _ => continue,
            };
            size.macs = size.macs.saturating_add(values.saturating_mul(inputs));
            // With a bias, whether there is one or not.
            let parameters = out.saturating_mul(inputs.saturating_add(1));
            size.parameters = size.parameters.saturating_add(parameters);
        }
        size
    }
}

fn product(sizes: &[usize]) -> u64 {
    let sizes = sizes.iter().map(|size| *size as u64);
    sizes.fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrick_core::costs::Costs;
    use firebrick_core::testing::random_graph;

    #[test]
    fn a_network_at_its_own_widths_takes_what_it_costs() {
        for seed in 0..200 {
            let graph = random_graph(seed, 3);
            let size = Size::of(&graph);
            let cost = Costs::of(&graph).total;
            assert_eq!(size.macs, cost.macs, "{graph}");
            let shapes = (0..graph.nodes().len()).map(|idx| product(graph.shape(idx)));
            let shapes: Vec<u64> = shapes.collect();
            assert_eq!(size.results, shapes.iter().sum::<u64>(), "{graph}");
            assert_eq!(size.widest, shapes.into_iter().max().unwrap(), "{graph}");
            let counted = cost.params + cost.buffers;
            assert!(size.parameters >= counted, "{graph}");
            assert!(size.parameters <= 2 * counted + 1, "{graph}");
        }
    }

    #[test]
    fn a_wider_network_takes_what_the_wider_network_costs() {
        for seed in 0..200 {
            let graph = random_graph(seed, 3);
            let topology = Topology::of(&graph);
            let groups = topology.channels.groups().iter();
            let units: Vec<usize> = groups
                .map(|group| group.units + if group.fixed.is_none() { 2 } else { 0 })
                .collect();
            let wide = Graph::new(topology.channels.resized(&graph, &units)).unwrap();
            assert_eq!(topology.size(&units).macs, Costs::of(&wide).total.macs);
        }
    }
}
