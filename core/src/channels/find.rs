//! Finds the groups: walks the graph once, and cuts and merges bundles where results meet.

use super::{Channels, Fixed, Group, Meeting, Segment, depthwise_multiplier, own_width};
use crate::graph::{Graph, Op};

/// Finds the groups of a network.
pub(super) fn find(graph: &Graph) -> Channels {
    let mut finder = Finder::default();
    for node_idx in 0..graph.nodes().len() {
        finder.visit(graph, node_idx);
    }
    finder.finish(graph)
}

/// Everything found up to a node.
///
/// Groups that were merged into others stay as numbers that no bundle has, and so do bundles;
/// [`Finder::finish`] leaves them out.
#[derive(Default)]
struct Finder {
    /// The group of each bundle.
    group_of: Vec<usize>,
    /// The units of each group.
    units: Vec<usize>,
    fixed: Vec<Option<Fixed>>,
    results: Vec<Vec<Segment>>,
    meetings: Vec<Meeting>,
}

/// A place in the first dimension of a result.
#[derive(Debug, Clone, Copy)]
struct Place {
    node: usize,
    position: usize,
}

/// What happens to segments of one length that meet.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meet {
    /// They become the same channels.
    Merge,
    /// They stay different channels, but as many of them.
    Tie,
}

/// A boundary would cut through a unit.
struct Misaligned;

impl Finder {
    fn visit(&mut self, graph: &Graph, node_idx: usize) {
        let producers: Vec<usize> = graph.producers(node_idx).collect();
        let op = &graph.nodes()[node_idx].op;
        let first = producers
            .first()
            .map(|producer| self.results[*producer].clone());
        let segments = match op {
            Op::Input { shape } => {
                let segments = vec![self.fresh(shape[0])];
                self.fix(&segments, Fixed::Input);
                segments
            }
            Op::Conv2d {
                in_channels,
                out_channels,
                groups,
                ..
            } => match depthwise_multiplier(op) {
                Some(multiplier) => spread(first.unwrap_or_default(), multiplier),
                None if *groups > 1 => {
                    let length = in_channels / groups;
                    self.tie_blocks(producers[0], *groups, length, node_idx);
                    let blocks = (0..*groups).map(|_| self.fresh(out_channels / groups));
                    let segments: Vec<Segment> = blocks.collect();
                    let group = self.group_of[segments[0].bundle];
                    for segment in &segments[1..] {
                        self.group_of[segment.bundle] = group;
                    }
                    segments
                }
                None => vec![self.fresh(*out_channels)],
            },
            Op::Linear { out_features, .. } => vec![self.fresh(*out_features)],
            Op::Flatten => {
                let values: usize = graph.shape(producers[0])[1..].iter().product();
                spread(first.unwrap_or_default(), values)
            }
            Op::Add => {
                for other in &producers[1..] {
                    self.meet_results(producers[0], *other, graph.shape(node_idx)[0], node_idx);
                }
                self.results[producers[0]].clone()
            }
            Op::Concat => {
                let lists = producers.iter().map(|producer| &self.results[*producer]);
                lists.flatten().copied().collect()
            }
            Op::Output => {
                let segments = first.unwrap_or_default();
                self.fix(&segments, Fixed::Output);
                segments
            }
            Op::BatchNorm { .. }
            | Op::Relu
            | Op::MaxPool { .. }
            | Op::AvgPool { .. }
            | Op::GlobalAvgPool
            | Op::Dropout { .. } => first.unwrap_or_default(),
        };
        self.results.push(segments);
        let is_grouped = |op: &Op| matches!(op, Op::Conv2d { groups, .. } if *groups > 1);
        if *op == Op::Add || is_grouped(op) {
            for met in producers.into_iter().chain([node_idx]) {
                let groups: Vec<usize> = self.groups_of(met).collect();
                for group in groups {
                    self.note_meeting(graph, group, node_idx);
                }
            }
        }
    }

    /// Adds a bundle in a group of its own.
    fn fresh(&mut self, units: usize) -> Segment {
        self.units.push(units);
        self.fixed.push(None);
        self.group_of.push(self.units.len() - 1);
        Segment {
            bundle: self.group_of.len() - 1,
            places: 1,
        }
    }

    fn fix(&mut self, segments: &[Segment], reason: Fixed) {
        for segment in segments {
            self.fixed[self.group_of[segment.bundle]].get_or_insert(reason);
        }
    }

