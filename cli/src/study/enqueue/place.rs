//! The points of `enqueue` in the space of a network.

use std::collections::BTreeMap;

use firebrick_core::hint::did_you_mean;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::value::{Params, Value};

use super::super::choices::{Choices, Record};
use super::super::error::StudyError;
use super::super::plan::{Planned, PlannedField};
use super::super::seed::CONFIG;
use super::super::space::SearchSpace;
use super::super::write::inline;
use super::super::{Loaded, Subject, section};
use super::complete::{Wanted, draw, imply};
use super::value::{is_equal, is_same, listed, spelled_list, value_to_json, values};
use super::{Given, KEY, Point, Said, path};

/// How often the rest of a point is drawn again because the whole point is there already.
const N_DRAWS: usize = 32;

/// The points that a search begins with.
#[derive(Debug, Default)]
pub(crate) struct Enqueued {
    /// The points, that of trial n at n. They are distinct and canonical.
    pub(crate) points: Vec<Params>,
    /// What is worth saying of them.
    pub(crate) notes: Vec<String>,
}

impl Loaded {
    /// Finds the points of `enqueue` in a space, and draws what they leave open: that of trial n
    /// under the study's seed and n.
    ///
    /// A point that comes again is left out, with a note. So are points beyond `n_trials`, which
    /// the study has no trial for.
    ///
    /// # Errors
    /// [`StudyError`] names the first value that the space does not have.
    pub(crate) fn enqueued(&self, space: &SearchSpace) -> Result<Enqueued, StudyError> {
        let mut enqueued = Enqueued::default();
        let Some(search) = &self.study.search else {
            return Ok(enqueued);
        };
        let mut first: BTreeMap<Params, usize> = BTreeMap::new();
        for (idx, point) in search.enqueue.iter().enumerate() {
            let placer = Placer {
                loaded: self,
                space,
                idx,
            };
            let wanted = placer.wanted(point)?;
            let number = enqueued.points.len() as u64;
            let mut rng = stream(self.study.seed, Purpose::Propose, number);
            let mut drawn = (0..N_DRAWS).map(|_| draw(&space.space, &wanted, &mut rng));
            let params = drawn.next().unwrap_or_default();
            let Some(earlier) = first.get(&params) else {
                first.insert(params.clone(), idx);
                enqueued.points.push(params);
                continue;
            };
            match drawn.find(|params| !first.contains_key(params)) {
                Some(params) => {
                    first.insert(params.clone(), idx);
                    enqueued.points.push(params);
                }
                None => enqueued.notes.push(format!(
                    "`{}` is the same point as `{}`: it is tried once",
                    path(idx),
                    path(*earlier)
                )),
            }
        }
        let n_points = enqueued.points.len();
        if n_points as u64 > search.n_trials {
            enqueued.notes.push(format!(
                "`{KEY}` has {n_points} points, but the study has {} trials: the others are not tried",
                search.n_trials
            ));
            enqueued.points.truncate(search.n_trials as usize);
        }
        Ok(enqueued)
    }
}

/// Looks up what one point says.
struct Placer<'a> {
    loaded: &'a Loaded,
    space: &'a SearchSpace,
    idx: usize,
}

/// Where a value of a point belongs.
struct Place<'a> {
    group: &'a Planned,
    field: &'a PlannedField,
}

impl<'a> Placer<'a> {
    /// Returns what the parameters of the space must be for a point.
    fn wanted(&self, point: &Point) -> Result<Wanted, StudyError> {
        let mut wanted = Wanted::new();
        let mut parts: Vec<(&PlannedField, Vec<(&Given, String)>)> = Vec::new();
        let mut named = Vec::new();
        for given in &point.0 {
            let Some(Place { group, field }) = self.find(given)? else {
                continue;
            };
            let name = group.names_for(&given.field);
            named.extend(name.map(|(parameter, names)| (given, parameter, names)));
            match given.field.strip_prefix(&format!("{}_", field.name)) {
                Some(rest) if given.field != field.name => {
                    let part = (given, rest.to_owned());
                    match parts
                        .iter_mut()
                        .find(|(known, _)| std::ptr::eq(*known, field))
                    {
                        Some((_, known)) => known.push(part),
                        None => parts.push((field, vec![part])),
                    }
                }
                _ => {
                    let choice = self.choice(field, given)?;
                    self.want(&mut wanted, field, given, &[choice])?;
                }
            }
        }
        for (field, parts) in parts {
            let records = self.records(field, &parts)?;
            self.want(&mut wanted, field, parts[0].0, &records)?;
        }
        // A field may exist for some names only, also one that is always the same.
        for (given, parameter, names) in named {
            let known = wanted.entry(parameter.to_owned());
            let known = known.or_insert_with(|| names.clone());
            known.retain(|name| names.contains(name));
            if known.is_empty() {
                return Err(self.absent(given, parameter, &names));
            }
        }
        imply(&self.space.space, wanted).map_err(|absent| {
            let is_it = |given: &&Given| {
                let place = self.find(given).ok().flatten();
                place.is_some_and(|place| place.field.parameter.as_ref() == Some(&absent.parameter))
            };
            match point.0.iter().find(is_it) {
                Some(given) => self.absent(given, &absent.on, &absent.values),
                None => {
                    let what = format!("`{}` can't have `{}`", path(self.idx), absent.parameter);
                    self.loaded.blame(Subject::Key(&path(self.idx)), what, None)
                }
            }
        })
    }

