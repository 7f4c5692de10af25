//! What was told, one column an axis, kept sorted so that a fit need not sort.

use super::axis::{Axes, Point};

/// The positions of told trials, by axis: rows in ascending order of the trials' numbers.
pub(super) struct Columns {
    numbers: Vec<u64>,
    columns: Vec<Column>,
}

#[derive(Clone)]
struct Column {
    /// Where the kernel of each row has its middle; NaN where the trial has no such parameter.
    positions: Vec<f64>,
    /// The rows that have one, by position and then by number.
    sorted: Vec<u32>,
}

impl Columns {
    /// Makes columns without rows.
    pub(super) fn new(n_axes: usize) -> Self {
        let empty = Column {
            positions: Vec::new(),
            sorted: Vec::new(),
        };
        Self {
            numbers: Vec::new(),
            columns: vec![empty; n_axes],
        }
    }

    /// Returns the numbers of the trials, by row.
    #[cfg(test)]
    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Returns the row of a trial, or where it would be.
    pub(super) fn find(&self, number: u64) -> Result<usize, usize> {
        // Nearly every trial is told after those with lower numbers.
        if self.numbers.last().is_none_or(|last| *last < number) {
            return Err(self.numbers.len());
        }
        self.numbers.binary_search(&number)
    }

    /// Inserts a trial before a row that [`Columns::find`] gave.
    pub(super) fn insert(&mut self, axes: &Axes, row: usize, number: u64, point: &Point) {
        let is_last = row == self.numbers.len();
        self.numbers.insert(row, number);
        for (axis, (column, coordinate)) in self.columns.iter_mut().zip(point).enumerate() {
            let position = coordinate.map_or(f64::NAN, |at| axes.scale(axis).position(at));
            column.positions.insert(row, position);
            if !is_last {
                let later = column
                    .sorted
                    .iter_mut()
                    .filter(|other| **other >= row as u32);
                later.for_each(|other| *other += 1);
            }
            if position.is_nan() {
                continue;
            }
            let positions = &column.positions;
            let place = column.sorted.partition_point(|other| {
                let order = positions[*other as usize].total_cmp(&position);
                order.then(other.cmp(&(row as u32))).is_lt()
            });
            column.sorted.insert(place, row as u32);
        }
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, row: usize) {
        self.numbers.remove(row);
        for column in &mut self.columns {
            column.positions.remove(row);
            column.sorted.retain(|other| *other != row as u32);
            let later = column
                .sorted
                .iter_mut()
                .filter(|other| **other > row as u32);
            later.for_each(|other| *other -= 1);
        }
    }
}

/// The component of a row that is not selected.
const NONE: u32 = u32::MAX;

/// Some of the told trials, and others that are still running, as the components of a mixture in
/// ascending order of the trials' numbers.
#[derive(Clone)]
pub(super) struct Selection<'a> {
    columns: &'a Columns,
    component_of: Vec<u32>,
    /// Component and positions of trials that were not told.
    running: Vec<(u32, Vec<f64>)>,
    n: usize,
}

impl<'a> Selection<'a> {
    /// Selects the told trials that a mask names, by row, and some running ones.
    pub(super) fn new(
        axes: &Axes,
        columns: &'a Columns,
        is_selected: impl Fn(usize) -> bool,
        running: &[(u64, Point)],
    ) -> Self {
        let mut component_of = vec![NONE; columns.numbers.len()];
        let mut of_running = Vec::with_capacity(running.len());
        let mut next = running.iter().peekable();
        let mut n = 0;
        for (row, component) in component_of.iter_mut().enumerate() {
            while let Some((_, point)) = next.next_if(|(number, _)| *number < columns.numbers[row])
            {
                of_running.push((n, positions(axes, point)));
                n += 1;
            }
            if is_selected(row) {
                *component = n;
                n += 1;
            }
        }
        for (_, point) in next {
            of_running.push((n, positions(axes, point)));
            n += 1;
        }
        Self {
            columns,
            component_of,
            running: of_running,
            n: n as usize,
        }
    }

    /// Returns those that have an axis.
    pub(super) fn having(&self, axis: usize) -> Self {
        let positions = &self.columns.columns[axis].positions;
        if self.columns.columns[axis].sorted.len() == positions.len()
            && self.running.iter().all(|(_, at)| !at[axis].is_nan())
        {
            return self.clone();
        }
        // Components keep their order; the place of each among those that have the axis.
        let mut place = vec![NONE; self.n];
        for (row, component) in self.component_of.iter().enumerate() {
            if *component != NONE && !positions[row].is_nan() {
                place[*component as usize] = 0;
            }
        }
        for (component, at) in &self.running {
            if !at[axis].is_nan() {
                place[*component as usize] = 0;
            }
        }
        let mut n = 0;
        for place in place.iter_mut().filter(|place| **place != NONE) {
            *place = n;
            n += 1;
        }
        let component_of = self.component_of.iter();
        let component_of = component_of.map(|component| match *component {
            NONE => NONE,
            component => place[component as usize],
        });
        let running = self.running.iter().filter_map(|(component, at)| {
            let place = place[*component as usize];
            (place != NONE).then(|| (place, at.clone()))
        });
        Self {
            columns: self.columns,
            component_of: component_of.collect(),
            running: running.collect(),
            n: n as usize,
        }
    }

    /// Returns the number of components.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Returns the positions on an axis and the component of each, ascending, without those that
    /// do not have the axis.
    pub(super) fn sorted(&self, axis: usize) -> Vec<(f64, u32)> {
        let column = &self.columns.columns[axis];
        let mut sorted = Vec::with_capacity(self.n);
        sorted.extend(column.sorted.iter().filter_map(|row| {
            let component = self.component_of[*row as usize];
            (component != NONE).then(|| (column.positions[*row as usize], component))
        }));
        let told = sorted.len();
        sorted.extend(
            self.running
                .iter()
                .map(|(component, at)| (at[axis], *component))
                .filter(|(position, _)| !position.is_nan()),
        );
        if sorted.len() > told {
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        sorted
    }
}

fn positions(axes: &Axes, point: &Point) -> Vec<f64> {
    let coordinates = point.iter().enumerate();
    coordinates
        .map(|(axis, at)| at.map_or(f64::NAN, |at| axes.scale(axis).position(at)))
        .collect()
}
