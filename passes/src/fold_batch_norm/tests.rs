use firebrick_core::inherit::{How, Importance, Inherit, inherit};
use firebrick_core::testing::{Statistics, check_pass, forward, random_graph};
use firebrick_core::weights::Weights;
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Batch norms in front of and behind layers, and between a relu and a pool.
const IMAGE: &str = "
    x = input[3, 8, 8]
    n0 = batch_norm(x)
    c0 = conv2d(n0, out=4, kernel=3)
    n1 = batch_norm(c0)
    r0 = relu(n1)
    n2 = batch_norm(r0)
    p0 = max_pool(n2, kernel=2)
    n3 = batch_norm(p0)
    c1 = conv2d(n3, out=4, kernel=3, padding=1, bias=false)
    n4 = batch_norm(c1)
    s = add(n4, c1)
    f = flatten(s)
    n5 = batch_norm(f)
    n6 = batch_norm(n5)
    l = linear(n6, out=3)
    y = output(l)";

fn apply(before: &str, args: &Json) -> Result<(Graph, Info), PassError> {
    let graph: Graph = before.parse().unwrap();
    FoldBatchNorm.apply(&graph, args)
}

/// Returns the network and the table, or the message.
fn after(before: &str, args: &Json) -> String {
    match apply(before, args) {
        Ok((graph, info)) => {
            let rows = info.table.map_or_else(Vec::new, |table| table.rows);
            let rows: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
            format!("{graph}{}", rows.join("\n"))
        }
        Err(error) => format!("error: {error}"),
    }
}

/// Returns weights that a training could have left.
fn trained(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::init(graph, seed);
    for (key, tensor) in &mut weights.0 {
        for (idx, value) in tensor.data.iter_mut().enumerate() {
            let wave = ((idx as f64 + seed as f64) * 2.3 + key.len() as f64).sin() as f32;
            *value += match key.ends_with("running_var") {
                true => 0.5 + 0.5 * wave,
                false => 0.3 * wave,
            };
        }
    }
    weights
}

/// Returns the largest distance of the outputs of a network and of the folded one, relative above 1.
fn distance(base: &Graph, seed: u64) -> f64 {
    let folded = FoldBatchNorm.apply(base, &json!({})).unwrap().0;
    let weights = trained(base, seed);
    let how = How {
        inherit: Inherit::Slice,
        importance: Importance::L1,
    };
    let inherited = inherit(base, &weights, &folded, how, seed).unwrap();
    let size: usize = base.input_shape().iter().product();
    let rows: Vec<f64> = (0..4 * size)
        .map(|idx| (idx as f64 * 1.7).sin() * 2.0)
        .collect();
    let [one, other] = [(base, &weights), (&folded, &inherited)]
        .map(|(graph, weights)| forward(graph, weights, &rows, Statistics::Running));
    let off = one.iter().zip(&other);
    let off = off.map(|(one, other)| (one - other).abs() / one.abs().max(1.0));
    off.fold(0.0, f64::max)
}

#[test]
fn keeps_the_contract_of_passes() {
    let graph: Graph = IMAGE.parse().unwrap();
    let keep = json!({ "default": { "fold": false } });
    check_pass(&FoldBatchNorm, &graph, &json!({}), &keep);
    check_pass(&FoldBatchNorm, &graph, &Json::Null, &keep);
    let one = json!({ "n1": { "fold": true } });
    check_pass(
        &FoldBatchNorm,
        &graph,
        &one,
        &json!({ "n1": { "fold": false } }),
    );
}