    /// Makes two results of one length the same channels; where that can't be, fixes both.
    fn meet_results(&mut self, one: usize, other: usize, length: usize, node: usize) {
        let [left, right] = [one, other].map(|node| Place { node, position: 0 });
        if self.meet(left, right, length, Meet::Merge).is_err() {
            for result in [one, other] {
                let segments = self.results[result].clone();
                self.fix(&segments, Fixed::Misaligned(node));
            }
        }
    }

    /// Makes the blocks of a result, side by side, as long as each other for good.
    fn tie_blocks(&mut self, result: usize, n_blocks: usize, length: usize, node: usize) {
        let place = |block: usize| Place {
            node: result,
            position: block * length,
        };
        // Segments that were tied are cut together from then on, so one round is enough.
        let tied = (0..n_blocks)
            .try_for_each(|block| self.cut_at(place(block)))
            .and_then(|()| {
                (1..n_blocks)
                    .try_for_each(|block| self.meet(place(0), place(block), length, Meet::Tie))
            });
        if tied.is_err() {
            let segments = self.results[result].clone();
            self.fix(&segments, Fixed::Misaligned(node));
        }
    }

    /// Lets two stretches of one length meet, segment after segment.
    ///
    /// Every round merges or ties two segments, or cuts one to the length of the other, so it ends.
    fn meet(
        &mut self,
        left: Place,
        right: Place,
        length: usize,
        how: Meet,
    ) -> Result<(), Misaligned> {
        let mut done = 0;
        while done < length {
            let [left, right] = [left, right].map(|place| Place {
                position: place.position + done,
                ..place
            });
            self.cut_at(left)?;
            self.cut_at(right)?;
            let (one, other) = (self.segment_at(left), self.segment_at(right));
            let (one_length, other_length) = (self.length(one), self.length(other));
            if one_length != other_length {
                let longer = if one_length > other_length {
                    left
                } else {
                    right
                };
                self.cut_at(Place {
                    position: longer.position + one_length.min(other_length),
                    ..longer
                })?;
                continue;
            }
            self.meet_segments(one, other, how);
            done += one_length;
        }
        Ok(())
    }

    /// Lets two segments of one length meet.
    fn meet_segments(&mut self, one: Segment, other: Segment, how: Meet) {
        let groups = [one, other].map(|segment| self.group_of[segment.bundle]);
        if groups[0] != groups[1] {
            // Units of both get as many places: the length is a multiple of both counts, so of
            // their least common multiple too.
            let places = one.places / gcd(one.places, other.places) * other.places;
            self.coarsen(groups[0], places / one.places);
            self.coarsen(groups[1], places / other.places);
            for group in &mut self.group_of {
                if *group == groups[1] {
                    *group = groups[0];
                }
            }
            let fixed = self.fixed[groups[1]];
            self.fixed[groups[0]] = self.fixed[groups[0]].or(fixed);
        }
        if how == Meet::Merge && one.bundle != other.bundle {
            for segment in self.results.iter_mut().flatten() {
                if segment.bundle == other.bundle {
                    segment.bundle = one.bundle;
                }
            }
        }
    }

    /// Takes units together, `n` at a time.
    fn coarsen(&mut self, group: usize, n: usize) {
        self.units[group] /= n;
        for segment in self.results.iter_mut().flatten() {
            if self.group_of[segment.bundle] == group {
                segment.places *= n;
            }
        }
    }

    /// Makes a place the beginning of a segment.
    fn cut_at(&mut self, place: Place) -> Result<(), Misaligned> {
        let mut position = 0;
        for segment in self.results[place.node].clone() {
            let end = position + self.length(segment);
            if place.position < end {
                let inside = place.position - position;
                if inside == 0 {
                    return Ok(());
                }
                if !inside.is_multiple_of(segment.places) {
                    return Err(Misaligned);
                }
                self.cut(self.group_of[segment.bundle], inside / segment.places);
                return Ok(());
            }
            position = end;
        }
        Ok(())
    }

