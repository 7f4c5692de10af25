//! `transform --groups`, and what it says of studies.

use insta::assert_snapshot;

use super::support::{Place, STUDY};

#[test]
fn groups_of_a_chain_are_its_layers() {
    let place = Place::with_study(STUDY);
    let run = place.run(&["transform", "--groups", "--config", "study.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_snapshot!(run.stdout, @r"
    | group | width | multiple_of | layers       | followers    | fixed  |
    |-------+-------+-------------+--------------+--------------+--------|
    |     0 |    16 |           1 |              | seq_blocks_0 | input  |
    |     1 |    16 |           1 | seq_blocks_2 |              |        |
    |     2 |    16 |           1 | seq_blocks_4 |              |        |
    |     3 |     5 |           1 | seq_blocks_6 |              | output |
    ");
}

#[test]
fn groups_are_json_for_programs() {
    let place = Place::with_study(STUDY);
    let args = [
        "transform",
        "--groups",
        "--config",
        "study.toml",
        "--format",
        "json",
    ];
    let run = place.run(&args);
    let groups: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_snapshot!(groups[0], @r#"{"group":0,"width":16,"multiple_of":1,"layers":[],"followers":["seq_blocks_0"],"fixed":"input"}"#);
    assert_snapshot!(groups[1], @r#"{"group":1,"width":16,"multiple_of":1,"layers":["seq_blocks_2"],"followers":[],"fixed":null}"#);
}

#[test]
fn passes_are_not_applied_to_what_is_shown() {
    let place = Place::with_study("[passes.channel_multiplier]\nseq_blocks_2.factor = 2");
    let args = [
        "transform",
        "--groups",
        "jsc-d",
        "jets-sim",
        "--config",
        "study.toml",
    ];
    let run = place.run(&args);
    assert!(run.stdout.contains("|    16 |"), "{}", run.stdout);
    assert!(!run.stdout.contains("32"), "{}", run.stdout);
    let expected = "note: `[passes]` has no effect: `--groups` shows the network as it is";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
