//! What is worth saying of a space: keys without effect, and what stays in float32.

use std::collections::BTreeMap;

use firebrick_core::graph::Op;

use super::super::defaults;
use super::super::error::Notice;
use super::super::seed::{By, CHANNEL_MULTIPLIER, CONFIG, Group, QUANTIZE};
use super::planned::exists;
use super::{Given, Planned, Planner};

impl<'a> Planner<'a> {
    /// Returns what is worth saying, given what was planned of each node, by position.
    pub(in crate::study) fn notes(&self, planned: &[Vec<Planned>]) -> Vec<String> {
        let mut notes: Vec<String> = self.tied.notice().into_iter().collect();
        notes.extend(self.idle().iter().map(ToString::to_string));
        notes.extend(self.in_float(planned));
        notes
    }

    /// Returns the keys without effect on this network.
    fn idle(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for seed in &self.spec.seeds {
            let takes = |given: &Given<'_>| given.seed.is_some_and(|other| other.key == seed.key);
            let is_taken = |group: &Group| {
                let mut nodes = self.graph.nodes().iter();
                nodes.any(|node| {
                    let mut given = self.given(node).into_iter().filter(takes);
                    given.any(|given| given.group.table == group.table)
                })
            };
            for group in &seed.groups {
                let given = Given {
                    seed: Some(seed),
                    group,
                };
                if self.is_spare(seed) && !is_taken(group) {
                    let reason = match self.graph.nodes().iter().any(|n| n.op.name() == seed.key) {
                        true => {
                            "it is a type of node, and `search.search_space.setup.by` is `name`"
                        }
                        false => "the network has no node of this type",
                    };
                    notices.push(self.notice(&given.path(None), reason.to_owned()));
                    continue;
                }
                notices.extend(self.idle_fields(given));
            }
        }
        for (key, reason) in self.idle_shared() {
            notices.push(self.notice(key, reason));
        }
        if self.is_all_in_float() && self.loaded.study.quantization != defaults::QUANTIZATION {
            let reason = "no layer has a number format".to_owned();
            notices.push(self.notice("quantization", reason));
        }
        notices
    }

    /// Returns whether no candidate has a number format, as far as that is known: a pass that is
    /// not one of ours may give some.
    fn is_all_in_float(&self) -> bool {
        let mut passes = self.passes.keys();
        let mut nodes = self.graph.nodes().iter();
        passes.all(|pass| pass == CHANNEL_MULTIPLIER)
            && nodes.all(|node| node.annotations.formats.is_empty())
    }

    /// Returns the fields of a group that none of its names has, or none of its nodes.
    fn idle_fields(&self, given: Given<'a>) -> Vec<Notice> {
        let group = given.group;
        let needs = self.needs(group);
        let mut notices = Vec::new();
        for field in &group.fields {
            let is_of_nobody = || {
                let mut nodes = self.graph.nodes().iter();
                !nodes.any(|node| {
                    let mut all = self.given(node).into_iter();
                    all.any(|other| std::ptr::eq(other.group, group))
                        && self.has(group, field, node)
                })
            };
            let path = given.path(Some(&field.name));
            if group.table == CONFIG && field.name != "name" && is_of_nobody() {
                let ops = self.ops(group, field);
                let reason = format!("it is for nodes of type `{}`", ops.join("`, `"));
                notices.push(self.notice(&path, reason));
                continue;
            }
            for name in field.choices.field_names(&field.name) {
                if !exists_for_any(group, &name, &needs) {
                    let reason = format!("{} has no `{name}`", names(group));
                    notices.push(self.notice(&path, reason));
                }
            }
        }
        notices
    }

    /// Returns why `formats` or `tie` have no effect, where they do not.
    fn idle_shared(&self) -> Vec<(&'static str, String)> {
        let mut idle = Vec::new();
        let mut nodes = self.graph.nodes().iter();
        let is_used = nodes.any(|node| {
            let given = self.given(node);
            given.iter().any(|given| given.seed.is_none())
        });
        if self.spec.formats.is_some() && !is_used {
            let reason = "no linear layer or convolution is without a `quantize` of its own";
            idle.push(("search.search_space.formats", reason.to_owned()));
        }
        for nodes in self.shared.idle() {
            let reason = format!("{nodes} have no field together");
            idle.push(("search.search_space.tie", reason));
        }
        idle
    }

    fn notice(&self, key: &str, reason: String) -> Notice {
        let origin = self.loaded.places.get(key).cloned();
        Notice {
            key: key.to_owned(),
            is_idle: true,
            reason,
            file: self.loaded.file.clone().filter(|_| origin.is_some()),
            origin,
        }
    }

    /// Returns which batch norms stay in float32 while layers beside them do not.
    fn in_float(&self, planned: &[Vec<Planned>]) -> Option<String> {
        let is_stored = |planned: &[Planned]| planned.iter().any(|group| group.is_of(QUANTIZE));
        let is_native = |planned: &[Planned]| {
            planned
                .iter()
                .any(|group| group.is_of(QUANTIZE) && group.table != CONFIG)
        };
        if !planned.iter().any(|planned| is_native(planned)) {
            return None;
        }
        let nodes = self.graph.nodes().iter().zip(planned);
        let in_float = nodes.filter(|(node, planned)| {
            matches!(node.op, Op::BatchNorm { .. }) && !is_stored(planned)
        });
        let names: Vec<&str> = in_float.map(|(node, _)| node.name.as_str()).collect();
        let first = names.first()?;
        let key = match self.spec.by {
            By::Type => "batch_norm",
            By::Name | By::RegexName => first,
        };
        let verb = if names.len() == 1 {
            "computes"
        } else {
            "compute"
        };
        Some(format!(
            "`{}` (batch_norm) {verb} in float32, as no seed gives a number format: \
             `seed.{key}.quantize.format = [\"int16\"]` does, or fold what follows a layer into it \
             with the pass `fold_batch_norm`",
            names.join("`, `")
        ))
    }
}

/// Returns whether a field exists for one of the names that its group can have, if it has some.
fn exists_for_any(group: &Group, field: &str, needs: &BTreeMap<String, Vec<String>>) -> bool {
    let name = group.fields.iter().find(|field| field.name == "name");
    let mut values = match name.map(|name| name.choices.listed()) {
        None | Some([]) => return true,
        Some(values) => values.iter(),
    };
    values.any(|name| exists(field, name, needs))
}

/// Returns the names that a group can have: ``integer` or `log``.
fn names(group: &Group) -> String {
    let name = group.fields.iter().find(|field| field.name == "name");
    let values = name.map_or(&[][..], |name| name.choices.listed());
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    values.join(" or ")
}
