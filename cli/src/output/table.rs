//! Tables for people, in the orgtbl layout that MASE prints.

use firebrick_core::pass::Table;

/// Returns the lines of a table; columns whose cells are all numbers are right-aligned.
pub(crate) fn render(table: &Table) -> String {
    let n_columns = table.columns.len();
    let width = |column: usize| {
        let cells = table.rows.iter().map(|row| &row[column]);
        cells
            .chain([&table.columns[column]])
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let is_number = |column: usize| {
        let mut cells = table.rows.iter().map(|row| row[column].as_str());
        cells.all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let numbers: Vec<bool> = (0..n_columns).map(is_number).collect();
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .zip(&numbers)
            .map(|((cell, width), number)| {
                let gap = " ".repeat(width - cell.chars().count());
                if *number {
                    format!("{gap}{cell}")
                } else {
                    format!("{cell}{gap}")
                }
            });
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let mut text = line(&table.columns);
    text.push_str(&format!("|{}|\n", rule.join("+")));
    for row in &table.rows {
        text.push_str(&line(row));
    }
    text
}

/// Returns a number as people read it: whole where it is whole, else four decimals.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value}")
    } else if value.abs() >= 1e-3 {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

/// Returns a table as a JSON list of objects, for programs.
pub(crate) fn to_json(table: &Table) -> serde_json::Value {
    let rows = table.rows.iter().map(|row| {
        let cells = table.columns.iter().zip(row);
        let cells = cells.map(|(column, cell)| (column.clone(), typed(cell)));
        serde_json::Value::Object(cells.collect())
    });
    rows.collect()
}

fn typed(cell: &str) -> serde_json::Value {
    match (cell.parse::<i64>(), cell.parse::<f64>()) {
        (Ok(int), _) => int.into(),
        (_, Ok(float)) => float.into(),
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_numbers_to_the_right_and_words_to_the_left() {
        let columns = ["node", "params"].map(str::to_owned).to_vec();
        let rows = vec![
            ["seq_blocks_2", "272"].map(str::to_owned).to_vec(),
            ["x", "0"].map(str::to_owned).to_vec(),
        ];
        insta::assert_snapshot!(render(&Table { columns, rows }), @r"
        | node         | params |
        |--------------+--------|
        | seq_blocks_2 |    272 |
        | x            |      0 |
        ");
    }
}
