//! Which candidates of a job train as one computation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use firebrick_core::channels::Channels;
use firebrick_core::formats::{Element, Quantizer};
use firebrick_core::graph::{Graph, NumberFormat};

use super::layout::Layout;
use super::size::{Size, Topology};

/// How many times the arithmetic of its candidates a stack may do: padding wastes at most half.
const PADDED_MOST: u128 = 2;

/// The number formats of a candidate that those beside it in a stack must have as well, by node and
/// operand.
type Formats<'a> = Vec<(usize, &'a str, &'a NumberFormat)>;

/// A stack that is being filled.
struct Filling {
    candidates: Vec<usize>,
    /// The most units that a candidate has, group by group.
    units: Vec<usize>,
    /// What its candidates compute without padding.
    macs: u128,
}

/// Returns the stacks of a job, each the positions of its candidates, ascending; every candidate is
/// in one.
///
/// A stack holds candidates of one topology, at most as many as `most` says of the size of one of
/// them, padded (at least one). Fixed point may differ from candidate to candidate, other formats of
/// single numbers may not, and with all other formats a candidate is on its own. Larger candidates
/// come first, each into the first stack in which no more than half of the arithmetic is padding. So
/// stacks depend on the candidates alone.
pub(crate) fn stacks(graphs: &[&Graph], most: impl Fn(&Size) -> usize) -> Vec<Vec<usize>> {
    let mut stacks: Vec<Vec<usize>> = Vec::new();
    for candidates in by_topology(graphs) {
        stacks.extend(filled(graphs, &candidates, &most));
    }
    for stack in &mut stacks {
        stack.sort_unstable();
    }
    // In the order of the job, so that what is heard first is what was asked for first.
    stacks.sort();
    stacks
}

/// Returns the positions of the candidates by topology, in the order of the first of each.
fn by_topology(graphs: &[&Graph]) -> Vec<Vec<usize>> {
    let mut topologies: Vec<Vec<usize>> = Vec::new();
    // Those that may be of one topology, so that few pairs are laid out in full.
    let mut alike: BTreeMap<Vec<(&str, &str)>, Vec<usize>> = BTreeMap::new();
    for (position, graph) in graphs.iter().enumerate() {
        let nodes = graph.nodes().iter();
        let names = nodes.map(|node| (node.name.as_str(), node.op.name()));
        let of_names = alike.entry(names.collect()).or_default();
        let formats = formats_to_share(graph);
        let fits = |topology: &&usize| {
            let first = graphs[topologies[**topology][0]];
            formats.is_some()
                && formats == formats_to_share(first)
                && Layout::of(&[first, graph]).is_some()
        };
        match of_names.iter().find(fits) {
            Some(topology) => topologies[*topology].push(position),
            None => {
                of_names.push(topologies.len());
                topologies.push(vec![position]);
            }
        }
    }
    topologies
}

/// Returns the formats that have to be equal in a stack; `None` where no other candidate may be in
/// it: zeros that pad would become other numbers, or what a number is stored as depends on others.
fn formats_to_share(graph: &Graph) -> Option<Formats<'_>> {
    let mut shared = Vec::new();
    for (idx, node) in graph.nodes().iter().enumerate() {
        for (operand, format) in &node.annotations.formats {
            let keeps_zero = match Quantizer::of(format, Some(1.0)).ok()? {
                Quantizer::FixedPoint(_) => continue,
                Quantizer::Minifloat(format) => format.quantize(0.0) == 0.0,
                Quantizer::Log(format) => format.quantize(0.0) == 0.0,
                _ => false,
            };
            if !keeps_zero {
                return None;
            }
            shared.push((idx, operand.as_str(), format));
        }
    }
    Some(shared)
}

/// Returns the stacks of candidates of one topology.
fn filled(
    graphs: &[&Graph],
    candidates: &[usize],
    most: impl Fn(&Size) -> usize,
) -> Vec<Vec<usize>> {
    let topology = Topology::of(graphs[candidates[0]]);
    let measured = candidates.iter().map(|position| {
        let units = Channels::of(graphs[*position]).units();
        (*position, topology.size(&units), units)
    });
    let mut measured: Vec<(usize, Size, Vec<usize>)> = measured.collect();
    measured.sort_by_key(|(position, size, _)| (Reverse(size.macs), *position));
    let mut stacks: Vec<Filling> = Vec::new();
    for (position, size, units) in measured {
        let own = u128::from(size.macs);
        let takes = |stack: &&mut Filling| {
            let n_candidates = stack.candidates.len() + 1;
            let wider = widest(&stack.units, &units);
            let padded = topology.size(&wider);
            let done = u128::from(padded.macs) * n_candidates as u128;
            done <= PADDED_MOST * (stack.macs + own) && n_candidates <= most(&padded)
        };
        match stacks.iter_mut().find(takes) {
            Some(stack) => {
                stack.candidates.push(position);
                stack.units = widest(&stack.units, &units);
                stack.macs += own;
            }
            None => stacks.push(Filling {
                candidates: vec![position],
                units,
                macs: own,
            }),
        }
    }
    stacks.into_iter().map(|stack| stack.candidates).collect()
}

