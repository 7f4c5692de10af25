//! What is written is read back as the same study.

use firebrick_core::formats::RangeMethod;
use firebrick_core::images::Augment;
use firebrick_core::inherit::{How, Importance, Inherit};
use firebrick_core::objective::{Direction, Objective};
use firebrick_core::pruner::{Asha, Hyperband, Median, Pruner, Wilcoxon};
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};
use firebrick_core::space::Domain;
use firebrick_core::value::Value;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::choices::{Choices, Record};
use super::super::constraint::{Constraint, Side};
use super::super::enqueue::{Given, Point, Said};
use super::super::goal::Goal;
use super::super::measured::{LatencyArgs, Measured};
use super::super::resolve::{Accelerator, DatasetSpec, ModelSpec};
use super::super::search::Search;
use super::super::seed::{By, Field, Group, Seed, SpaceSpec};
use super::super::target::Target;
use super::*;

proptest! {
    #[test]
    fn reads_what_it_wrote(study in studies()) {
        let text = study.to_toml();
        let read = read_as(&text, &Options::default(), Verb::Search)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read.study, &study, "{}", text);
        prop_assert_eq!(read.study.hash(), study.hash());
    }

    #[test]
    fn no_file_brings_it_down(bytes in vec(any::<u8>(), 0..200)) {
        let source = Source { name: "x.toml", bytes: &bytes };
        // Whether it is one does not matter here.
        let _ = load(Some(source), &Options::default(), Verb::Search);
    }

    #[test]
    fn no_change_of_a_good_file_brings_it_down(
        at in 0..BUSY.len(),
        len in 0..12_usize,
        by in "[\\[\\]{}=\",.a-z0-9\\n -]{0,6}",
    ) {
        prop_assume!(BUSY.is_char_boundary(at) && BUSY.is_char_boundary((at + len).min(BUSY.len())));
        let mut text = BUSY.to_owned();
        text.replace_range(at..(at + len).min(BUSY.len()), &by);
        let loaded = read_as(&text, &Options::default(), Verb::Search);
        if let Ok(loaded) = loaded {
            let graph = "x = input[4]\na = linear(x, out=2)\ny = output(a)".parse().unwrap();
            let _ = loaded.search_space(&graph, 1, &BTreeMap::new());
        }
    }
}

