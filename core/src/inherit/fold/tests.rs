use super::*;
use crate::inherit::tests::{SLICE, distance, graph, numbers, set, trained};
use crate::inherit::{How, Inherit, inherit};
use crate::testing::Statistics;

/// Asserts that a folded network computes what its base does, and returns its weights.
fn check(base: &str, folded: &str) -> Weights {
    let (base, folded) = (graph(base), graph(folded));
    let weights = trained(&base, 3);
    let inherited = inherit(&base, &weights, &folded, SLICE, 7).unwrap();
    inherited.check(&folded).unwrap();
    let off = distance(
        (&base, &weights),
        (&folded, &inherited),
        Statistics::Running,
    );
    assert!(off < 1e-5, "{off}");
    inherited
}

#[test]
fn a_layer_takes_in_what_stands_behind_it() {
    check(
        "x = input[5]\na = linear(x, out=4)\nn = batch_norm(a)\nr = relu(n)\ny = output(r)",
        "x = input[5]\na = linear(x, out=4) @ folds=n\nr = relu(a)\ny = output(r)",
    );
    // One that had no bias, of a convolution in groups.
    check(
        "x = input[4, 6, 6]
         a = conv2d(x, out=6, kernel=3, padding=1, groups=2, bias=false)
         n = batch_norm(a, eps=0.1)
         y = output(n)",
        "x = input[4, 6, 6]
         a = conv2d(x, out=6, kernel=3, padding=1, groups=2) @ folds=n
         y = output(a)",
    );
}

#[test]
fn a_layer_takes_in_what_stands_in_front_of_it() {
    check(
        "x = input[5]\nn = batch_norm(x)\na = linear(n, out=4, bias=false)\ny = output(a)",
        "x = input[5]\na = linear(x, out=4) @ folds=n\ny = output(a)",
    );
    check(
        "x = input[4, 6, 6]
         n = batch_norm(x)
         a = conv2d(n, out=6, kernel=2x3, groups=2)
         y = output(a)",
        "x = input[4, 6, 6]
         a = conv2d(x, out=6, kernel=2x3, groups=2) @ folds=n
         y = output(a)",
    );
}

#[test]
fn several_are_taken_in_in_their_order() {
    check(
        "x = input[3]
         m = batch_norm(x)
         n = batch_norm(m)
         a = linear(n, out=4)
         o = batch_norm(a)
         p = batch_norm(o)
         b = linear(p, out=2)
         y = output(b)",
        "x = input[3]
         a = linear(x, out=4) @ folds=m,n,o,p
         b = linear(a, out=2)
         y = output(b)",
    );
}

#[test]
fn a_scale_of_two_doubles_weights_and_moves_the_bias() {
    let base = graph("x = input[2]\na = linear(x, out=1)\nn = batch_norm(a, eps=1)\ny = output(n)");
    let mut weights = Weights::init(&base, 0);
    set(&mut weights, "a.weight", &[3.0, -1.0]);
    set(&mut weights, "a.bias", &[4.0]);
    set(&mut weights, "n.weight", &[4.0]);
    set(&mut weights, "n.bias", &[0.5]);
    set(&mut weights, "n.running_mean", &[1.0]);
    set(&mut weights, "n.running_var", &[3.0]);
    let folded = graph("x = input[2]\na = linear(x, out=1) @ folds=n\ny = output(a)");
    let inherited = inherit(&base, &weights, &folded, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "a.weight"), [6.0, -2.0]);
    assert_eq!(numbers(&inherited, "a.bias"), [6.5]);
}

/// Batch normalisations on both sides of the second layer, and a third layer to read it.
const BASE: &str = "x = input[3]
    a = linear(x, out=6)
    r = relu(a)
    m = batch_norm(r)
    b = linear(m, out=5)
    n = batch_norm(b)
    c = linear(n, out=2)
    y = output(c)";

#[test]
fn channels_are_kept_or_repeated_before_anything_is_folded() {
    let base = graph(BASE);
    let weights = trained(&base, 5);
    let folded = "x = input[3]
        a = linear(x, out=6)
        r = relu(a)
        b = linear(r, out=5) @ folds=m,n
        c = linear(b, out=2)
        y = output(c)";
    let resized = |text: &str, first: usize, second: usize| {
        let text = text.replace("out=6", &format!("out={first}"));
        graph(&text.replace("out=5", &format!("out={second}")))
    };
    let net2net = How {
        inherit: Inherit::Net2net,
        ..SLICE
    };
    for (how, first, second) in [(SLICE, 4, 3), (SLICE, 6, 2), (net2net, 8, 9)] {
        let [unfolded, folded] = [BASE, folded].map(|text| resized(text, first, second));
        let [plain, inherited] =
            [&unfolded, &folded].map(|graph| inherit(&base, &weights, graph, how, 7).unwrap());
        let off = distance(
            (&unfolded, &plain),
            (&folded, &inherited),
            Statistics::Running,
        );
        assert!(off < 1e-5, "{first} and {second} are off by {off}");
    }
}