#[test]
fn layers_take_in_what_stands_beside_them_and_the_table_says_what_stays() {
    assert_snapshot!(after(IMAGE, &json!({})), @r"
    x = input[3, 8, 8]
    c0 = conv2d(x, in=3, out=4, kernel=3) @ folds=n0,n1
    r0 = relu(c0)
    n2 = batch_norm(r0, features=4)
    p0 = max_pool(n2, kernel=2)
    n3 = batch_norm(p0, features=4)
    c1 = conv2d(n3, in=4, out=4, kernel=3, padding=1, bias=false)
    n4 = batch_norm(c1, features=4)
    s = add(n4, c1)
    f = flatten(s)
    l = linear(f, in=36, out=3) @ folds=n5,n6
    y = output(l)
    n0 | c0 | 
    n1 | c0 | 
    n2 |  | reads `r0` (relu), and `p0` (max_pool) reads it
    n3 |  | reads `p0` (max_pool), and `c1` (conv2d), which reads it, has padding
    n4 |  | reads `c1`, which `s` reads too, and `s` (add) reads it
    n5 | l | 
    n6 | l |
    ");
}

#[test]
fn folding_twice_folds_nothing_more() {
    let once = apply(IMAGE, &json!({})).unwrap().0;
    let twice = FoldBatchNorm.apply(&once, &json!({})).unwrap().0;
    assert_eq!(once, twice);
}

#[test]
fn with_keys_only_those_are_folded() {
    let named = apply(IMAGE, &json!({ "n1": { "fold": true } })).unwrap().0;
    assert_eq!(named.nodes().len() + 1, IMAGE.trim().lines().count());
    assert_eq!(named.node("c0").unwrap().annotations.folds, ["n1"]);
    let args =
        json!({ "by": "regex_name", "n[01]": { "fold": false }, "default": { "fold": true } });
    let others = apply(IMAGE, &args).unwrap().0;
    assert!(others.node("n0").is_some() && others.node("n1").is_some());
    assert!(others.node("n5").is_none());
    let by_type = json!({ "by": "type", "batch_norm": { "fold": true } });
    assert_eq!(
        apply(IMAGE, &by_type).unwrap().0,
        apply(IMAGE, &json!({})).unwrap().0
    );
}

#[test]
fn what_is_named_and_can_not_be_folded_is_refused() {
    let messages = [
        after(IMAGE, &json!({ "n2": { "fold": true } })),
        after(IMAGE, &json!({ "n4": { "fold": true } })),
        after(IMAGE, &json!({ "c0": { "fold": true } })),
        after(IMAGE, &json!({ "c9": { "fold": true } })),
        after(IMAGE, &json!({ "n1": true })),
        after(IMAGE, &json!({ "n1": { "folded": true } })),
    ];
    assert_snapshot!(messages.join("\n"), @r"
    error: node `n2`: reads `r0` (relu), and `p0` (max_pool) reads it
    error: node `n4`: reads `c1`, which `s` reads too, and `s` (add) reads it
    error: node `c0`: conv2d is no batch norm
    error: no node matches `c9`
    error: `n1`: expected a table, found true
    error: `n1`: unknown field `folded`, expected `fold`
    ");
}

#[test]
fn formats_stay_those_of_what_is_read_and_learned() {
    let before = "x = input[4]
        n = batch_norm(x) @ data_in=integer(8, 4) weight=integer(8) bias=integer(9)
        a = linear(n, out=3, bias=false) @ data_in=integer(6, 2) weight=integer(4) frozen from=z
        m = batch_norm(a) @ bias=integer(7) from=k
        y = output(m)";
    assert_snapshot!(after(before, &json!({})), @r"
    x = input[4]
    a = linear(x, in=4, out=3) @ bias=integer(9) data_in=integer(8, 4) weight=integer(4) from=z folds=n,k
    y = output(a)
    n | a | 
    m | a |
    ");
}

#[test]
fn a_folded_network_computes_what_its_base_does() {
    let off = distance(&IMAGE.parse().unwrap(), 3);
    assert!(off < 1e-5, "{off}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_the_network_is_folding_changes_nothing(seed in 0_u64..100_000, n_blocks in 1_usize..5) {
        let base = random_graph(seed, n_blocks);
        let off = distance(&base, seed);
        prop_assert!(off < 1e-5, "{} for\n{}", off, base);
    }
}
