//! What every pass must hold.

use crate::Json;
use crate::graph::Graph;
use crate::pass::{Info, Pass, Role};

/// Checks a pass on a graph, with arguments and with the identity arguments.
///
/// The same arguments give the same result however often they are applied, the base stays as it
/// is, identity arguments give it back, input and output keep their shapes, an analysis changes
/// nothing and measures finite numbers, its tables and choices are complete, and arguments that fit
/// no schema or no node are refused.
///
/// # Panics
/// If a promise is broken.
pub fn check_pass(pass: &dyn Pass, graph: &Graph, args: &Json, identity: &Json) {
    let before = graph.clone();
    let apply = |args: &Json| pass.apply(graph, args).expect("the pass can be applied");
    let (changed, info) = apply(args);
    assert_eq!(
        apply(args),
        (changed.clone(), info.clone()),
        "same arguments, same result"
    );
    assert_eq!(&before, graph, "the base stays as it is");
    assert_eq!(
        &apply(identity).0,
        graph,
        "identity arguments give the base back"
    );
    assert_eq!(
        apply(args).0,
        changed,
        "no state is left by other arguments"
    );
    assert_eq!(
        changed.input_shape(),
        graph.input_shape(),
        "the input keeps its shape"
    );
    assert_eq!(
        changed.output_shape(),
        graph.output_shape(),
        "the output keeps its shape"
    );
    if pass.role() == Role::Analysis {
        assert_eq!(&changed, graph, "an analysis returns the graph unchanged");
        assert!(!info.metrics.is_empty(), "an analysis measures something");
    }
    check_info(&info);
    check_choices(pass);
    check_refusals(pass, graph);
    assert_eq!(&before, graph, "a refused call leaves the base as it is");
}

fn check_info(info: &Info) {
    for (name, value) in &info.metrics {
        assert!(value.is_finite(), "metric `{name}` is {value}");
    }
    if let Some(table) = &info.table {
        let fits = table
            .rows
            .iter()
            .all(|row| row.len() == table.columns.len());
        assert!(fits, "every row of the table has one cell a column");
    }
}

fn check_choices(pass: &dyn Pass) {
    let choices = pass.choices();
    for (idx, choice) in choices.iter().enumerate() {
        let field = &choice.field;
        let known = choice
            .ops
            .iter()
            .all(|op| crate::graph::Op::NAMES.contains(&op.as_str()));
        assert!(known, "choice `{field}` names types of node that exist");
        assert!(
            !choice.ops.is_empty(),
            "some type of node has choice `{field}`"
        );
        assert!(
            !choice.summary.is_empty(),
            "choice `{field}` says what it is"
        );
        let again = choices[..idx].iter().any(|other| other.field == *field);
        assert!(!again, "choice `{field}` is there once");
    }
    if pass.role() == Role::Analysis {
        assert!(choices.is_empty(), "an analysis changes nothing to choose");
    }
}

fn check_refusals(pass: &dyn Pass, graph: &Graph) {
    let refuses = |args: &Json| pass.apply(graph, args).is_err();
    let list = Json::from(vec![1]);
    assert!(refuses(&list), "arguments that are not a table are refused");
    let unknown = Json::from_iter([("no_such_node_or_argument", Json::from_iter([("x", 1)]))]);
    assert!(refuses(&unknown), "a key that means nothing is refused");
}