#[test]
fn what_a_base_has_taken_in_is_not_taken_in_again() {
    let folded = graph("x = input[3]\na = linear(x, out=4) @ folds=n\ny = output(a)");
    let weights = trained(&folded, 5);
    let inherited = inherit(&folded, &weights, &folded, SLICE, 7).unwrap();
    assert_eq!(inherited, weights);
}

#[test]
fn a_layer_and_its_fold_may_have_other_names_in_the_base() {
    let base = graph(BASE);
    let candidate = graph(
        "x = input[3]
         a = linear(x, out=6)
         r = relu(a)
         z = linear(r, out=5) @ from=b folds=m,n
         c = linear(z, out=2)
         y = output(c)",
    );
    let weights = trained(&base, 5);
    let inherited = inherit(&base, &weights, &candidate, SLICE, 7).unwrap();
    let off = distance(
        (&base, &weights),
        (&candidate, &inherited),
        Statistics::Running,
    );
    assert!(off < 1e-5, "{off}");
}

#[test]
fn a_step_that_was_learned_for_other_numbers_is_chosen_anew() {
    let base = graph(
        "x = input[3]
         a = linear(x, out=4) @ weight=lsq(4)
         n = batch_norm(a)
         b = linear(n, out=2) @ data_in=lsq(4)
         y = output(b)",
    );
    let weights = trained(&base, 5);
    let folded = graph(
        "x = input[3]
         a = linear(x, out=4) @ weight=lsq(4) folds=n
         b = linear(a, out=2) @ data_in=lsq(4)
         y = output(b)",
    );
    let inherited = inherit(&base, &weights, &folded, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "a.weight_step"), [FIRST_STEP]);
    let of_b = "b.data_in_step";
    assert_eq!(numbers(&inherited, of_b), numbers(&weights, of_b));
}

#[test]
fn without_inheritance_a_folded_network_starts_as_any_other() {
    let base = graph(BASE);
    let folded = graph("x = input[3]\na = linear(x, out=4) @ folds=n\ny = output(a)");
    let none = How {
        inherit: Inherit::None,
        ..SLICE
    };
    let started = inherit(&base, &trained(&base, 5), &folded, none, 7).unwrap();
    assert_eq!(started, Weights::init(&folded, 7));
}

#[test]
fn folds_that_the_base_can_not_explain_are_refused() {
    let base = graph(BASE);
    let weights = trained(&base, 5);
    let error = |layer: &str| {
        let text = format!(
            "x = input[3]\na = linear(x, out=6)\nr = relu(a)\n{layer}\nc = linear(b, out=2)\ny = output(c)"
        );
        let candidate = graph(&text);
        inherit(&base, &weights, &candidate, SLICE, 7)
            .unwrap_err()
            .to_string()
    };
    let messages = [
        error("b = linear(r, out=5) @ folds=z"),
        error("b = linear(r, out=5) @ folds=r"),
        error("b = linear(r, out=5, bias=false) @ folds=n"),
        error("m = linear(r, out=6)\nb = linear(m, out=5) @ folds=m,n"),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r"
    node `b` has taken in `z`, which the base does not have
    node `b` has taken in `r`, which is no batch normalisation of the base
    node `b` has taken in `n`, but has no bias that could hold its shift
    node `b` has taken in `m`, which has the name of another of its nodes
    ");
    let far = graph(
        "x = input[3]\na = linear(x, out=6) @ folds=n\nr = relu(a)\nc = linear(r, out=2)\ny = output(c)",
    );
    let error = inherit(&base, &weights, &far, SLICE, 7).unwrap_err();
    insta::assert_snapshot!(error, @"node `a` has taken in `n`, which does not stand beside it in the base");
    let base = graph(
        "x = input[2, 4, 4]
         n = batch_norm(x)
         a = conv2d(n, out=3, kernel=3, padding=1)
         y = output(a)",
    );
    let padded = graph(
        "x = input[2, 4, 4]\na = conv2d(x, out=3, kernel=3, padding=1) @ folds=n\ny = output(a)",
    );
    let error = inherit(&base, &trained(&base, 1), &padded, SLICE, 7).unwrap_err();
    insta::assert_snapshot!(error, @"node `a` has taken in `n`, but pads with zeros what that would shift");
}
