//! Table problems: dimensions, their kinds, objective columns, and the values of every point.

use std::collections::BTreeMap;
use std::path::Path;

use firebrick_core::Json;
use firebrick_core::objective::Direction;
use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::value::{Params, Value};
use serde::Deserialize;
use serde_json::json;

use crate::analytic::Analytic;

/// A problem as the file of problems describes it.
// `flatten` can't go with `deny_unknown_fields`.
#[derive(Debug, Deserialize)]
struct Description {
    name: String,
    #[serde(flatten)]
    source: Source,
    dimensions: Vec<Dimension>,
    objectives: Vec<Column>,
}

/// Where the values of a problem are from.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Source {
    Table {
        /// The file of the table: a head, then a line a point.
        table: String,
        /// The column that has one digit a dimension (`0` to `9`, then `a` to `z`).
        key: String,
    },
    Formula {
        analytic: Analytic,
    },
}

/// One dimension.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dimension {
    /// The name of its parameter; by default its place, as `p0`.
    #[serde(default)]
    name: Option<String>,
    kind: DimensionKind,
    /// How many values it has.
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DimensionKind {
    /// Values without an order.
    Categorical,
    /// Values in an order.
    Ordinal,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    column: String,
    direction: Direction,
}

/// A problem with its table.
pub(crate) struct Problem {
    pub(crate) name: String,
    pub(crate) space: Space,
    pub(crate) directions: Vec<Direction>,
    /// The values of every point, the last dimension changing fastest.
    pub(crate) values: Vec<Vec<f64>>,
}

impl Problem {
    /// Reads all problems of a file whose tables are in a folder; says which tables are missing.
    pub(crate) fn read_all(problems: &Path, folder: &Path) -> Result<Vec<Self>, String> {
        let text = read(problems)?;
        let descriptions: Vec<Description> = serde_json::from_str(&text)
            .map_err(|error| format!("{}: {error}", problems.display()))?;
        let mut all = Vec::new();
        for description in descriptions {
            match description.source.clone() {
                Source::Formula { analytic } => all.push(description.with_formula(analytic)?),
                Source::Table { table, key } => {
                    let path = folder.join(table);
                    if !path.exists() {
                        eprintln!("skipped `{}`: no {}", description.name, path.display());
                        continue;
                    }
                    all.push(description.with_table(&path, &key)?);
                }
            }
        }
        Ok(all)
    }

    /// Returns the row of a point.
    pub(crate) fn row(&self, params: &Params) -> Option<usize> {
        let mut row = 0;
        for parameter in self.space.parameters() {
            let idx = parameter.domain.index(params.get(&parameter.name)?)?;
            row = row * parameter.domain.size()? + idx;
        }
        usize::try_from(row).ok()
    }

    /// Returns after how many evaluations the problem is scored.
    pub(crate) fn marks(&self) -> [usize; 3] {
        match self.directions.len() {
            1 => [25, 50, 100],
            _ => [50, 100, 200],
        }
    }

    /// Returns the problem as peers read it.
    pub(crate) fn for_peers(&self) -> Json {
        let dimensions: Vec<Json> = self
            .space
            .parameters()
            .iter()
            .map(|parameter| {
                json!({
                    "name": parameter.name,
                    "is_ordered": matches!(parameter.domain, Domain::Ordinal { .. }),
                    "size": parameter.domain.size(),
                })
            })
            .collect();
        json!({
            "name": self.name,
            "dimensions": dimensions,
            "directions": self.directions,
            "budget": self.marks()[2],
            "values": self.values,
        })
    }
}

impl Description {
    fn with_formula(self, analytic: Analytic) -> Result<Problem, String> {
        let at = |reason: String| format!("`{}`: {reason}", self.name);
        let columns = self.objectives.iter().map(|objective| {
            let names = analytic.columns();
            let place = names.iter().position(|name| *name == objective.column);
            place.ok_or_else(|| at(format!("has no column `{}`", objective.column)))
        });
        let columns: Vec<usize> = columns.collect::<Result<_, _>>()?;
        let space = self.space().map_err(at)?;
        let sizes: Vec<u64> = self.dimensions.iter().map(|one| one.size).collect();
        let n_points: u64 = sizes.iter().product();
        let values = (0..n_points).map(|row| {
            let values = analytic.values(&point(row, &sizes));
            columns.iter().map(|column| values[*column]).collect()
        });
        Ok(Problem {
            values: values.collect(),
            name: self.name,
            space,
            directions: self.objectives.iter().map(|one| one.direction).collect(),
        })
    }

    fn with_table(self, path: &Path, key: &str) -> Result<Problem, String> {
        let text = read(path)?;
        self.with_text(&text, path, key)
    }

