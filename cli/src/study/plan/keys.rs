//! Whether the keys of seeds are about nodes of the network, and their fields about passes.

use firebrick_core::graph::Node;
use firebrick_core::hint::did_you_mean;

use super::super::error::StudyError;
use super::super::seed::{By, CONFIG, Group, Seed};
use super::super::{Subject, defaults, section};
use super::{MASE_OPS, Planner, path};

impl Planner<'_> {
    /// Checks that each key takes a node, that no two take the same, and that each group of a seed
    /// has fields of its pass and can change a node that it takes.
    pub(in crate::study) fn check_keys(&self) -> Result<(), StudyError> {
        for node in self.graph.nodes() {
            let mut taking = self.keyed().filter(|seed| self.takes(seed, node));
            if let (Some(one), Some(two)) = (taking.next(), taking.next()) {
                // Which of the two counts would be a guess.
                let (one, two, node) = (&one.key, &two.key, &node.name);
                let what = format!("both `{one}` and `{two}` match node `{node}`");
                let key = section::join("search.search_space.seed", two);
                return Err(self.loaded.blame(Subject::Key(&key), what, None));
            }
        }
        for seed in &self.spec.seeds {
            for group in &seed.groups {
                self.check_fields(seed, group)?;
            }
        }
        for seed in self.keyed() {
            let nodes = self.graph.nodes().iter();
            let taken: Vec<&Node> = nodes.filter(|node| self.takes(seed, node)).collect();
            if taken.is_empty() {
                return Err(self.unmatched(seed));
            }
            for group in &seed.groups {
                self.check_ops(seed, group, &taken)?;
            }
        }
        Ok(())
    }

    /// Checks that the fields of a group are fields of its pass; those of the seed's spelling were
    /// checked when it was read.
    fn check_fields(&self, seed: &Seed, group: &Group) -> Result<(), StudyError> {
        if group.table == CONFIG {
            return Ok(());
        }
        let is_unknown = |name: &str| self.choice(group, name).is_none();
        let Some(field) = group.fields.iter().find(|field| is_unknown(&field.name)) else {
            return Ok(());
        };
        let known: Vec<&str> = self
            .known(group)
            .iter()
            .map(|choice| choice.field.as_str())
            .collect();
        let hint = match known.is_empty() {
            true => format!("`{}` has nothing to choose", group.table),
            false => did_you_mean(&field.name, known.iter().copied())
                .unwrap_or_else(|| format!("known: `{}`", known.join("`, `"))),
        };
        let what = format!("pass `{}` has no field `{}`", group.table, field.name);
        let key = path(seed, group, Some(&field.name));
        Err(self.loaded.blame(Subject::Key(&key), what, Some(hint)))
    }

    fn unmatched(&self, seed: &Seed) -> StudyError {
        let nodes = self.graph.nodes();
        let mut known: Vec<&str> = match self.spec.by {
            By::Name | By::RegexName => nodes.iter().map(|node| node.name.as_str()).collect(),
            By::Type => nodes.iter().map(|node| node.op.name()).collect(),
        };
        let is_type = nodes.iter().any(|node| node.op.name() == seed.key);
        let is_name = self.graph.node(&seed.key).is_some();
        let other = match self.spec.by {
            By::Name | By::RegexName if is_type => Some(By::Type),
            By::Type if is_name => Some(By::Name),
            _ => None,
        };
        let hint = match other {
            _ if self.loaded.is_built_in() => {
                let model = defaults::MODEL;
                format!("the built-in study is about `{model}`; give yours with `--config FILE`")
            }
            Some(by) => {
                let what = if by == By::Type {
                    "a type of node"
                } else {
                    "the name of a node"
                };
                format!(
                    "it is {what}: set `search.search_space.setup.by = \"{}\"`",
                    by.word()
                )
            }
            None => did_you_mean(&seed.key, known.iter().copied()).unwrap_or_else(|| {
                known.sort_unstable();
                known.dedup();
                let model = &self.loaded.study.model.name;
                format!("`{model}` has `{}`", known.join("`, `"))
            }),
        };
        let key = section::join("search.search_space.seed", &seed.key);
        let what = format!("no node matches `{}`", seed.key);
        self.loaded.blame(Subject::Key(&key), what, Some(hint))
    }

    /// Checks that each field of a group is for the type of a node that its key takes.
    fn check_ops(&self, seed: &Seed, group: &Group, taken: &[&Node]) -> Result<(), StudyError> {
        for field in &group.fields {
            let ops: Vec<&str> = match self.choice(group, &field.name) {
                Some(choice) if group.table != CONFIG => {
                    choice.ops.iter().map(String::as_str).collect()
                }
                _ => MASE_OPS.to_vec(),
            };
            if taken.iter().any(|node| ops.contains(&node.op.name())) {
                continue;
            }
            let shown = |node: &&Node| format!("`{}` ({})", node.name, node.op.name());
            let taken: Vec<String> = taken.iter().map(shown).collect();
            let (table, name) = (&group.table, &field.name);
            let what = format!("`{table}.{name}` does not apply to {}", taken.join(", "));
            let hint = format!("it applies to nodes of type `{}`", ops.join("`, `"));
            let key = path(seed, group, Some(name));
            return Err(self.loaded.blame(Subject::Key(&key), what, Some(hint)));
        }
        Ok(())
    }
}
