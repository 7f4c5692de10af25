//! Learning curves as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::files;

/// One line of a chart.
pub(crate) struct Curve<'a> {
    /// What the legend says.
    pub(crate) label: &'a str,
    /// (x, y); points that are not finite are left out.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart of curves over one axis.
pub(crate) struct Chart<'a> {
    /// What stands above.
    pub(crate) title: &'a str,
    /// What the horizontal axis counts.
    pub(crate) x: &'a str,
    /// What the vertical axis measures, with its unit.
    pub(crate) y: &'a str,
    /// The lines.
    pub(crate) curves: Vec<Curve<'a>>,
}

// Okabe and Ito's colours, which people with colour blindness can tell apart.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// Writes a chart as SVG.
///
/// # Errors
/// What the file system says, with the path.
pub(crate) fn write(path: &Path, chart: &Chart<'_>) -> Result<()> {
    let svg = render(chart).map_err(|error| anyhow!("can't draw `{}`: {error}", chart.title))?;
    files::write(path, svg)
}

fn render(chart: &Chart<'_>) -> Result<String, Box<dyn std::error::Error>> {
    let finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let points = || {
        chart
            .curves
            .iter()
            .flat_map(|curve| curve.points.iter().filter(finite))
    };
    let x_range = padded(points().map(|point| point.0), 0.0);
    let y_range = padded(points().map(|point| point.1), 0.05);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (720, 440)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut context = ChartBuilder::on(&area)
            .caption(chart.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(x_range.0..x_range.1, y_range.0..y_range.1)?;
        context
            .configure_mesh()
            .x_desc(chart.x)
            .x_label_formatter(&|x| whole(*x))
            .y_desc(chart.y)
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .label_style(("sans-serif", 13))
            .draw()?;
        for (curve, colour) in chart.curves.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<(f64, f64)> = curve.points.iter().filter(finite).copied().collect();
            let style = colour.stroke_width(2);
            context
                .draw_series(LineSeries::new(points.clone(), style))?
                .label(curve.label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            let dots = points
                .into_iter()
                .map(|point| Circle::new(point, 3, colour.filled()));
            context.draw_series(dots)?;
        }
        context
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 13))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// Returns the label of a place on the horizontal axis, which counts: none between two numbers.
fn whole(x: f64) -> String {
    match (x - x.round()).abs() < 1e-6 {
        true => format!("{x:.0}"),
        false => String::new(),
    }
}

/// Returns the range of some values, widened by a share, never empty.
fn padded(values: impl Iterator<Item = f64>, share: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low {
        (high - low) * share
    } else {
        low.abs().max(1.0) * 0.05
    };
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_labels_and_one_dot_a_finite_point() {
        let curve = |label, points| Curve { label, points };
        let svg = render(&Chart {
            title: "accuracy",
            x: "epoch",
            y: "share of rows",
            curves: vec![
                curve("training", vec![(1.0, 0.5), (2.0, 0.6), (3.0, f64::NAN)]),
                curve("validation", vec![(1.0, 0.4)]),
            ],
        });
        let svg = svg.unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("training") && svg.contains("validation") && svg.contains("epoch"));
    }

    #[test]
    fn draws_a_chart_without_points() {
        let chart = Chart {
            title: "empty",
            x: "epoch",
            y: "loss",
            curves: Vec::new(),
        };
        assert!(render(&chart).unwrap().contains("empty"));
    }
}
