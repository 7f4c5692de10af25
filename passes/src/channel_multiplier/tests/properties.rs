//! Laws that hold for every network and all arguments.

use firebrick_core::graph::Annotations;
use firebrick_core::testing::random_graph;
use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// Returns a network of one thing after the other, ended by a classifier of 4 classes.
fn network(image: bool, choices: &[(u8, usize)]) -> Graph {
    let mut text = if image {
        "n = input[3, 8, 8]\n"
    } else {
        "n = input[6]\n"
    }
    .to_owned();
    let (mut last, mut image) = ("n".to_owned(), image);
    for (idx, (kind, width)) in choices.iter().enumerate() {
        let node = format!("n{idx}");
        let op = match (kind, image) {
            (0 | 1, false) => format!("linear({last}, out={width})"),
            (0 | 1, true) => format!("conv2d({last}, out={width}, kernel=3, padding=1)"),
            (2, _) => format!("batch_norm({last}, momentum=0.9)"),
            (3, _) => format!("dropout({last}, p=0.1)"),
            (4, true) => format!("max_pool({last}, kernel=3, stride=1, padding=1)"),
            (5, true) => format!("flatten({last})"),
            (6, true) => format!("global_avg_pool({last})"),
            (7, _) => format!("add({last}, {last})"),
            (8, _) => format!("concat({last}, {last})"),
            _ => format!("relu({last})"),
        };
        image &= !op.starts_with("flatten") && !op.starts_with("global");
        let note = if width % 2 == 0 {
            format!(" @ from={node}")
        } else {
            String::new()
        };
        text += &format!("{node} = {op}{note}\n");
        last = node;
    }
    text += &format!("f = flatten({last})\nl = linear(f, out=4)\nr = relu(l)\ny = output(r)");
    text.parse().unwrap()
}

/// Returns the layers of a network but the last, by name and width.
fn hidden(graph: &Graph) -> Vec<(String, usize)> {
    let layers = graph.nodes().iter().filter(|node| node.name != "l");
    layers
        .filter_map(|node| Some((node.name.clone(), own_width(&node.op)?)))
        .collect()
}

fn table(entries: impl Iterator<Item = (String, Json)>) -> Json {
    Json::Object(Map::from_iter(entries))
}

/// What a layer of a chain is asked in the seed's spelling, and its multiplier.
fn any_mode() -> impl Strategy<Value = (u8, usize)> {
    (0..4_u8, 1..5_usize)
}

/// Returns a random network with notes at every third node.
fn noted(seed: u64, n_blocks: usize) -> Graph {
    let mut nodes = random_graph(seed, n_blocks).nodes().to_vec();
    for node in nodes.iter_mut().step_by(3) {
        node.annotations = Annotations {
            weights_from: Some(node.name.clone()),
            sparsity: Some(0.5),
            frozen: true,
            ..Annotations::default()
        };
    }
    Graph::new(nodes).unwrap()
}

/// Returns a factor for the first layer of each group, in the order of the graph.
fn factors(graph: &Graph, factors: &[f64]) -> Vec<(String, Json)> {
    let channels = Channels::of(graph);
    let layers: Vec<usize> = (0..graph.nodes().len())
        .filter(|idx| own_width(&graph.nodes()[*idx].op).is_some())
        .collect();
    let leads = channels.leads(&layers);
    let leaders = layers
        .iter()
        .zip(leads)
        .filter(|(_, lead)| *lead == Lead::Leads);
    let named = leaders
        .zip(factors.iter().cycle())
        .map(|((layer, _), factor)| {
            let name = graph.nodes()[*layer].name.clone();
            (name, json!({ "factor": factor }))
        });
    named.collect()
}

