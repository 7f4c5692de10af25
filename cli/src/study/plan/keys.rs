//! Whether the keys of seeds are about nodes of the network, and their fields about passes.

use firebrick_core::graph::Node;
use firebrick_core::hint::did_you_mean;

use super::super::error::StudyError;
use super::super::seed::{By, CONFIG, Field, Group, QUANTIZE, Seed, is_of_mase};
use super::super::{Subject, defaults, section};
use super::{Given, MASE_OPS, Planner};

/// The types of node that MASE quantises.
const MASE_TYPES: [&str; 9] = [
    "add", "bmm", "conv1d", "conv2d", "linear", "matmul", "mul", "relu", "sub",
];

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
                let seed = Some(seed);
                self.check_fields(Given { seed, group })?;
            }
        }
        if let Some(group) = &self.spec.formats {
            self.check_fields(Given { seed: None, group })?;
        }
        for seed in self.keyed() {
            let nodes = self.graph.nodes().iter();
            let taken: Vec<&Node> = nodes.filter(|node| self.takes(seed, node)).collect();
            if taken.is_empty() && !self.is_spare(seed) {
                return Err(self.unmatched(seed));
            }
            for group in seed.groups.iter().filter(|_| !taken.is_empty()) {
                let seed = Some(seed);
                self.check_ops(Given { seed, group }, &taken)?;
            }
        }
        Ok(())
    }

    /// Returns whether a key of MASE's spelling is a type of node that the network lacks, or that
    /// only counts where `by` is `type`: MASE's own files have such keys.
    pub(super) fn is_spare(&self, seed: &Seed) -> bool {
        let is_config = |group: &Group| group.table == CONFIG;
        self.spec.by != By::RegexName
            && MASE_TYPES.contains(&seed.key.as_str())
            && seed.groups.iter().all(is_config)
    }

    /// Checks that the fields of a group are fields of its pass; the modes of the seed's spelling
    /// were checked when it was read.
    fn check_fields(&self, given: Given<'_>) -> Result<(), StudyError> {
        let group = given.group;
        let is_config = group.table == CONFIG;
        if is_config && group.pass.as_deref() != Some(QUANTIZE) {
            return Ok(());
        }
        let unknown = |field: &Field| {
            let mut names = field.choices.field_names(&field.name).into_iter();
            names.find(|name| {
                let is_known = self.choice(group, name).is_some();
                !(is_known || is_config && is_of_mase(name))
            })
        };
        let mut fields = group.fields.iter();
        let Some((field, name)) = fields.find_map(|field| Some((field, unknown(field)?))) else {
            return Ok(());
        };
        let known: Vec<&str> = self
            .known(group)
            .iter()
            .map(|choice| choice.field.as_str())
            .collect();
        let pass = group.pass.as_deref().unwrap_or(&group.table);
        let hint = match known.is_empty() {
            true => format!("`{pass}` has nothing to choose"),
            false => did_you_mean(&name, known.iter().copied())
                .unwrap_or_else(|| format!("known: `{}`", known.join("`, `"))),
        };
        let what = format!("pass `{pass}` has no field `{name}`");
        Err(self.blame(given, Some(field), what, Some(hint)))
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

    /// Checks that each field of a group is for the type of a node that its key takes. In MASE's
    /// spelling, where all nodes have the same fields, one has no effect then.
    fn check_ops(&self, given: Given<'_>, taken: &[&Node]) -> Result<(), StudyError> {
        let group = given.group;
        for field in &group.fields {
            let ops = match group.table == CONFIG {
                true => MASE_OPS.to_vec(),
                false => self.ops(group, field),
            };
            if taken.iter().any(|node| ops.contains(&node.op.name())) {
                continue;
            }
            let shown = |node: &&Node| format!("`{}` ({})", node.name, node.op.name());
            let taken: Vec<String> = taken.iter().map(shown).collect();
            let (table, name) = (&group.table, &field.name);
            let what = format!("`{table}.{name}` does not apply to {}", taken.join(", "));
            let hint = format!("it applies to nodes of type `{}`", ops.join("`, `"));
            return Err(self.blame(given, Some(field), what, Some(hint)));
        }
        Ok(())
    }

    /// Returns the types of node that a field is for.
    pub(super) fn ops(&self, group: &Group, field: &Field) -> Vec<&str> {
        let mut ops: Vec<&str> = Vec::new();
        for name in field.choices.field_names(&field.name) {
            let choice = self.choice(group, &name);
            for op in choice.iter().flat_map(|choice| &choice.ops) {
                if !ops.contains(&op.as_str()) {
                    ops.push(op);
                }
            }
        }
        ops
    }

    /// Checks that no key of a type or pattern was refused at every node that it takes.
    pub(in crate::study) fn check_refused(&self) -> Result<(), StudyError> {
        for seed in self.keyed() {
            for group in &seed.groups {
                let seed = Some(seed);
                self.check_not_refused(Given { seed, group })?;
            }
        }
        match &self.spec.formats {
            Some(group) => self.check_not_refused(Given { seed: None, group }),
            None => Ok(()),
        }
    }

    fn check_not_refused(&self, given: Given<'_>) -> Result<(), StudyError> {
        match self.refusals.get(&given.path(None)) {
            Some(Some(refusal)) => Err(self.blame(given, None, refusal.clone(), None)),
            Some(None) | None => Ok(()),
        }
    }
}
