//! Which strategies can serve a study that another one can't.

use firebrick_core::Json;
use firebrick_core::registry::{Entry, Factory, Kind, Registry};
use firebrick_core::strategy::Study;

/// Returns a sentence that names the strategies that take a study with their default settings: all
/// that were found are asked, a third party's too.
pub(super) fn hint(registry: &Registry, refused: &str, study: &Study) -> String {
    let refused = registry.find(Kind::Strategy, refused).ok();
    let takes = |entry: &&Entry| match &entry.factory {
        Factory::Strategy(make) => make(study, &Json::Object(serde_json::Map::new())).is_ok(),
        _ => false,
    };
    let others = registry.entries().iter().filter(|entry| {
        let is_it = refused.is_some_and(|refused| std::ptr::eq(refused, *entry));
        entry.manifest.kind == Kind::Strategy && !is_it
    });
    let names: Vec<String> = others
        .filter(takes)
        .map(|entry| format!("`{}`", called(registry, entry)))
        .collect();
    match names.split_last() {
        None => "no strategy that is here takes this study".to_owned(),
        Some((only, [])) => format!("{only} takes it"),
        Some((last, others)) => format!("{} and {last} take it", others.join(", ")),
    }
}

/// Returns the name that finds an item: `plugin/name` where several plugins have it.
fn called(registry: &Registry, entry: &Entry) -> String {
    let name = &entry.manifest.name;
    match registry.find(Kind::Strategy, name) {
        Ok(_) => name.clone(),
        Err(_) => format!("{}/{name}", entry.plugin),
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::objective::Direction;
    use firebrick_core::registry::Manifest;
    use firebrick_core::space::{Domain, Parameter, Space};
    use firebrick_core::strategy::{Strategy, StrategyError};
    use firebrick_core::trial::Trial;
    use firebrick_core::value::{Params, Value};

    use super::*;

    struct Idle;

    impl Strategy for Idle {
        fn ask(&mut self, _: &[u64]) -> Result<Vec<Params>, StrategyError> {
            Ok(Vec::new())
        }

        fn tell(&mut self, _: &[Trial]) -> Result<(), StrategyError> {
            Ok(())
        }
    }

    /// A strategy that takes at most so many objectives.
    fn entry(plugin: &str, name: &str, n_objectives_max: usize) -> Entry {
        Entry {
            manifest: Manifest {
                kind: Kind::Strategy,
                name: name.to_owned(),
                aliases: Vec::new(),
                docs: String::new(),
                schema: Json::Null,
                preference: 0,
            },
            plugin: plugin.to_owned(),
            factory: Factory::Strategy(Box::new(move |study, _| {
                let found = study.directions.len();
                match found > n_objectives_max {
                    true => Err(StrategyError::Objectives {
                        found,
                        reason: "which is too many".to_owned(),
                    }),
                    false => Ok(Box::new(Idle)),
                }
            })),
        }
    }

    fn hint_of(entries: Vec<Entry>) -> String {
        let mut registry = Registry::default();
        for entry in entries {
            registry.add(entry);
        }
        let parameter = Parameter {
            name: "a".to_owned(),
            domain: Domain::Ordinal {
                choices: [1, 2].map(Value::Int).to_vec(),
            },
            condition: None,
        };
        let study = Study {
            space: Space::new(vec![parameter]).unwrap(),
            directions: vec![Direction::Minimize; 2],
            seed: 0,
            n_trials: None,
        };
        hint(&registry, "one", &study)
    }

    #[test]
    fn those_that_take_the_study_are_named_and_no_others() {
        let ours = |name: &str, n| entry("ours", name, n);
        let all = vec![
            ours("one", 1),
            ours("two", 2),
            ours("also-one", 1),
            ours("many", 9),
        ];
        assert_eq!(hint_of(all), "`many` and `two` take it");
        assert_eq!(
            hint_of(vec![ours("one", 1), ours("two", 2)]),
            "`two` takes it"
        );
        let nobody = "no strategy that is here takes this study";
        assert_eq!(hint_of(vec![ours("one", 1)]), nobody);
    }

    #[test]
    fn a_name_of_several_plugins_comes_with_its_plugin() {
        let all = vec![
            entry("ours", "one", 1),
            entry("ours", "two", 2),
            entry("theirs", "two", 2),
        ];
        assert_eq!(hint_of(all), "`ours/two` and `theirs/two` take it");
    }
}