proptest! {
    #[test]
    fn any_network_survives_any_factors(
        seed in any::<u64>(),
        n_blocks in 1..6_usize,
        values in prop::collection::vec(0.05..3.0_f64, 5),
    ) {
        let graph = noted(seed, n_blocks);
        let entries = factors(&graph, &values);
        let args = table(entries.clone().into_iter());
        let (changed, _) = ChannelMultiplier.apply(&graph, &args).unwrap();
        prop_assert_eq!(changed.input_shape(), graph.input_shape());
        prop_assert_eq!(changed.output_shape(), graph.output_shape());
        for (old, new) in graph.nodes().iter().zip(changed.nodes()) {
            prop_assert_eq!(&old.name, &new.name);
            prop_assert_eq!(&old.inputs, &new.inputs);
            if old.op == new.op {
                prop_assert_eq!(old, new);
            } else {
                prop_assert_eq!(&new.annotations, &Annotations::default());
            }
        }
        // Whatever the order in which they are given.
        let backwards = table(entries.clone().into_iter().rev());
        prop_assert_eq!(&ChannelMultiplier.apply(&graph, &backwards).unwrap().0, &changed);
        // A layer by itself gets what it gets among others.
        for (name, entry) in &entries {
            let (alone, _) = ChannelMultiplier
                .apply(&graph, &table([(name.clone(), entry.clone())].into_iter()))
                .unwrap();
            let channels = Channels::of(&graph);
            let idx = graph.index(name).unwrap();
            if channels.groups_of(idx).len() == 1 {
                prop_assert_eq!(alone.shape(idx)[0], changed.shape(idx)[0]);
            }
        }
    }

    #[test]
    fn a_default_reaches_every_group_once(
        seed in any::<u64>(),
        n_blocks in 1..6_usize,
        factor in 0.05..3.0_f64,
    ) {
        let graph = noted(seed, n_blocks);
        let apply = |args: Json| ChannelMultiplier.apply(&graph, &args).unwrap().0;
        let by_default = apply(json!({ "default": { "factor": factor } }));
        let channels = Channels::of(&graph);
        // A pattern that matches only what can't change is an error.
        if channels.groups().iter().any(|group| group.fixed.is_none()) {
            let by_pattern = apply(json!({ "by": "regex_name", ".*": { "factor": factor } }));
            prop_assert_eq!(&by_pattern, &by_default);
        }
        for (idx, node) in graph.nodes().iter().enumerate() {
            let groups = channels.groups_of(idx);
            if own_width(&node.op).is_none() || depthwise_multiplier(&node.op).is_some() {
                continue;
            }
            // Rounding is to whole units; one group, one rounding.
            let units: usize = groups.iter().map(|group| channels.groups()[*group].units).sum();
            let (before, after) = (graph.shape(idx)[0], by_default.shape(idx)[0]);
            let is_free = channels.free_groups_of(idx).len() == groups.len();
            if is_free && groups.len() == 1 {
                let scaled = ((units as f64 * factor).round() as usize).max(1);
                prop_assert_eq!(after, before / units * scaled);
            } else if !is_free && groups.len() == 1 {
                prop_assert_eq!(after, before);
            }
        }
    }

    #[test]
    fn ones_give_any_network_back(seed in any::<u64>(), n_blocks in 1..6_usize) {
        let graph = noted(seed, n_blocks);
        for args in [
            table(factors(&graph, &[1.0]).into_iter()),
            json!({ "default": { "factor": 1 } }),
            json!({ "default": { "name": "both", "channel_multiplier": 1 } }),
            json!({ "default": { "name": "input_only" } }),
        ] {
            prop_assert_eq!(&ChannelMultiplier.apply(&graph, &args).unwrap().0, &graph);
        }
    }

    #[test]
    fn two_factors_for_tied_layers_name_both(seed in any::<u64>(), n_blocks in 1..6_usize) {
        let graph = noted(seed, n_blocks);
        let channels = Channels::of(&graph);
        for group in channels.groups().iter().filter(|group| group.fixed.is_none()) {
            let [one, other, ..] = group.makers[..] else { continue };
            let [one, other] = [one, other].map(|idx| graph.nodes()[idx].name.clone());
            let args = json!({ &one: { "factor": 2 }, &other: { "factor": 3 } });
            let error = ChannelMultiplier.apply(&graph, &args).unwrap_err().to_string();
            let expected = format!("node `{other}`: its factor is 3, that of `{one}` is 2, but `");
            prop_assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn every_factor_gives_a_network_with_the_widths_asked_for(
        image in any::<bool>(),
        choices in prop::collection::vec((0..10_u8, 1..9_usize), 0..10),
        factors in prop::collection::vec(0.05..4.0_f64, 10),
    ) {
        let graph = network(image, &choices);
        let asked: Vec<(String, usize, f64)> = hidden(&graph)
            .into_iter()
            .zip(&factors)
            .map(|((name, width), factor)| (name, width, *factor))
            .collect();
        let entries = asked
            .iter()
            .map(|(name, _, factor)| (name.clone(), json!({ "factor": factor })));
        let args = table(entries.clone());
        let (changed, _) = ChannelMultiplier.apply(&graph, &args).unwrap();
        prop_assert_eq!(changed.input_shape(), graph.input_shape());
        prop_assert_eq!(changed.output_shape(), graph.output_shape());
        for (name, width, factor) in &asked {
            let outputs = own_width(&changed.node(name).unwrap().op).unwrap();
            prop_assert_eq!(outputs, ((*width as f64 * factor).round() as usize).max(1));
        }
        for (old, new) in graph.nodes().iter().zip(changed.nodes()) {
            prop_assert_eq!(&old.name, &new.name);
            prop_assert_eq!(&old.inputs, &new.inputs);
            if old.op == new.op {
                prop_assert_eq!(&old.annotations, &new.annotations);
            } else {
                prop_assert_eq!(&new.annotations.weights_from, &None);
            }
        }

        let backwards = table(entries.rev());
        prop_assert_eq!(&ChannelMultiplier.apply(&graph, &backwards).unwrap().0, &changed);
    }

    #[test]
    fn ones_and_nulls_give_the_base_back(
        image in any::<bool>(),
        choices in prop::collection::vec((0..10_u8, 1..9_usize), 0..10),
    ) {
        let graph = network(image, &choices);
        let entries = [
            json!({ "factor": 1 }),
            json!({ "name": "both", "channel_multiplier": 1 }),
            json!({ "name": "output_only", "channel_multiplier": 1 }),
            json!({ "name": "input_only" }),
            json!({ "config": { "name": "NA" } }),
        ];
        for entry in entries {
            let by_name = table(hidden(&graph).into_iter().map(|(name, _)| (name, entry.clone())));
            prop_assert_eq!(&ChannelMultiplier.apply(&graph, &by_name).unwrap().0, &graph);
            let default = json!({ "default": entry });
            prop_assert_eq!(&ChannelMultiplier.apply(&graph, &default).unwrap().0, &graph);
        }
    }

    #[test]
    fn modes_read_the_producer_or_refuse(modes in prop::collection::vec(any_mode(), 2..7)) {
        // The last layer can't make another width, so it only follows or stays.
        let last = modes.len() - 1;
        let mut words = Vec::new();
        let (mut carried, mut widths, mut fits) = (16, Vec::new(), true);
        for (idx, (mode, multiplier)) in modes.iter().enumerate() {
            let own = if idx == last { 5 } else { 16 };
            let (word, follows, outputs) = match mode {
                0 if idx < last => (format!("O{multiplier}"), false, 16 * multiplier),
                1 if idx < last => (format!("B{multiplier}"), true, 16 * multiplier),
                0..=2 => ("I".to_owned(), true, own),
                _ => ("-".to_owned(), false, own),
            };
            words.push(word);
            fits &= follows || carried == 16;
            widths.push(format!("{carried}-{outputs}"));
            carried = outputs;
        }
        let words = words.join(" ");
        // Without any mode there is nothing to refuse, and nothing changes.
        let found = seed_widths(&words);
        if fits {
            prop_assert_eq!(found, widths.join(" "), "{}", words);
        } else {
            prop_assert!(found.contains("is now"), "{}: {}", words, found);
        }
    }
}