    /// Cuts all bundles of a group after their first units, wherever they are.
    fn cut(&mut self, group: usize, first_units: usize) {
        let rest_group = self.units.len();
        self.units.push(self.units[group] - first_units);
        self.units[group] = first_units;
        self.fixed.push(self.fixed[group]);
        for bundle in 0..self.group_of.len() {
            if self.group_of[bundle] != group {
                continue;
            }
            let rest = self.group_of.len();
            self.group_of.push(rest_group);
            for result in &mut self.results {
                let mut position = 0;
                while position < result.len() {
                    if result[position].bundle == bundle {
                        let places = result[position].places;
                        let segment = Segment {
                            bundle: rest,
                            places,
                        };
                        position += 1;
                        result.insert(position, segment);
                    }
                    position += 1;
                }
            }
        }
    }

    /// Returns the segment that begins at a place.
    fn segment_at(&self, place: Place) -> Segment {
        let mut position = 0;
        for segment in &self.results[place.node] {
            if position == place.position {
                return *segment;
            }
            position += self.length(*segment);
        }
        unreachable!("a place that was cut at begins a segment")
    }

    fn length(&self, segment: Segment) -> usize {
        self.units[self.group_of[segment.bundle]] * segment.places
    }

    fn groups_of(&self, node_idx: usize) -> impl Iterator<Item = usize> {
        let segments = self.results[node_idx].iter();
        segments.map(|segment| self.group_of[segment.bundle])
    }

    /// Notes which layers share a group after a node.
    fn note_meeting(&mut self, graph: &Graph, group: usize, node: usize) {
        let layers = (0..self.results.len()).filter(|idx| {
            own_width(&graph.nodes()[*idx].op).is_some()
                && self.groups_of(*idx).any(|own| own == group)
        });
        let meeting = Meeting {
            node,
            layers: layers.collect(),
        };
        let is_known = |earlier: &Meeting| {
            let mut layers = meeting.layers.iter();
            layers.all(|layer| earlier.layers.contains(layer))
        };
        if meeting.layers.len() > 1 && !self.meetings.iter().any(is_known) {
            self.meetings.push(meeting);
        }
    }

    /// Numbers what is left in the order in which results show it.
    fn finish(self, graph: &Graph) -> Channels {
        let mut bundles: Vec<usize> = Vec::new();
        let mut groups: Vec<usize> = Vec::new();
        for segment in self.results.iter().flatten() {
            if !bundles.contains(&segment.bundle) {
                bundles.push(segment.bundle);
            }
            let group = self.group_of[segment.bundle];
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let number = |list: &[usize], old: usize| {
            let position = list.iter().position(|known| *known == old);
            position.expect("every bundle and group of a result is listed")
        };
        let group_of: Vec<usize> = bundles
            .iter()
            .map(|bundle| number(&groups, self.group_of[*bundle]))
            .collect();
        let results: Vec<Vec<Segment>> = self
            .results
            .iter()
            .map(|segments| {
                let renumbered = segments.iter().map(|segment| Segment {
                    bundle: number(&bundles, segment.bundle),
                    places: segment.places,
                });
                renumbered.collect()
            })
            .collect();
        let nodes = |group: usize, is_in: &dyn Fn(&Op) -> bool| {
            let nodes = graph.nodes().iter().zip(&results).enumerate();
            nodes
                .filter(|(_, (node, segments))| {
                    let mut own = segments.iter().map(|segment| group_of[segment.bundle]);
                    is_in(&node.op) && own.any(|own| own == group)
                })
                .map(|(node_idx, _)| node_idx)
                .collect()
        };
        let is_depthwise = |op: &Op| depthwise_multiplier(op).is_some();
        let is_maker = |op: &Op| own_width(op).is_some() && !is_depthwise(op);
        let is_follower = |op: &Op| matches!(op, Op::BatchNorm { .. }) || is_depthwise(op);
        let groups = groups.iter().enumerate().map(|(group, old)| Group {
            units: self.units[*old],
            bundles: (0..group_of.len())
                .filter(|bundle| group_of[*bundle] == group)
                .collect(),
            makers: nodes(group, &is_maker),
            followers: nodes(group, &is_follower),
            fixed: self.fixed[*old],
        });
        Channels {
            groups: groups.collect(),
            group_of,
            results,
            meetings: self.meetings,
        }
    }
}

/// Returns segments in which every unit takes as many times the places.
fn spread(mut segments: Vec<Segment>, times: usize) -> Vec<Segment> {
    for segment in &mut segments {
        segment.places *= times;
    }
    segments
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
