//! Laws that hold for every network and all arguments.

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

proptest! {
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
