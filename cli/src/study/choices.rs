//! What a field can be: `[1, 2, 4]`, `2`, `{ low = 1, high = 4 }`, or fields that go together:
//! `[{ width = 16, frac_width = 8 }, { width = 8, frac_width = 6 }]`.

use std::fmt;

use firebrick_core::Json;
use firebrick_core::space::{Domain, Parameter, Space, SpaceError};
use firebrick_core::value::Value;

use super::error::StudyError;
use super::file::{Item, Raw, Table};
use super::section::{Section, join, misfit};

/// What a field can be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choices {
    /// One of these distinct values, at least one.
    List(Vec<Value>),
    /// A number of this range.
    Range(Domain),
    /// Several fields at once, as one of these distinct records says, at least one.
    Records(Vec<Record>),
}

/// Values that go together, each with the rest of the name of its field: `width` in the record of
/// `data_in` is `data_in_width`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record(pub(crate) Vec<(String, Value)>);

/// Writes the record as the value of a parameter: `width 16 frac_width 8`.
impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, (name, value)) in self.0.iter().enumerate() {
            let space = if idx == 0 { "" } else { " " };
            write!(formatter, "{space}{name} {value}")?;
        }
        Ok(())
    }
}

impl Record {
    /// Returns the record as a file has it.
    pub(super) fn to_json(&self) -> Json {
        let fields = self.0.iter().cloned();
        Json::Object(fields.map(|(name, value)| (name, value.into())).collect())
    }
}

impl Choices {
    /// Returns the values as a parameter has them. Ordered numbers are sorted, since a strategy
    /// takes neighbours for alike.
    pub(super) fn domain(&self, is_ordered: bool) -> Domain {
        match self {
            Self::Range(domain) => domain.clone(),
            Self::List(values) if is_ordered => {
                let mut choices = values.clone();
                let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
                if choices.iter().all(|value| value.as_f64().is_some()) {
                    choices.sort_by(|a, b| number(a).total_cmp(&number(b)));
                }
                Domain::Ordinal { choices }
            }
            Self::List(values) => Domain::Categorical {
                choices: values.clone(),
            },
            Self::Records(records) => {
                let shown = |record: &Record| Value::Text(record.to_string());
                let choices = records.iter().map(shown).collect();
                match is_ordered {
                    true => Domain::Ordinal { choices },
                    false => Domain::Categorical { choices },
                }
            }
        }
    }

    /// Returns the values of a list.
    pub(super) fn listed(&self) -> &[Value] {
        match self {
            Self::List(values) => values,
            Self::Range(_) | Self::Records(_) => &[],
        }
    }

    /// Returns whether there is nothing to choose.
    pub(super) fn is_single(&self) -> bool {
        match self {
            Self::List(values) => values.len() == 1,
            Self::Records(records) => records.len() == 1,
            Self::Range(_) => false,
        }
    }

    /// Returns the names of the fields that this gives values, where it is under a name: records
    /// have several.
    pub(super) fn field_names(&self, name: &str) -> Vec<String> {
        let Self::Records(records) = self else {
            return vec![name.to_owned()];
        };
        let mut names: Vec<String> = Vec::new();
        for (rest, _) in records.iter().flat_map(|record| &record.0) {
            let field = format!("{name}_{rest}");
            if !names.contains(&field) {
                names.push(field);
            }
        }
        names
    }

    /// Returns whether every value is a number above 0.
    pub(super) fn are_positive(&self) -> bool {
        match self {
            Self::List(values) => values
                .iter()
                .all(|value| value.as_f64().is_some_and(|number| number > 0.0)),
            Self::Range(Domain::Int { low, .. }) => *low > 0,
            Self::Range(Domain::Float { low, .. }) => *low > 0.0,
            Self::Range(_) | Self::Records(_) => false,
        }
    }
}

/// Reads what a field can be.
///
/// # Errors
/// [`StudyError`] if there is nothing, something twice, or no range of numbers.
pub(super) fn read(path: &str, item: &Item) -> Result<Choices, StudyError> {
    let expected = "a list of choices or `{ low, high }`";
    let values = match &item.raw {
        Raw::Table(table) if is_record(table) => {
            return read_records(path, item, std::slice::from_ref(item));
        }
        Raw::Table(_) => return read_range(Section::of(path.to_owned(), item)?),
        Raw::List(items) if items.iter().any(|item| matches!(item.raw, Raw::Table(_))) => {
            return read_records(path, item, items);
        }
        Raw::List(items) => {
            let values = items.iter().map(|item| {
                value(&item.raw).ok_or_else(|| misfit(path, item, "a list of single values"))
            });
            values.collect::<Result<Vec<Value>, StudyError>>()?
        }
        raw => vec![value(raw).ok_or_else(|| misfit(path, item, expected))?],
    };
    let domain = Domain::Categorical {
        choices: values.clone(),
    };
    check_domain(path, item, domain)?;
    Ok(Choices::List(values))
}

