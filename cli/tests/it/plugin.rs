//! `firebrick plugin`: list, inspect, check, make and add plugins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::built::{built, cargo, products, workspace};
use super::support::{Place, Run, STUDY, slow};

fn template() -> PathBuf {
    built("plugins/template", &["build"], "libfirebrick_template.so")
}

/// Runs the program without any plugin but those that were added here.
fn run(place: &Place, args: &[&str]) -> Run {
    let mut command = place.command(args);
    command.env("FIREBRICK_PLUGIN_PATH", "");
    command.env("CARGO_NET_OFFLINE", "true");
    command.env("CARGO_TARGET_DIR", products());
    let output = command.output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Makes the crate of a new plugin and runs its test as it is.
fn make_and_test(kind: &str) {
    let place = Place::new();
    // Always the same folder, so that a later run finds what this one built.
    let crates = products().join("new");
    let name = format!("my-{kind}");
    let _ = fs::remove_dir_all(crates.join(&name));
    let into = crates.to_string_lossy().into_owned();
    let made = run(&place, &["plugin", "new", kind, &name, "--into", &into]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let crate_dir = crates.join(&name);
    assert_eq!(made.stdout.trim_end(), crate_dir.to_string_lossy());
    let tested = cargo(&crate_dir, &["test"]);
    let tested = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.contains("keeps_the_contract ... ok"), "{tested}");

    let library = built(
        &crate_dir.to_string_lossy(),
        &["build"],
        &format!("libmy_{kind}.so"),
    );
    let checked = run(&place, &["plugin", "check", &library.to_string_lossy()]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(
        checked.stdout.contains(&format!("{kind} my-{kind}: ")),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_new_strategy_builds_and_keeps_its_contract() {
    make_and_test("strategy");
}

#[test]
fn a_new_pass_builds_and_keeps_its_contract() {
    make_and_test("pass");
}

#[test]
fn a_new_model_builds_and_keeps_its_contract() {
    if !slow() {
        return;
    }
    make_and_test("model");
}

#[test]
fn a_new_engine_builds_and_keeps_its_contract() {
    if !slow() {
        return;
    }
    make_and_test("engine");
}

#[test]
fn new_writes_nothing_where_it_cannot() {
    let place = Place::new();
    place.write("taken", "");
    let taken = run(&place, &["plugin", "new", "pass", "taken"]);
    insta::assert_snapshot!(taken.refused(), @r"
    error: `taken` is there already

    hint: choose another name, or another folder with `--into`
    ");
    let name = run(&place, &["plugin", "new", "pass", "my pass"]);
    insta::assert_snapshot!(name.refused(), @r"
    error: `my pass` can't be the name of a crate

    hint: use small letters, digits, `-` and `_`, a letter first, such as `my-strategy`
    ");
    for reserved in ["fn", "test", "My_Pass"] {
        let run = run(&place, &["plugin", "new", "pass", reserved]);
        let message = format!("error: `{reserved}` can't be the name of a crate");
        assert!(run.refused().starts_with(&message), "{}", run.stderr);
    }
    let into = run(
        &place,
        &["plugin", "new", "pass", "mine", "--into", "taken"],
    );
    insta::assert_snapshot!(into.refused(), @r"
    error: can't write `taken/mine`: Not a directory (os error 20)

    hint: choose a folder that you can write to with `--into`
    ");
    let sdk = run(
        &place,
        &["plugin", "new", "pass", "mine", "--sdk", "nowhere"],
    );
    insta::assert_snapshot!(sdk.refused(), @r"
    error: there is no crate in `nowhere`

    hint: `--sdk` is the folder `plugins/sdk` of Firebrick's source
    ");
    assert_eq!(place.list("."), ["taken"]);
}

#[test]
fn an_added_plugin_is_found_by_name() {
    let place = Place::new();
    let added = run(&place, &["plugin", "add", &template().to_string_lossy()]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert!(added.stdout.contains("\ninstalled as "), "{}", added.stdout);
    let folder = "home/.local/share/firebrick/plugins";
    assert_eq!(place.list(folder), ["libfirebrick_template.so"]);

    let listed = run(&place, &["plugin", "list"]);
    let row = listed.stdout.lines().nth(2).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells[1], "firebrick-template");
    assert_eq!(cells[4], "1 model, 1 pass, 1 strategy, 1 engine");
    let strategies = run(&place, &["list", "strategies"]);
    assert!(
        strategies.stdout.contains("| sweep |"),
        "{}",
        strategies.stdout
    );

    let inspected = run(&place, &["plugin", "inspect", "firebrick-template/shallow"]);
    insta::assert_snapshot!(inspected.stdout, @r"
    model shallow (of firebrick-template 0.1.0)

    A network with one hidden layer, for inputs of one dimension.

    | argument | type    | default | meaning                       |
    |----------+---------+---------+-------------------------------|
    | width    | integer |      16 | Features of the hidden layer. |
    ");
    let unknown = run(&place, &["plugin", "inspect", "swep"]);
    insta::assert_snapshot!(unknown.refused(), @r"
    error: there is no plugin or item `swep`

    hint: did you mean `sweep`? `firebrick plugin list` and `firebrick list` show what there is
    ");
}

#[test]
fn list_names_plugins_and_refusals_as_json() {
    let place = Place::new();
    let folder = place.path("plugins");
    fs::create_dir(&folder).unwrap();
    fs::copy(template(), folder.join("libtemplate.so")).unwrap();
    place.write("plugins/libbroken.so", "not a library");
    let mut command = place.command(&["plugin", "list", "--format", "json"]);
    let output = command
        .env("FIREBRICK_PLUGIN_PATH", &folder)
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed["plugins"][0]["name"], "firebrick-template");
    assert_eq!(listed["plugins"][0]["items"].as_array().unwrap().len(), 4);
    assert_eq!(listed["refused"][0]["found"], "not a shared library");
    // As text, the refusal is a warning and the table is what is left.
    let mut command = place.command(&["plugin", "list"]);
    let output = command
        .env("FIREBRICK_PLUGIN_PATH", &folder)
        .output()
        .unwrap();
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(warning.starts_with("warning: plugin `"), "{warning}");
}

#[test]
fn says_where_it_looked_if_there_is_no_plugin() {
    let place = Place::new();
    let listed = run(&place, &["plugin", "list"]);
    assert_eq!((listed.code, listed.stdout.as_str()), (Some(0), ""));
    assert!(
        listed.stderr.starts_with("no plugins in:\n"),
        "{}",
        listed.stderr
    );
    assert!(
        listed.stderr.contains("firebrick/plugins"),
        "{}",
        listed.stderr
    );
}

#[test]
fn a_check_says_what_a_file_is() {
    let place = Place::new();
    place.write("libnotes.so", "notes");
    let checked = run(&place, &["plugin", "check", "libnotes.so"]);
    insta::assert_snapshot!(checked.refused(), @r"
    error: `libnotes.so` is not loaded: not a shared library, expected a shared library for this machine

    hint: build the plugin on this machine; `firebrick plugin add CRATE` does
    ");
    let added = run(&place, &["plugin", "add", "libnotes.so"]);
    assert_eq!(added.refused(), checked.refused());
    let missing = run(&place, &["plugin", "check", "libgone.so"]);
    insta::assert_snapshot!(missing.refused(), @r"
    error: `libgone.so` is not loaded: there is no such file, expected a plugin

    hint: look at the path and its rights
    ");
}

#[test]
fn a_check_survives_a_plugin_that_ends_the_process() {
    let place = Place::new();
    let fixtures = "plugins/host/tests/fixtures";
    let killer = built(fixtures, &["build", "--package", "killer"], "libkiller.so");
    let checked = run(&place, &["plugin", "check", &killer.to_string_lossy()]);
    let killer_text = killer.to_string_lossy().into_owned();
    insta::assert_snapshot!(checked.refused().replace(&killer_text, "libkiller.so"), @r"
    error: plugin `libkiller.so` ended the process that checked it: signal: 6 (SIGABRT)

    hint: a plugin must return errors; what it panics with is caught, an abort is not
    ");
    let added = run(&place, &["plugin", "add", &killer_text]);
    assert!(
        added
            .refused()
            .contains("ended the process that checked it")
    );
    assert_eq!(
        place.list("home/.local/share/firebrick/plugins"),
        Vec::<String>::new()
    );
}

#[test]
fn add_explains_a_crate_that_builds_no_plugin() {
    let place = Place::new();
    fs::create_dir_all(place.path("mine/src")).unwrap();
    place.write(
        "mine/Cargo.toml",
        "[package]\nname = \"mine\"\nedition = \"2024\"\n[workspace]\n",
    );
    place.write("mine/src/lib.rs", "");
    let added = run(&place, &["plugin", "add", "mine"]);
    let stderr = added.refused();
    let message = &stderr[stderr.find("error: ").unwrap()..];
    insta::assert_snapshot!(message, @r#"
    error: the crate in `mine` builds no shared library

    hint: add to its Cargo.toml: [lib] crate-type = ["cdylib"]
    "#);
    fs::create_dir(place.path("empty")).unwrap();
    insta::assert_snapshot!(run(&place, &["plugin", "add", "empty"]).refused(), @r"
    error: can't read `empty/Cargo.toml`: No such file or directory (os error 2)

    hint: name a library, or the folder of a crate
    ");
}

#[test]
fn add_builds_a_crate() {
    if !slow() {
        return;
    }
    let place = Place::new();
    let folder = place.path(".").to_string_lossy().into_owned();
    let made = run(
        &place,
        &["plugin", "new", "strategy", "mine", "--into", &folder],
    );
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    fs::copy(
        workspace().join("Cargo.lock"),
        place.path("mine/Cargo.lock"),
    )
    .unwrap();
    let added = run(&place, &["plugin", "add", "mine"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert_eq!(
        place.list("home/.local/share/firebrick/plugins"),
        ["libmine.so"]
    );
}

#[test]
fn a_study_names_the_strategy_of_a_third_party() {
    let place = Place::with_study(&STUDY.replace("name = \"tpe\"", "name = \"sweep\""));
    fs::create_dir(place.path("theirs")).unwrap();
    fs::set_permissions(place.path("theirs"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(template(), place.path("theirs/libfirebrick_template.so")).unwrap();
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--plugin-dir",
        "theirs",
    ];
    let run = place.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    let points: Vec<String> = log
        .as_object()
        .unwrap()
        .values()
        .map(|trial| trial["params"].to_string())
        .collect();
    // The template walks the points in order, the last parameter changing fastest.
    assert!(
        points[0].contains("seq_blocks_2/channel_multiplier/factor\":1"),
        "{}",
        points[0]
    );
    assert!(
        points[1].contains("seq_blocks_4/channel_multiplier/factor\":2"),
        "{}",
        points[1]
    );
    assert!(
        points[2].contains("seq_blocks_2/channel_multiplier/factor\":2"),
        "{}",
        points[2]
    );
    let versions = &place.json("out/best.json")["0"]["plugin_versions"];
    assert_eq!(versions["firebrick-template"], "0.1.0");
}
