//! `[quantization]` and `[target]`.

use firebrick_core::formats::RangeMethod;
use serde_json::json;

use super::*;

fn quantization(text: &str) -> Quantization {
    let loaded = read_as(text, &Options::default(), Verb::Train).unwrap();
    assert_eq!(notices(&loaded), "");
    loaded.study.quantization
}

#[test]
fn formats_count_in_training_unless_told_otherwise() {
    let unsaid = Quantization {
        mode: QuantizationMode::Qat,
        float_epochs: None,
        method: RangeMethod::Mse,
        samples: 1024,
    };
    assert_eq!(quantization(""), unsaid);
    let said = quantization(
        "[quantization]
        mode = \"qat\"
        float_epochs = 0
        calibration = { method = \"percentile\", samples = 10 }",
    );
    let expected = Quantization {
        float_epochs: Some(0),
        method: RangeMethod::Percentile { percentile: 99.9 },
        samples: 10,
        ..unsaid
    };
    assert_eq!(said, expected);
    let ptq = quantization("quantization = { mode = \"ptq\", calibration.method = \"min_max\" }");
    assert_eq!(
        (ptq.mode, ptq.method),
        (QuantizationMode::Ptq, RangeMethod::MinMax)
    );
}

#[test]
fn a_flag_wins_over_the_file() {
    let mut options = Options::default();
    options.give("quantization.mode", "--set", Some("ptq"));
    options.give("quantization.calibration.samples", "--set", Some(7));
    let text = "[quantization]\nmode = \"qat\"\ncalibration.samples = 9";
    let study = read_as(text, &options, Verb::Train).unwrap().study;
    let Quantization { mode, samples, .. } = study.quantization;
    assert_eq!((mode, samples), (QuantizationMode::Ptq, 7));
}

#[test]
fn says_what_no_quantization_can_be() {
    let refused = |text: &str, verb| {
        let error = read_as(text, &Options::default(), verb).unwrap_err();
        format!("{text}\n  {}", shown(&error).replace('\n', "\n  "))
    };
    let texts = [
        "quantization = \"ptq\"",
        "quantization.mode = \"qta\"",
        "quantization.mod = \"qat\"",
        "quantization.float_epochs = -1",
        "max_epochs = 4\nquantization.float_epochs = 4",
        "quantization.calibration.method = \"max\"",
        "quantization.calibration.percentile = 0",
        "quantization.calibration.percentile = 100.5",
        "quantization.calibration.samples = 0",
        "quantization.calibration.sample = 5",
        "float_epochs = 3",
        "target.clock_mhz = \"fast\"",
        "target = 3",
    ]
    .map(|text| refused(text, Verb::Train));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    quantization = "ptq"
      `quantization` must be a table, is `"ptq"` in `studies/x.toml`, line 1
    quantization.mode = "qta"
      `quantization.mode` can't be `qta` in `studies/x.toml`, line 1
        hint: known: `qat`, `ptq`
    quantization.mod = "qat"
      unknown key `quantization.mod` in `studies/x.toml`, line 1
        hint: did you mean `mode`?
    quantization.float_epochs = -1
      `quantization.float_epochs` must be a whole number of at least 0, is `-1` in `studies/x.toml`, line 1
    max_epochs = 4
    quantization.float_epochs = 4
      `quantization.float_epochs` must be below `max_epochs`, which is 4, is `4` in `studies/x.toml`, line 2
        hint: `quantization.mode = "ptq"` trains every epoch in float32
    quantization.calibration.method = "max"
      `quantization.calibration.method` can't be `max` in `studies/x.toml`, line 1
        hint: known: `min_max`, `percentile`, `mse`
    quantization.calibration.percentile = 0
      `quantization.calibration.percentile` must be a percentage above 0, up to 100, is `0` in `studies/x.toml`, line 1
    quantization.calibration.percentile = 100.5
      `quantization.calibration.percentile` must be a percentage above 0, up to 100, is `100.5` in `studies/x.toml`, line 1
    quantization.calibration.samples = 0
      `quantization.calibration.samples` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 1
    quantization.calibration.sample = 5
      unknown key `quantization.calibration.sample` in `studies/x.toml`, line 1
        hint: did you mean `samples`?
    float_epochs = 3
      unknown key `float_epochs` in `studies/x.toml`, line 1
        hint: `float_epochs` belongs to `[quantization]`
    target.clock_mhz = "fast"
      `target.clock_mhz` must be a number, is `"fast"` in `studies/x.toml`, line 1
    target = 3
      `target` must be a table, is `3` in `studies/x.toml`, line 1
    "#);
    // The epochs that count are those of what is trained.
    let text = "max_epochs = 9\nquantization.float_epochs = 4\n\
                search.strategy.sw_runner.basic_train.max_epochs = 3";
    insta::assert_snapshot!(refused(text, Verb::Search), @r#"
    max_epochs = 9
    quantization.float_epochs = 4
    search.strategy.sw_runner.basic_train.max_epochs = 3
      `quantization.float_epochs` must be below `max_epochs`, which is 3, is `4` in `studies/x.toml`, line 2
        hint: `quantization.mode = "ptq"` trains every epoch in float32
    "#);
    assert!(read_as(text, &Options::default(), Verb::Train).is_ok());
}

#[test]
fn says_which_keys_have_no_effect() {
    let noted = |text: &str| notices(&read_as(text, &Options::default(), Verb::Train).unwrap());
    insta::assert_snapshot!([
        "quantization = { mode = \"ptq\", float_epochs = 3 }",
        "quantization.calibration.percentile = 99",
        "target = \"xcu250-figd2104-2L-e\"",
    ].map(noted).join("\n"), @r#"
    `quantization.float_epochs` in `studies/x.toml`, line 1 has no effect: `mode` is `ptq`: every epoch is in float32
    `quantization.calibration.percentile` in `studies/x.toml`, line 1 has no effect: only `method = "percentile"` takes it
    `target` in `studies/x.toml`, line 1 has no effect: only a table of numbers describes a chip: `target.clock_mhz = 200`
    "#);
}

/// The schemas of three passes: with numbers that it needs, with one that it can do without, and
/// with none.
fn schemas() -> BTreeMap<&'static str, Json> {
    let roofline = json!({
        "properties": {
            "macs_per_cycle": { "type": "number" },
            "clock_mhz": { "type": "number" },
            "by": { "type": "string" },
        },
        "required": ["macs_per_cycle", "clock_mhz", "by"],
    });
    let memory = json!({ "properties": { "on_chip_bytes": { "type": ["number", "null"] } } });
    BTreeMap::from([
        ("roofline", roofline),
        ("memory", memory),
        ("params", json!({})),
    ])
}

fn aimed(text: &str) -> Result<(Loaded, Vec<Notice>), StudyError> {
    let mut loaded = search(text);
    let schemas = schemas();
    let notices = loaded.aim(|name| schemas.get(name), schemas.values())?;
    Ok((loaded, notices))
}

#[test]
fn analyses_get_what_they_take_of_a_target() {
    let (loaded, notices) = aimed(
        "[target]
        macs_per_cycle = 64
        clock_mhz = 200.0
        [search.strategy.hw_runner]
        roofline = { clock_mhz = 100, by = \"us\" }
        memory = {}
        params = {}
        [passes.roofline]",
    )
    .unwrap();
    assert_eq!(notices, []);
    let args: Vec<Json> = loaded
        .study
        .search
        .unwrap()
        .analyses
        .iter()
        .map(|step| step.args.clone())
        .collect();
    let expected = [
        json!({ "clock_mhz": 100, "by": "us", "macs_per_cycle": 64 }),
        json!({}),
        json!({}),
    ];
    assert_eq!(args, expected);
}

#[test]
fn says_what_is_wrong_with_a_target() {
    let said = |text: &str| match aimed(text) {
        Ok((_, notices)) => notices.iter().map(ToString::to_string).collect(),
        Err(error) => vec![shown(&error)],
    };
    let texts = [
        "target.clok_mhz = 1",
        "target.price = 1",
        "[target]\nclock_mhz = 1\n[search.strategy.hw_runner.roofline]",
        "[search.strategy.hw_runner]\n\nroofline = { by = \"us\" }",
        "[target]\non_chip_bytes = 1\n[search.strategy.hw_runner.params]",
    ];
    insta::assert_snapshot!(texts.map(|text| said(text).join("\n")).join("\n"), @r"
    no pass takes `target.clok_mhz` in `studies/x.toml`, line 1
      hint: did you mean `clock_mhz`?
    no pass takes `target.price` in `studies/x.toml`, line 1
      hint: passes take `clock_mhz`, `macs_per_cycle`, `on_chip_bytes`
    `search.strategy.hw_runner.roofline` needs `macs_per_cycle`, which `[target]` does not say in `studies/x.toml`, line 3
      hint: for example `target.macs_per_cycle = 100`
    `search.strategy.hw_runner.roofline` needs `macs_per_cycle`, which `[target]` does not say in `studies/x.toml`, line 3
      hint: for example `target.macs_per_cycle = 100`
    `target.on_chip_bytes` in `studies/x.toml`, line 2 has no effect: no analysis of the study takes it
    ");
}