/// Returns whether a table is a record rather than a range.
fn is_record(table: &Table) -> bool {
    let is_of_range = |key: &str| ["low", "high", "step", "log"].contains(&key);
    !table.0.is_empty() && !table.0.iter().any(|entry| is_of_range(&entry.key))
}

/// Reads fields that go together.
fn read_records(path: &str, item: &Item, items: &[Item]) -> Result<Choices, StudyError> {
    let mut records = Vec::with_capacity(items.len());
    for item in items {
        let Raw::Table(table) = &item.raw else {
            return Err(misfit(
                path,
                item,
                "a list of tables, as another entry is one",
            ));
        };
        records.push(read_record(path, item, table)?);
    }
    let choices = Choices::Records(records);
    check_domain(path, item, choices.domain(false))?;
    Ok(choices)
}

/// Reads the fields of one record.
pub(super) fn read_record(path: &str, item: &Item, table: &Table) -> Result<Record, StudyError> {
    if table.0.is_empty() {
        let what = format!("`{path}` has a table without fields");
        return Err(StudyError::at(&item.origin, what));
    }
    let mut fields = Vec::with_capacity(table.0.len());
    for entry in &table.0 {
        let path = join(path, &entry.key);
        let value = value(&entry.item.raw);
        let value = value.ok_or_else(|| misfit(&path, &entry.item, "a single value"))?;
        fields.push((entry.key.clone(), value));
    }
    Ok(Record(fields))
}

fn read_range(mut table: Section<'_>) -> Result<Choices, StudyError> {
    let path = table.path().to_owned();
    let origin = table.origin().cloned();
    let needs = |key: &str| StudyError {
        origin: origin.clone(),
        ..StudyError::absent(format!("`{path}` needs a `{key}`"))
    };
    let low = table.item("low").ok_or_else(|| needs("low"))?;
    let high = table.item("high").ok_or_else(|| needs("high"))?;
    let step = table.item("step");
    let log = table.switch("log")?.unwrap_or(false);
    let domain = match (&low.raw, &high.raw, step.map(|step| &step.raw)) {
        (Raw::Int(low), Raw::Int(high), None | Some(Raw::Int(_))) => {
            let step = table.whole("step", 1)?.unwrap_or(1);
            Domain::Int {
                low: *low,
                high: *high,
                step,
                log,
            }
        }
        _ => {
            let low = table
                .number("low", "a number", f64::is_finite)?
                .ok_or_else(|| needs("low"))?;
            let high = table.number("high", "a number", f64::is_finite)?;
            let high = high.ok_or_else(|| needs("high"))?;
            let step = table.number("step", "a number above 0", |step| step > 0.0)?;
            Domain::Float {
                low,
                high,
                step,
                log,
            }
        }
    };
    table.finish()?;
    let place = Item {
        origin: low.origin.clone(),
        raw: Raw::Null,
    };
    check_domain(&path, &place, domain.clone())?;
    Ok(Choices::Range(domain))
}

/// Checks a domain by the rules of the core, which names no lines.
fn check_domain(path: &str, item: &Item, domain: Domain) -> Result<(), StudyError> {
    let parameter = Parameter {
        name: path.to_owned(),
        domain,
        condition: None,
    };
    match Space::new(vec![parameter]) {
        Ok(_) => Ok(()),
        Err(SpaceError::Parameter { reason, .. }) => {
            Err(StudyError::at(&item.origin, format!("`{path}` {reason}")))
        }
        Err(error) => Err(StudyError::at(&item.origin, error.to_string())),
    }
}

/// Returns a single value; `None` for what is none.
pub(super) fn value(raw: &Raw) -> Option<Value> {
    Some(match raw {
        Raw::Null => Value::Null,
        Raw::Bool(switch) => Value::Bool(*switch),
        Raw::Int(int) => Value::Int(*int),
        Raw::Float(float) => Value::Float(*float),
        Raw::Text(text) => Value::Text(text.clone()),
        Raw::List(_) | Raw::Table(_) => return None,
    })
}
