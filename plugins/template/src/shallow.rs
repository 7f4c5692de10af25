use firebrick_sdk::prelude::*;

arguments! {
    /// A network with one hidden layer, for inputs of one dimension.
    pub struct Arguments {
        /// Features of the hidden layer.
        #[serde(default = "width")]
        width: usize,
    }
}

fn width() -> usize {
    16
}

struct Shallow;

impl Model for Shallow {
    fn base_width(&self) -> usize {
        width()
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let Arguments { width } = parse(args).map_err(ModelError::Args)?;
        let &[features] = input_shape else {
            return Err(ModelError::Input {
                found: input_shape.to_vec(),
                expected: "[features]".to_owned(),
            });
        };
        let mut graph = GraphBuilder::new(input_shape);
        graph.push("hidden", linear(features, width));
        graph.push("relu", Op::Relu);
        graph.push("last_layer", linear(width, n_classes));
        Ok(graph.finish()?)
    }
}

fn linear(in_features: usize, out_features: usize) -> Op {
    Op::Linear {
        in_features,
        out_features,
        bias: true,
    }
}

register_model!("shallow"; Arguments => Shallow);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        let defaults = Json::Object(Default::default());
        firebrick_sdk::testing::check_model(&Shallow, &defaults, &[16], 5);
    }
}