    fn with_text(self, text: &str, path: &Path, key: &str) -> Result<Problem, String> {
        let at = |reason: String| format!("{}: {reason}", path.display());
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let column = |name: &str| {
            let place = head.iter().position(|cell| cell.trim() == name);
            place.ok_or_else(|| at(format!("has no column `{name}`")))
        };
        let key = column(key)?;
        let columns: Vec<usize> = self
            .objectives
            .iter()
            .map(|objective| column(&objective.column))
            .collect::<Result<_, _>>()?;
        let mut rows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (idx, line) in lines.enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |column: usize| cells.get(column).copied().unwrap_or_default().trim();
            let wrong = |reason: &str| at(format!("line {}: {reason}", idx + 2));
            let row = self.row(cell(key)).ok_or_else(|| {
                wrong(&format!(
                    "`{}` is no point of the {} dimensions",
                    cell(key),
                    self.dimensions.len()
                ))
            })?;
            let values: Vec<f64> = columns
                .iter()
                .map(|column| cell(*column).parse::<f64>())
                .collect::<Result<_, _>>()
                .map_err(|error| wrong(&error.to_string()))?;
            if rows.insert(row, values).is_some() {
                return Err(wrong(&format!("the point `{}` comes twice", cell(key))));
            }
        }
        let space = self.space().map_err(at)?;
        if Some(rows.len() as u128) != space.size() {
            return Err(at(format!(
                "has {} points, the dimensions have {:?}",
                rows.len(),
                space.size()
            )));
        }
        Ok(Problem {
            name: self.name,
            space,
            directions: self.objectives.iter().map(|one| one.direction).collect(),
            values: rows.into_values().collect(),
        })
    }

    fn row(&self, key: &str) -> Option<u64> {
        let mut digits = key.chars();
        let row = self.dimensions.iter().try_fold(0, |row, dimension| {
            let digit = u64::from(digits.next()?.to_digit(36)?);
            (digit < dimension.size).then_some(row * dimension.size + digit)
        })?;
        digits.next().is_none().then_some(row)
    }

    fn space(&self) -> Result<Space, String> {
        let parameter = |(idx, dimension): (usize, &Dimension)| {
            let choices = (0..dimension.size as i64).map(Value::Int).collect();
            let name = dimension.name.clone();
            Parameter {
                name: name.unwrap_or_else(|| format!("p{idx}")),
                domain: match dimension.kind {
                    DimensionKind::Categorical => Domain::Categorical { choices },
                    DimensionKind::Ordinal => Domain::Ordinal { choices },
                },
                condition: None,
            }
        };
        Space::new(self.dimensions.iter().enumerate().map(parameter).collect())
            .map_err(|error| error.to_string())
    }
}

/// Returns the index of the value in each dimension of a row, the last one changing fastest.
fn point(mut row: u64, sizes: &[u64]) -> Vec<u64> {
    let mut point = vec![0; sizes.len()];
    for (place, size) in point.iter_mut().zip(sizes).rev() {
        (row, *place) = (row / size, row % size);
    }
    point
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(source: &Json) -> Description {
        let mut description = json!({
            "name": "for the test",
            "dimensions": [
                { "kind": "categorical", "size": 2 },
                { "kind": "ordinal", "size": 3 },
            ],
            "objectives": [{ "column": "loss", "direction": "minimize" }],
        });
        for (key, value) in source.as_object().expect("an object") {
            description[key] = value.clone();
        }
        serde_json::from_value(description).expect("fits")
    }

    fn of_table(text: &str) -> Result<Problem, String> {
        let description = description(&json!({ "table": "t.csv", "key": "cfg" }));
        description.with_text(text, Path::new("t.csv"), "cfg")
    }

    #[test]
    fn a_table_in_any_order_is_read_by_its_keys() {
        let text = "loss,cfg\n5,12\n0,00\n1,01\n2,02\n3,10\n4,11\n";
        let problem = of_table(text).expect("read");
        let values: Vec<f64> = problem.values.iter().map(|values| values[0]).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let params = [("p0", 1), ("p1", 2)];
        let params = params.map(|(name, idx)| (name.to_owned(), Value::Int(idx)));
        assert_eq!(problem.row(&params.into_iter().collect()), Some(5));
    }

    #[test]
    fn a_table_that_is_not_whole_is_refused() {
        let error = |text| of_table(text).err().expect("refused");
        assert!(error("loss,cfg\n0,00\n").starts_with("t.csv: has 1 points"));
        assert_eq!(
            error("loss,cfg\n0,00\n0,03\n"),
            "t.csv: line 3: `03` is no point of the 2 dimensions"
        );
        assert_eq!(
            error("loss,cfg\n0,00\n0,00\n"),
            "t.csv: line 3: the point `00` comes twice"
        );
        assert_eq!(error("los,cfg\n"), "t.csv: has no column `loss`");
    }

    #[test]
    fn points_and_rows_are_each_others_inverse() {
        let sizes = [2, 3, 4];
        for row in 0..24 {
            let point = point(row, &sizes);
            assert_eq!(point[0] * 12 + point[1] * 4 + point[2], row);
        }
    }

    #[test]
    fn a_formula_has_the_columns_that_it_says() {
        let description = description(&json!({ "analytic": "nk_landscape" }));
        let error = description
            .with_formula(Analytic::NkLandscape)
            .err()
            .expect("refused");
        assert_eq!(error, "`for the test`: has no column `loss`");
    }
}
