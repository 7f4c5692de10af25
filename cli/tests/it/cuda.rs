//! A run that asks for a GPU, with and without the plugin that could use one.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::Path;

use super::engines::run_without;
use super::support::{Place, Run, STUDY, shared, target_folder};

/// Makes a place with a study and, in the folder `gpu`, the plugin; none where it was not built.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn with_plugin() -> Option<Place> {
    let name = format!("{DLL_PREFIX}firebrick_plugins_engine_cuda{DLL_SUFFIX}");
    let built = target_folder().join("cuda/release").join(&name);
    if !built.is_file() {
        eprintln!("skipped: `cargo xtask build --engine cuda` was not run");
        return None;
    }
    let place = Place::with_study(STUDY);
    fs::create_dir(place.path("gpu")).unwrap();
    fs::copy(built, place.path("gpu").join(name)).unwrap();
    Some(place)
}

/// Whether this machine may have what the tests of its absence are about.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn may_have_gpu() -> bool {
    let may = Path::new("/dev/nvidiactl").exists() || Path::new("/dev/dxg").exists();
    if may {
        eprintln!("skipped: this machine has a driver for GPUs");
    }
    may
}

/// Runs the program with the plugin in the folder `gpu`, and not with one that is staged besides.
fn run(place: &Place, args: &[&str]) -> Run {
    run_without(place, "cuda", &[&["--plugin-dir", "gpu"], args].concat())
}

#[test]
fn without_its_plugin_a_run_on_a_gpu_names_the_commands_that_bring_it() {
    let place = Place::with_study(STUDY);
    let args = ["search", "--config", "study.toml", "--accelerator", "cuda"];
    let run = run_without(&place, "cuda", &args);
    insta::assert_snapshot!(run.refused(), @r"
    error: no engine here has a device for accelerator `cuda`: the plugin with engine `cuda` is missing

    hint: `cargo xtask build --engine cuda` builds it, `cargo xtask install --engine cuda` installs it; `--accelerator cpu` does without
    ");
    let named = ["search", "--config", "study.toml", "--engine", "cuda"];
    insta::assert_snapshot!(run_without(&place, "cuda", &named).refused(), @r"
    error: unknown engine `cuda` in `--engine`

    hint: `cargo xtask build --engine cuda` builds it, `cargo xtask install --engine cuda` installs it
    ");
}

#[test]
fn both_studies_of_the_seed_ask_for_a_gpu_and_run_without() {
    let studies = [
        ("jsc-three_by_type_grid", "jets-sim"),
        ("vgg7_by_type", "shapes10"),
    ];
    for (name, dataset) in studies {
        let Some(study) = shared(&format!("seed/{name}.toml")) else {
            return;
        };
        let study = study.to_string_lossy();
        let args = ["search", "--config", &study, "--dataset", dataset];
        let place = Place::new();
        let run = run_without(&place, "cuda", &args);
        let errors = run.refused();
        assert!(
            errors.contains("the plugin with engine `cuda` is missing"),
            "{errors}"
        );
        assert!(errors.contains("`--accelerator cpu`"), "{errors}");
        let on_cpu = [&args[..], &["--accelerator", "cpu", "--dry-run"]].concat();
        let run = run_without(&place, "cuda", &on_cpu);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

#[test]
fn the_plugin_is_found_by_a_program_that_was_built_without_it() {
    let Some(place) = with_plugin() else { return };
    let listed = run(&place, &["list", "engines", "--format", "json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let engines = listed["engines"].as_array().unwrap();
    let cuda = engines.iter().find(|engine| engine["name"] == "cuda");
    assert_eq!(cuda.unwrap()["plugin"], "firebrick-engine-cuda");
    // One engine, not that for the CPU which it is made of besides.
    let burn = engines.iter().filter(|engine| engine["name"] == "burn");
    assert_eq!(burn.count(), 1);
    let library = format!("gpu/{DLL_PREFIX}firebrick_plugins_engine_cuda{DLL_SUFFIX}");
    let checked = run(&place, &["plugin", "check", &library]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
}

#[test]
fn without_a_gpu_the_plugin_says_what_is_missing() {
    let Some(place) = with_plugin().filter(|_| !may_have_gpu()) else {
        return;
    };
    for accelerator in ["gpu", "cuda"] {
        for verb in [
            &["search", "--config", "study.toml"],
            &["train", "jsc-d", "jets-sim"],
        ] {
            let args = [&verb[..], &["--accelerator", accelerator]].concat();
            let run = run(&place, &args);
            let errors = run.refused();
            let expected = format!("has a device for accelerator `{accelerator}`: the ");
            assert!(errors.contains(&expected), "{errors}");
            assert!(
                errors.contains(" is missing\n  engine `cuda`: "),
                "{errors}"
            );
            assert!(errors.contains("`--accelerator cpu`"), "{errors}");
        }
    }
}

#[test]
fn without_a_gpu_auto_does_not_mind_the_plugin() {
    let Some(place) = with_plugin().filter(|_| !may_have_gpu()) else {
        return;
    };
    let args = ["search", "--config", "study.toml", "--max-epochs", "1"];
    let run = run(&place, &args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("engine mlp on cpu"), "{}", run.stderr);
    assert!(!run.stderr.contains("cuda"), "{}", run.stderr);
}