fn widest(one: &[usize], other: &[usize]) -> Vec<usize> {
    let pairs = one.iter().zip(other);
    pairs.map(|(one, other)| *one.max(other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrick_core::costs::Costs;
    use firebrick_core::random::{Purpose, stream};
    use firebrick_core::testing::number_formats;
    use rand::RngExt;

    fn chain(widths: [usize; 2]) -> Graph {
        let [one, two] = widths;
        let text = format!(
            "x = input[6]
            a = linear(x, out={one})
            r = relu(a)
            b = linear(r, out={two})
            c = linear(b, out=3)
            y = output(c)"
        );
        text.parse().unwrap()
    }

    fn joined(widths: [usize; 2]) -> Graph {
        let [one, two] = widths;
        let text = format!(
            "x = input[2, 5, 5]
            a = conv2d(x, out={one}, kernel=3, padding=1)
            b = conv2d(x, out={two}, kernel=1)
            c = concat(a, b)
            d = conv2d(c, out={}, kernel=1)
            s = add(c, d)
            f = flatten(s)
            l = linear(f, out=3)
            y = output(l)",
            one + two
        );
        text.parse().unwrap()
    }

    fn stacks_of(graphs: &[Graph], most: usize) -> Vec<Vec<usize>> {
        let graphs: Vec<&Graph> = graphs.iter().collect();
        stacks(&graphs, |_| most)
    }

    fn random(of: fn([usize; 2]) -> Graph, seed: u64) -> Vec<Graph> {
        let mut rng = stream(seed, Purpose::Dataset, 0);
        let mut width = || 1 << rng.random_range(0..7);
        (0..40).map(|_| of([width(), width()])).collect()
    }

    #[test]
    fn padding_wastes_at_most_half() {
        for (of, seed) in [
            (chain as fn(_) -> _, 1),
            (chain, 2),
            (joined, 3),
            (joined, 4),
        ] {
            let graphs = random(of, seed);
            let stacks = stacks_of(&graphs, usize::MAX);
            assert!(stacks.len() < 20, "{}", stacks.len());
            for stack in &stacks {
                let of_stack: Vec<&Graph> = stack.iter().map(|idx| &graphs[*idx]).collect();
                let layout = Layout::of(&of_stack).expect("a stack has a layout");
                let padded = Costs::of(layout.graph()).total.macs * stack.len() as u64;
                let own = of_stack.iter().map(|graph| Costs::of(graph).total.macs);
                assert!(padded <= 2 * own.sum::<u64>(), "{stack:?}");
            }
        }
    }

    #[test]
    fn every_candidate_is_in_one_stack_of_at_most_so_many() {
        for most in [1, 3, 16] {
            let stacks = stacks_of(&random(chain, 5), most);
            assert!(stacks.iter().all(|stack| stack.len() <= most));
            let mut all = stacks.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..40));
        }
    }

    #[test]
    fn candidates_that_differ_in_more_than_widths_are_apart() {
        let graphs = [
            chain([8, 8]),
            joined([8, 8]),
            chain([8, 4]),
            chain([8, 8])
                .to_string()
                .replace("relu(a)", "dropout(a, p=0.5)")
                .parse()
                .unwrap(),
            joined([4, 8]),
        ];
        assert_eq!(stacks_of(&graphs, 9), [vec![0, 2], vec![1, 4], vec![3]]);
    }

    /// Two networks, of which a layer of each reads numbers in a format.
    fn in_formats(one: &NumberFormat, other: &NumberFormat) -> [Graph; 2] {
        [one, other].map(|format| {
            let mut nodes = chain([8, 8]).nodes().to_vec();
            let formats = &mut nodes[3].annotations.formats;
            formats.insert("data_in".to_owned(), format.clone());
            Graph::new(nodes).unwrap()
        })
    }

    #[test]
    fn formats_say_who_may_share_a_stack() {
        let share = |one: &NumberFormat, other: &NumberFormat| {
            stacks_of(&in_formats(one, other), 9).len() == 1
        };
        let elementwise = [
            "integer",
            "minifloat_ieee",
            "minifloat_denorm",
            "fp8_e4m3",
            "fp8_e5m2",
            "log",
        ];
        for format in number_formats() {
            let expected = elementwise.contains(&format.name.as_str());
            assert_eq!(share(&format, &format), expected, "{format}");
        }
        let mases_log = NumberFormat {
            mase: true,
            ..NumberFormat::new("log", 5)
        };
        assert!(!share(&mases_log, &mases_log), "has no zero");
        let (fixed, narrow) = (NumberFormat::integer(8, 4), NumberFormat::integer(5, 2));
        assert!(share(&fixed, &narrow));
        let [e4m3, e5m2] = ["fp8_e4m3", "fp8_e5m2"].map(|name| NumberFormat::new(name, 8));
        assert!(!share(&e4m3, &e5m2));
        assert!(!share(&e4m3, &fixed));
        let [_, with] = in_formats(&fixed, &fixed);
        assert_eq!(stacks_of(&[chain([8, 8]), with], 9).len(), 2);
    }

    #[test]
    fn memory_is_asked_for_what_is_padded() {
        let graphs = [chain([8, 4]), chain([4, 8])];
        let graphs: Vec<&Graph> = graphs.iter().collect();
        let both = Topology::of(graphs[0]).size(&Channels::of(&chain([8, 8])).units());
        let stacks = stacks(&graphs, |size| match *size == both {
            true => 1,
            false => 9,
        });
        assert_eq!(stacks, [[0], [1]]);
    }
}
