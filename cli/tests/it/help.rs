//! Every verb says what it does, with an example.

use firebrick_core::pruner::Pruner;

use super::support::Place;

#[test]
fn every_verb_has_an_example() {
    let verbs = [
        "search",
        "train",
        "test",
        "transform",
        "export",
        "list",
        "plugin",
        "data",
        "completions",
    ];
    for verb in verbs {
        let run = Place::new().run(&[verb, "--help"]);
        assert_eq!(run.code, Some(0));
        assert!(
            run.stdout.contains("Example"),
            "`{verb} --help` has no example"
        );
        assert!(
            run.stdout.contains(&format!("firebrick {verb}")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn search_says_what_each_pruner_has_where_nothing_is_given() {
    let help = Place::new().run(&["search", "--help"]).stdout;
    for pruner in Pruner::ALL {
        let heading = format!("\n    {} ", pruner.name());
        let (_, said) = help.split_once(&heading).unwrap();
        let (_, said) = said.split_once('(').unwrap();
        let (said, _) = said.split_once(')').unwrap();
        let settings = serde_json::to_value(pruner).unwrap();
        let settings = settings.as_object().unwrap().iter();
        let mut expected: Vec<String> = settings
            .filter(|(key, _)| *key != "name")
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let mut said: Vec<&str> = said.split(", ").collect();
        expected.sort();
        said.sort_unstable();
        assert_eq!(said, expected, "{}", pruner.name());
    }
}

#[test]
fn lists_everything_as_json() {
    let run = Place::new().run(&["list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let kinds: Vec<&String> = listed.as_object().unwrap().keys().collect();
    assert_eq!(
        kinds,
        ["models", "passes", "strategies", "engines", "datasets"]
    );
    let names = |kind: &str| -> Vec<&str> {
        listed[kind]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(
        names("strategies"),
        [
            "brute",
            "cma_es",
            "grid",
            "nsga2",
            "nsga3",
            "qmc",
            "random",
            "regularized_evolution",
            "tpe"
        ]
    );
    // The engine of GPUs is here only where somebody built it.
    let mut engines = names("engines");
    engines.retain(|name| *name != "cuda");
    assert_eq!(engines, ["burn", "mlp"]);
    assert!(names("models").contains(&"jsc-three-linear"));
}

#[test]
fn completions_name_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Place::new().run(&["completions", shell]);
        assert!(run.stdout.contains("transform"), "{shell}: {}", run.stderr);
    }
}
