//! Which engine a network goes to, where there are fake ones.

use firebrick_core::dataset::FeatureRows;
use firebrick_core::engine::{
    AbsentDevice, Device, EngineError, Missing, Observer, TrainJob, TrainOutcome,
};
use firebrick_core::graph::Op;
use firebrick_core::registry::Manifest;

use super::*;

/// An engine that trains nothing.
#[derive(Clone)]
struct Fake {
    device: Option<&'static str>,
    missing: Option<Missing>,
    only_linear: bool,
}

impl Engine for Fake {
    fn devices(&self) -> Vec<Device> {
        let device = |kind: &str| Device {
            kind: kind.to_owned(),
            name: "fake".to_owned(),
        };
        self.device.map(device).into_iter().collect()
    }

    fn absent_devices(&self) -> Vec<AbsentDevice> {
        let absent = |missing| AbsentDevice {
            kind: "cuda".to_owned(),
            missing,
            reason: "it looked".to_owned(),
        };
        self.missing.map(absent).into_iter().collect()
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        let is_conv = |op: &Op| matches!(op, Op::Conv2d { .. });
        match graph.nodes().iter().find(|node| is_conv(&node.op)) {
            Some(node) if self.only_linear => Err(EngineError::Unsupported {
                node: node.name.clone(),
                op: node.op.name().to_owned(),
                reason: "is not linear".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn train(&self, _: &TrainJob<'_>, _: &dyn Observer) -> Result<Vec<TrainOutcome>, EngineError> {
        Ok(Vec::new())
    }

    fn predict(
        &self,
        _: &Graph,
        _: &Weights,
        _: FeatureRows<'_>,
        _: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        Ok(Vec::new())
    }
}

/// What engine `cuda` is like in a case.
#[derive(Clone, Copy)]
enum Cuda {
    /// Its plugin is not here.
    NoPlugin,
    /// It has a GPU.
    Usable,
    /// Something is missing.
    Lacks(Missing),
}

/// Makes a registry of `mlp`, `burn` and what there is of `cuda`, preferred as the real ones are.
fn registry(cuda: Cuda) -> Registry {
    let cpu = |only_linear| Fake {
        device: Some("cpu"),
        missing: None,
        only_linear,
    };
    let mut engines = vec![("mlp", 10, cpu(true)), ("burn", 0, cpu(false))];
    let gpu = |device, missing| Fake {
        device,
        missing,
        only_linear: false,
    };
    match cuda {
        Cuda::NoPlugin => {}
        Cuda::Usable => engines.push(("cuda", 5, gpu(Some("cuda"), None))),
        Cuda::Lacks(missing) => engines.push(("cuda", 5, gpu(None, Some(missing)))),
    }
    let mut registry = Registry::default();
    for (name, preference, engine) in engines {
        registry.add(Entry {
            manifest: Manifest {
                kind: Kind::Engine,
                name: name.to_owned(),
                aliases: Vec::new(),
                docs: String::new(),
                schema: firebrick_core::Json::Null,
                preference,
            },
            plugin: "fakes".to_owned(),
            factory: Factory::Engine(Box::new(move || Ok(Box::new(engine.clone())))),
        });
    }
    registry
}

const DENSE: &str = "x = input[4]\na = linear(x, out=3)\ny = output(a)";
const PICTURES: &str = "x = input[1, 4, 4]\na = conv2d(x, out=2, kernel=3)\nb = flatten(a)\n\
                        c = linear(b, out=3)\ny = output(c)";

/// Returns the engine that takes a network and its device, or the whole error.
fn taken(cuda: Cuda, accelerator: &str, graph: &str) -> Result<(String, String), String> {
    let wanted = Wanted {
        name: "auto",
        accelerator,
        threads: 2,
    };
    let graph: Graph = graph.parse().unwrap();
    let engines = Engines::for_base(&registry(cuda), &wanted, &graph);
    let engines = engines.map_err(|error| error.to_string())?;
    let base = engines.base();
    Ok((base.name.clone(), base.placement.device.clone()))
}

fn on(engine: &str, device: &str) -> Result<(String, String), String> {
    Ok((engine.to_owned(), device.to_owned()))
}

#[test]
fn auto_leaves_chains_to_the_cpu_and_gives_convolutions_to_a_gpu() {
    assert_eq!(taken(Cuda::Usable, "auto", DENSE), on("mlp", "cpu"));
    assert_eq!(taken(Cuda::Usable, "auto", PICTURES), on("cuda", "cuda"));
    assert_eq!(taken(Cuda::NoPlugin, "auto", PICTURES), on("burn", "cpu"));
}

#[test]
fn auto_does_not_mind_a_plugin_without_a_gpu() {
    for missing in [
        Missing::Driver,
        Missing::Gpu,
        Missing::Compiler,
        Missing::Headers,
    ] {
        let cuda = Cuda::Lacks(missing);
        assert_eq!(taken(cuda, "auto", DENSE), on("mlp", "cpu"));
        assert_eq!(taken(cuda, "auto", PICTURES), on("burn", "cpu"));
        assert_eq!(taken(cuda, "cpu", PICTURES), on("burn", "cpu"));
    }
}

#[test]
fn a_gpu_that_is_asked_for_takes_every_network() {
    for accelerator in ["gpu", "cuda"] {
        for graph in [DENSE, PICTURES] {
            assert_eq!(taken(Cuda::Usable, accelerator, graph), on("cuda", "cuda"));
        }
    }
    assert_eq!(taken(Cuda::Usable, "cpu", PICTURES), on("burn", "cpu"));
}

#[test]
fn a_gpu_that_can_not_be_had_is_an_error_that_says_what_is_missing() {
    let cases = [
        (Cuda::NoPlugin, "the plugin with engine `cuda` is missing"),
        (Cuda::Lacks(Missing::Driver), "the driver is missing"),
        (Cuda::Lacks(Missing::Gpu), "the GPU is missing"),
        (
            Cuda::Lacks(Missing::Compiler),
            "the compiler of its kernels is missing",
        ),
        (
            Cuda::Lacks(Missing::Headers),
            "the folder of its headers is missing",
        ),
    ];
    for (cuda, expected) in cases {
        let error = taken(cuda, "gpu", DENSE).unwrap_err();
        let first = error.lines().next().unwrap_or_default();
        let expected = format!("no engine here has a device for accelerator `gpu`: {expected}");
        assert_eq!(first, expected);
    }
}

#[test]
fn the_summary_names_a_gpu_and_counts_jobs_on_the_cpu() {
    let summary = |accelerator| {
        let wanted = Wanted {
            name: "auto",
            accelerator,
            threads: 2,
        };
        let base = PICTURES.parse().unwrap();
        let engines = Engines::for_base(&registry(Cuda::Usable), &wanted, &base);
        engines.unwrap().summary()
    };
    assert_eq!(
        summary("gpu"),
        "engine cuda on cuda, fake (auto: no other can be used)"
    );
    assert_eq!(
        summary("cpu"),
        "engine burn on cpu, 2 at a time (auto: the fastest of mlp, burn that can train this network)"
    );
}
