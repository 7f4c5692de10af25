use firebrick_sdk::prelude::*;

arguments! {
    /// Counts the layers with weights on the way from input to output, which bounds the latency.
    pub struct Arguments {}
}

struct Depth;

impl Pass for Depth {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        parse::<Arguments>(args).map_err(PassError::Args)?;
        let mut depths: Vec<f64> = Vec::new();
        for node in graph.nodes() {
            let inputs = node.inputs.iter().filter_map(|name| graph.index(name));
            let longest = inputs.map(|idx| depths[idx]).fold(0.0, f64::max);
            let has_weights = matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. });
            depths.push(longest + f64::from(u8::from(has_weights)));
        }
        let mut info = Info::default();
        let depth = depths.last().copied().unwrap_or_default();
        info.metrics.insert("depth".to_owned(), depth);
        Ok((graph.clone(), info))
    }
}

register_pass!("depth"; Arguments => Depth);

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let text = "x = input[16]
            a = linear(x, out=16)
            b = relu(a)
            c = linear(x, out=16)
            d = add(b, c)
            e = linear(d, out=5)
            y = output(e)";
        text.parse().unwrap()
    }

    #[test]
    fn keeps_the_contract() {
        let nothing = Json::Object(Default::default());
        firebrick_sdk::testing::check_pass(&Depth, &graph(), &nothing, &nothing);
    }

    #[test]
    fn follows_the_longer_way() {
        let (_, info) = Depth.apply(&graph(), &Json::Null).unwrap();
        assert_eq!(info.metrics["depth"], 2.0);
    }
}