/// A file with something of everything.
const BUSY: &str = "model = { name = \"mlp\", widths = [1, 2] }
dataset = \"jets-sim\"
learning_rate = 1e-2
seed = 3
[passes.quantize]
default.config.name = \"NA\"
[quantization]
float_epochs = 2
calibration = { method = \"percentile\", percentile = 99.5, samples = 3 }
[target]
clock_mhz = 200
[search.search_space]
formats = [\"int8\", \"NA\"]
tie = [[\"a\", \"b\"], [\"c\"]]
setup.by = \"name\"
seed.b.quantize = { name = \"integer\", data_in = [{ width = 8 }, { width = 4, frac_width = 2 }] }
seed.default.config.name = [\"NA\"]
seed.a.config = { name = [\"both\", \"input_only\"], channel_multiplier = [1, 2] }
[search.strategy]
name = \"optuna\"
setup = { n_trials = 3, timeout = 2.5, sampler = \"tpe\", sum_scaled_metrics = false }
metrics.accuracy = { scale = 1.0, direction = \"maximize\" }
enqueue = [{ \"a/config/name\" = \"both\", b.quantize.data_in = { width = 8 } }, { a.config.name = \"NA\" }]
";

#[test]
fn a_file_with_something_of_everything_is_read_back() {
    let study = search(BUSY).study;
    assert_eq!(search(&study.to_toml()).study, study);
}

#[test]
fn the_files_of_the_seed_are_read_back() {
    for name in ["jsc-three_by_type_grid.toml", "vgg7_by_type.toml"] {
        let Some(text) = seed_file(name) else {
            return;
        };
        let study = search(&text).study;
        assert_eq!(search(&study.to_toml()).study, study);
    }
}

#[test]
fn the_hash_is_that_of_the_values_not_of_their_spelling() {
    let hash = |text: &str| search(text).study.hash();
    assert_eq!(
        hash("model = \"toy\""),
        hash("# x\n[model]\nname = \"toy\"")
    );
    assert_eq!(hash("batch_size = 128"), hash(""));
    assert_ne!(hash("batch_size = 129"), hash(""));
    assert_eq!(hash("").len(), 64);
}

/// Any text that a file can hold, but for the two that mean something else.
fn texts() -> impl Strategy<Value = String> {
    let any = prop_oneof![
        "[a-z_]{1,8}",
        "\\PC{1,6}",
        Just("a\"b\\c\n\u{7f}\u{1}".to_owned())
    ];
    any.prop_filter("not null", |text| {
        text != "NA" && text != "config" && text != "name"
    })
}

fn numbers() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn positive() -> impl Strategy<Value = f64> {
    numbers()
        .prop_map(f64::abs)
        .prop_filter("above 0", |number| *number > 0.0)
}

fn sizes() -> impl Strategy<Value = usize> {
    1..1_000_000_usize
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        numbers().prop_map(Value::Float),
        texts().prop_map(Value::Text),
    ]
}

fn jsons() -> impl Strategy<Value = Json> {
    values()
        .prop_map(Json::from)
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..3).prop_map(Json::from),
                objects(inner)
            ]
        })
}

fn objects(values: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    btree_map(texts(), values, 0..3).prop_map(|fields| Json::Object(fields.into_iter().collect()))
}

fn recipes(log_every_n_steps: BoxedStrategy<Option<usize>>) -> impl Strategy<Value = Recipe> {
    let schedule = prop_oneof![
        Just(LrScheduler::Constant),
        Just(LrScheduler::Cosine),
        Just(LrScheduler::Step),
        Just(LrScheduler::OneCycle),
    ];
    let schedule = (schedule, sizes(), any::<bool>(), positive(), positive()).prop_map(
        |(scheduler, every, has_every, gamma, warmup)| {
            let needs_every = scheduler == LrScheduler::Step;
            let warms_up = scheduler != LrScheduler::OneCycle;
            (
                scheduler,
                (has_every || needs_every).then_some(every),
                gamma,
                if warms_up { warmup } else { 0.0 },
            )
        },
    );
    let augment = (0..9_usize, any::<bool>(), 0..9_usize)
        .prop_map(|(crop, flip, cutout)| Augment { crop, flip, cutout });
    let gradient = (0.0..1.0, option::of(positive()), augment);
    let optimizer = prop_oneof![
        Just(Optimizer::Adam),
        Just(Optimizer::AdamW),
        Just(Optimizer::Sgd)
    ];
    let numbers = (positive(), numbers().prop_map(f64::abs), 0.0..1.0);
    let rest = (
        any::<bool>(),
        any::<bool>(),
        option::of(sizes()),
        log_every_n_steps,
    );
    let sizes = (sizes(), sizes());
    (sizes, numbers, schedule, optimizer, gradient, rest).prop_map(
        |(sizes, numbers, schedule, optimizer, gradient, rest)| Recipe {
            max_epochs: sizes.0,
            batch_size: sizes.1,
            learning_rate: numbers.0,
            lr_scheduler: schedule.0,
            lr_step_epochs: schedule.1,
            lr_gamma: schedule.2,
            warmup_epochs: schedule.3,
            optimizer,
            weight_decay: numbers.1,
            momentum: numbers.2,
            nesterov: rest.0,
            label_smoothing: gradient.0,
            gradient_clip_norm: gradient.1,
            keep: if rest.1 { Keep::Best } else { Keep::Last },
            patience: rest.2,
            log_every_n_steps: rest.3,
            part: None,
            augment: gradient.2,
        },
    )
}

fn choices() -> impl Strategy<Value = Choices> {
    let list = vec(values(), 1..4).prop_map(|mut values| {
        values.sort();
        values.dedup();
        Choices::List(values)
    });
    let int =
        (1..100_i64, 0..100_i64, 1..5_u64, any::<bool>()).prop_map(|(low, more, step, log)| {
            Choices::Range(Domain::Int {
                low,
                high: low + more,
                step,
                log,
            })
        });
    let float = (0.5..9.0, 0.0..9.0, option::of(0.1..2.0), any::<bool>()).prop_map(
        |(low, more, step, log)| {
            Choices::Range(Domain::Float {
                low,
                high: low + more,
                step,
                log,
            })
        },
    );
    let record = btree_map(texts(), values(), 1..3);
    let records = vec(record, 1..3).prop_map(|records| {
        let records = records.into_iter();
        let mut records: Vec<Record> = records
            .map(|record| Record(record.into_iter().collect()))
            .collect();
        records.sort_by_key(Record::to_string);
        records.dedup_by_key(|record| record.to_string());
        Choices::Records(records)
    });
    prop_oneof![list, int, float, records]
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let modes = || {
        vec![
            Value::from("output_only"),
            Value::from("input_only"),
            Value::Null,
        ]
    };
    let field = |name: &str, values| Field {
        name: name.to_owned(),
        choices: Choices::List(values),
    };
    let config = (1..4_usize, vec(positive().prop_map(Value::Float), 1..2)).prop_map(
        move |(n_modes, multipliers)| Group {
            table: "config".to_owned(),
            pass: Some("channel_multiplier".to_owned()),
            fields: vec![
                field("name", modes()[..n_modes].to_vec()),
                field("channel_multiplier", multipliers),
            ],
        },
    );
    let native = btree_map(texts(), btree_map(texts(), choices(), 0..3), 0..3).prop_map(|tables| {
        let group =
            |(table, fields): (String, std::collections::BTreeMap<String, Choices>)| Group {
                pass: Some(table.clone()),
                table,
                fields: fields
                    .into_iter()
                    .map(|(name, choices)| Field { name, choices })
                    .collect(),
            };
        tables.into_iter().map(group).collect::<Vec<_>>()
    });
    (option::of(config), native)
        .prop_map(|(config, native)| config.into_iter().chain(native).collect())
}

fn spaces() -> impl Strategy<Value = SpaceSpec> {
    let by = prop_oneof![Just(By::Name), Just(By::Type)];
    let presets = vec(texts(), 1..3).prop_map(|mut names| {
        names.sort();
        names.dedup();
        let field = Field {
            name: "format".to_owned(),
            choices: Choices::List(names.into_iter().map(Value::Text).collect()),
        };
        Group {
            table: "quantize".to_owned(),
            pass: Some("quantize".to_owned()),
            fields: vec![field],
        }
    });
    let ties = vec(vec(texts(), 0..3), 0..3);
    let seeds = btree_map(texts(), groups(), 0..3);
    (by, seeds, option::of(presets), ties).prop_map(|(by, seeds, formats, ties)| SpaceSpec {
        by,
        seeds: seeds
            .into_iter()
            .map(|(key, groups)| Seed { key, groups })
            .collect(),
        formats,
        ties,
    })
}

fn directions() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Minimize), Just(Direction::Maximize)]
}

fn goals() -> impl Strategy<Value = Goal> {
    let metrics = btree_map(texts(), (positive(), directions()), 1..4);
    (metrics, option::of(directions())).prop_map(|(metrics, sum)| Goal {
        objectives: metrics
            .into_iter()
            .map(|(metric, (scale, direction))| Objective {
                metric,
                direction: sum.unwrap_or(direction),
                scale,
            })
            .collect(),
        sum,
    })
}

fn steps() -> impl Strategy<Value = Vec<PassStep>> {
    btree_map(texts(), objects(jsons()), 0..3).prop_map(|steps| {
        steps
            .into_iter()
            .map(|(name, args)| PassStep { name, args })
            .collect()
    })
}

fn constraints() -> impl Strategy<Value = Vec<Constraint>> {
    btree_map(texts(), (any::<bool>(), numbers()), 0..3).prop_map(|limits| {
        let limits = limits
            .into_iter()
            .map(|(metric, (is_max, limit))| Constraint {
                metric,
                side: if is_max { Side::Below } else { Side::Above },
                limit,
            });
        limits.collect()
    })
}

fn pruners() -> impl Strategy<Value = Option<Pruner>> {
    let median = (0..9_usize, 0..9_usize, sizes()).prop_map(
        |(n_startup_trials, n_warmup_epochs, interval_epochs)| {
            Pruner::Median(Median {
                n_startup_trials,
                n_warmup_epochs,
                interval_epochs,
            })
        },
    );
    let asha = (sizes(), 2..9_usize).prop_map(|(min_epochs, reduction_factor)| {
        Pruner::Asha(Asha {
            min_epochs,
            reduction_factor,
        })
    });
    let hyperband = (sizes(), 2..9_usize).prop_map(|(min_epochs, reduction_factor)| {
        Pruner::Hyperband(Hyperband {
            min_epochs,
            reduction_factor,
        })
    });
    let wilcoxon = (1e-9..=1.0, 2..9_usize).prop_map(|(p_threshold, n_startup_epochs)| {
        Pruner::Wilcoxon(Wilcoxon {
            p_threshold,
            n_startup_epochs,
        })
    });
    option::of(prop_oneof![median, asha, hyperband, wilcoxon])
}

fn inherits() -> impl Strategy<Value = How> {
    (select(&Inherit::ALL[..]), select(&Importance::ALL[..])).prop_map(|(inherit, importance)| {
        How {
            inherit,
            importance,
        }
    })
}

fn measured() -> impl Strategy<Value = Measured> {
    (option::of((sizes(), sizes())), any::<bool>()).prop_map(|(latency, trained_ebops)| Measured {
        latency: latency.map(|(batch_size, n_runs)| LatencyArgs { batch_size, n_runs }),
        trained_ebops,
    })
}

fn zero_costs() -> impl Strategy<Value = Vec<ZeroCost>> {
    subsequence(ZeroCost::ALL.to_vec(), 0..=ZeroCost::ALL.len())
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let part = || texts().prop_filter("a part of a name", |text| !text.contains('/'));
    let value = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        positive().prop_map(Value::Float),
        texts().prop_map(Value::Text),
        Just(Value::Null),
    ];
    let record = btree_map(texts(), value.clone(), 1..3);
    let said = prop_oneof![
        value.prop_map(Said::Value),
        record.prop_map(|fields| Said::Record(Record(fields.into_iter().collect()))),
    ];
    let point = btree_map((part(), part(), part()), said, 1..3).prop_map(|values| {
        let given = values
            .into_iter()
            .map(|((node, table, field), value)| Given {
                node,
                table,
                field,
                value,
            });
        Point(given.collect())
    });
    vec(point, 0..3)
}

fn searches() -> impl Strategy<Value = Search> {
    let strategy = (
        texts().prop_filter("a sampler", |name| name != "optuna"),
        objects(jsons()),
        points(),
    );
    let budget = (
        1..i64::MAX as u64,
        option::of(sizes()),
        option::of(positive()),
        sizes(),
    );
    (
        spaces(),
        strategy,
        goals(),
        steps(),
        recipes(Just(None).boxed()),
        (
            budget,
            (constraints(), pruners(), inherits(), zero_costs()),
            measured(),
        ),
    )
        .prop_map(
            |(space, strategy, goal, analyses, recipe, (budget, rest, measured))| Search {
                measured,
                zero_cost: rest.3,
                space,
                strategy: strategy.0,
                settings: strategy.1,
                enqueue: strategy.2,
                goal,
                analyses,
                constraints: rest.0,
                pruner: rest.1,
                inherit: rest.2,
                recipe,
                n_trials: budget.0,
                n_jobs: budget.1,
                timeout_s: budget.2,
                population: budget.3,
            },
        )
}

fn studies() -> impl Strategy<Value = Study> {
    let dataset = (
        texts(),
        option::of(texts()),
        option::of(sizes()),
        any::<bool>(),
        0.01..0.49,
    );
    let dataset = dataset.prop_map(|(name, text, n_rows, standardize, share)| DatasetSpec {
        name,
        path: text.clone(),
        label: text,
        n_rows,
        standardize,
        validation: share,
        test: share,
    });
    let accelerator = prop_oneof![Just(Accelerator::Auto), Just(Accelerator::Cuda)];
    let model = (texts(), objects(jsons()));
    let names = (
        texts(),
        "[a-z][a-z .-]{0,9}",
        option::of(texts()),
        0..=i64::MAX as u64,
    );
    let passes = steps().prop_map(|mut steps| {
        steps.retain(|step| step.name != "quantize");
        steps
    });
    let rest = (passes, quantizations(), targets(), option::of(searches()));
    (
        model,
        dataset,
        recipes(option::of(sizes()).boxed()),
        accelerator,
        names,
        rest,
    )
        .prop_map(|(model, dataset, recipe, accelerator, names, rest)| Study {
            model: ModelSpec {
                name: model.0,
                args: model.1,
            },
            dataset,
            recipe,
            accelerator,
            engine: names.0,
            project: names.1,
            load_name: names.2,
            seed: names.3,
            passes: rest.0,
            quantization: rest.1,
            target: rest.2,
            search: rest.3,
        })
        .prop_filter("epochs with formats are left", |study| {
            let float_epochs = study.quantization.float_epochs.unwrap_or(0);
            let search = study.search.as_ref();
            search.is_none_or(|search| float_epochs < search.recipe.max_epochs)
        })
}

fn quantizations() -> impl Strategy<Value = Quantization> {
    let method = prop_oneof![
        Just(RangeMethod::MinMax),
        Just(RangeMethod::Mse),
        (0.1..=100.0).prop_map(|percentile| RangeMethod::Percentile { percentile }),
    ];
    (any::<bool>(), option::of(0..4_usize), method, sizes()).prop_map(
        |(is_ptq, float_epochs, method, samples)| Quantization {
            mode: match is_ptq {
                true => QuantizationMode::Ptq,
                false => QuantizationMode::Qat,
            },
            float_epochs: float_epochs.filter(|_| !is_ptq),
            method,
            samples,
        },
    )
}

fn targets() -> impl Strategy<Value = Target> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        numbers().prop_map(Value::Float)
    ];
    btree_map(texts(), number, 0..3).prop_map(Target)
}
