//! What every model must hold.

use crate::Json;
use crate::costs::Costs;
use crate::graph::Graph;
use crate::model::Model;
use crate::weights::Weights;

/// Checks a model with arguments, for an input shape and a number of classes.
///
/// The graph has this input and so many outputs, its text form gives it back, building it twice
/// gives the same, weights can be made for it, arguments that no schema has are refused, and
/// whatever shape a dataset has, the answer is a graph of that shape or an error.
///
/// # Panics
/// If a promise is broken.
pub fn check_model(model: &dyn Model, args: &Json, input_shape: &[usize], n_classes: usize) {
    let build = || {
        model
            .build(args, input_shape, n_classes)
            .expect("the model can be built")
    };
    let graph = build();
    assert_eq!(
        graph.input_shape(),
        input_shape,
        "the graph has the input that was asked for"
    );
    assert_eq!(
        graph.output_shape(),
        [n_classes],
        "the graph has one output a class"
    );
    assert_eq!(graph, build(), "building twice gives the same graph");
    let parsed: Graph = graph
        .to_string()
        .parse()
        .expect("the text form can be parsed");
    assert_eq!(parsed, graph, "the text form gives the graph back");
    assert!(model.base_width() > 0, "multipliers need a base width");
    let weights = Weights::init(&graph, 0);
    weights.check(&graph).expect("first weights fit the graph");
    let stored: usize = weights.0.values().map(|tensor| tensor.data.len()).sum();
    let costs = Costs::of(&graph).total;
    assert_eq!(
        stored as u64,
        costs.params + costs.buffers,
        "costs count every number"
    );

    let mut unknown = args.as_object().cloned().unwrap_or_default();
    unknown.insert("no_such_argument".to_owned(), Json::Null);
    let refused = model.build(&Json::Object(unknown), input_shape, n_classes);
    assert!(
        refused.is_err(),
        "an argument that the schema does not have is refused"
    );
    let refused = model.build(&Json::from(vec![1]), input_shape, n_classes);
    assert!(
        refused.is_err(),
        "arguments that are not a table are refused"
    );
    check_odd_shapes(model, args);
}

/// Checks shapes that a dataset may have and the author of a model may not have thought of.
fn check_odd_shapes(model: &dyn Model, args: &Json) {
    let shapes: [&[usize]; 8] = [
        &[],
        &[0],
        &[1],
        &[4, 4],
        &[1, 1, 1],
        &[3, 0, 3],
        &[1, 2, 3, 4],
        &[usize::MAX, usize::MAX, 2],
    ];
    for shape in shapes {
        for n_classes in [0, 1, usize::MAX] {
            let Ok(graph) = model.build(args, shape, n_classes) else {
                continue;
            };
            assert_eq!(graph.input_shape(), shape, "the input is not another one");
            assert_eq!(
                graph.output_shape(),
                [n_classes],
                "the classes are not others"
            );
        }
    }
}