    /// Notes what the parameter of a field must be; a field without one is as it is.
    fn want(
        &self,
        wanted: &mut Wanted,
        field: &PlannedField,
        given: &Given,
        values: &[Value],
    ) -> Result<(), StudyError> {
        let Some(parameter) = &field.parameter else {
            return Ok(());
        };
        let known = wanted.entry(parameter.clone());
        let known = known.or_insert_with(|| values.to_vec());
        let earlier = known.first().cloned().unwrap_or(Value::Null);
        known.retain(|value| values.contains(value));
        if known.is_empty() {
            let [earlier, value] =
                [earlier.into(), given.value.to_json()].map(|json| inline(&json));
            let what = format!(
                "`{}` gives `{parameter}` two values, `{earlier}` and `{value}`",
                path(self.idx)
            );
            let hint = "layers that are tied share a parameter: give it once".to_owned();
            return Err(self.blame(given, what, Some(hint)));
        }
        Ok(())
    }

    /// Returns where a value belongs; `None` for what leaves a node as it is that nothing changes.
    fn find(&self, given: &Given) -> Result<Option<Place<'a>>, StudyError> {
        let mut nodes = self.space.nodes.iter();
        let node = nodes.find(|node| node.name == given.node);
        let is_left = given.table == CONFIG
            && given.field == "name"
            && given.value == Said::Value(Value::Null);
        if node.is_some_and(|node| node.groups.is_empty()) && is_left {
            return Ok(None);
        }
        let groups = node.iter().flat_map(|node| &node.groups);
        let mut places = groups
            .filter(|group| group.table == given.table || group.is_of(&given.table))
            .flat_map(|group| group.fields.iter().map(move |field| Place { group, field }));
        let has = |place: &Place<'_>| {
            let PlannedField { name, choices, .. } = place.field;
            *name == given.field || choices.field_names(name).contains(&given.field)
        };
        match places.find(has) {
            Some(place) => Ok(Some(place)),
            None => Err(self.unknown(given)),
        }
    }

    /// Returns the value of a field that is given as a whole, as the space spells it.
    fn choice(&self, field: &PlannedField, given: &Given) -> Result<Value, StudyError> {
        let found = match (&field.choices, &given.value) {
            (Choices::Records(records), Said::Record(record)) => {
                let same = records.iter().find(|other| is_same(other, record));
                same.map(|record| Value::Text(record.to_string()))
            }
            (_, Said::Record(_)) => None,
            (choices, Said::Value(value)) => choices.domain(true).canonical(value),
        };
        found.ok_or_else(|| self.outside(field, given))
    }

    /// Returns the records that have some values, each given by itself as in `sampled_config`.
    fn records(
        &self,
        field: &PlannedField,
        parts: &[(&Given, String)],
    ) -> Result<Vec<Value>, StudyError> {
        let Choices::Records(records) = &field.choices else {
            return Ok(Vec::new());
        };
        let mut left: Vec<&Record> = records.iter().collect();
        for (given, rest) in parts {
            left.retain(|record| {
                let mut values = record.0.iter();
                values.any(|(name, value)| {
                    name == rest && matches!(&given.value, Said::Value(own) if is_equal(own, value))
                })
            });
            if left.is_empty() {
                return Err(self.outside(field, given));
            }
        }
        Ok(left
            .into_iter()
            .map(|record| Value::Text(record.to_string()))
            .collect())
    }

    /// Returns the error about a value that a field can't have.
    fn outside(&self, field: &PlannedField, given: &Given) -> StudyError {
        let value = inline(&given.value.to_json());
        let what = format!("`{}` can't be `{value}`", self.path_of(given));
        let hint = match (&field.choices, &field.parameter) {
            (choices, None) => format!("the study leaves it at {}", values(choices)),
            (choices, Some(_)) => format!("it can be {}", values(choices)),
        };
        self.blame(given, what, Some(hint))
    }

    /// Returns the error about a field that exists for other values of a parameter only.
    fn absent(&self, given: &Given, on: &str, values: &[Value]) -> StudyError {
        let path = self.path_of(given);
        let what = match values {
            [] => format!("`{path}` exists for no value of `{on}`"),
            values => {
                let values = spelled_list(values, value_to_json);
                format!("`{path}` exists only where `{on}` is {values}")
            }
        };
        let hint = "leave one of them out: what a point does not give is drawn".to_owned();
        self.blame(given, what, Some(hint))
    }

    fn unknown(&self, given: &Given) -> StudyError {
        let what = format!("`{}` is not in the space", self.path_of(given));
        let mut known: Vec<String> = Vec::new();
        for node in &self.space.nodes {
            for group in &node.groups {
                let table = match (group.table == given.table, &group.pass) {
                    (false, Some(pass)) => pass,
                    _ => &group.table,
                };
                // What is always the same needs no saying.
                let fields = group.fields.iter().filter(|one| one.parameter.is_some());
                known.extend(fields.map(|field| format!("{}/{table}/{}", node.name, field.name)));
            }
        }
        let name = given.to_string();
        let hint = did_you_mean(&name, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("known: {}", listed(&known)));
        self.blame(given, what, Some(hint))
    }

    /// Returns the keys of a value, as it would be spelled in tables.
    fn path_of(&self, given: &Given) -> String {
        let path = section::join(&path(self.idx), &given.node);
        section::join(&section::join(&path, &given.table), &given.field)
    }

    fn blame(&self, given: &Given, what: String, hint: Option<String>) -> StudyError {
        let nested = self.path_of(given);
        let flat = section::join(&path(self.idx), &given.to_string());
        let key = match self.loaded.places.contains_key(&nested) {
            true => nested,
            false => flat,
        };
        self.loaded.blame(Subject::Key(&key), what, hint)
    }
}
