//! What a search of widths and number formats together finds beside one of either alone.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peer;
use super::program::remove;
use super::report::{Bar, Found, Row, Table};
use crate::build::Stage;
use crate::metadata::Workspace;

const SEEDS: [u64; 3] = [1, 2, 3];
const N_TRIALS: usize = 300;
/// The study files, without their extension, and what the table calls them.
const STUDIES: [(&str, &str); 3] = [
    ("joint", "width and format"),
    ("joint_width", "width alone, 8 bits"),
    ("joint_format", "format alone, width 16"),
];
/// What a front is measured from: no better than a guess among five classes, and more effective bit
/// operations than the network of the seed has with 8 bits everywhere.
const REFERENCE: Point = Point {
    accuracy: 0.2,
    ebops: 50_000.0,
};

/// A network of a front.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    accuracy: f64,
    ebops: f64,
}

/// Runs each study with each seed and compares the fronts of one seed with each other.
pub(super) fn joint(workspace: &Workspace) -> Result<Found> {
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for seed in SEEDS {
        let mut fronts = Vec::new();
        for (file, name) in STUDIES {
            eprintln!("bench: joint: {name}, seed {seed}");
            fronts.push(front(workspace, file, seed)?);
        }
        let volumes = fronts.iter().map(|front| hypervolume(front, false));
        let logarithmic = fronts.iter().map(|front| hypervolume(front, true));
        let mut figures: Vec<f64> = volumes.collect();
        figures.extend(logarithmic);
        let [joint, width, format] = &fronts[..] else {
            continue;
        };
        let shares = [covered(width, joint), covered(format, joint)];
        figures.extend(shares);
        figures.extend([covered(joint, width), covered(joint, format)]);
        let what =
            |than: &str| format!("joint front, seed {seed}: hypervolume over that of {than}");
        rows.push(
            Row::new(what("width alone"), figures[0] / figures[1], "x").with(Bar::AtLeast(1.0)),
        );
        rows.push(
            Row::new(what("format alone"), figures[0] / figures[2], "x").with(Bar::AtLeast(1.0)),
        );
        lines.push((format!("seed {seed}"), figures));
    }
    let head = [
        "",
        "HV joint",
        "HV width",
        "HV format",
        "log HV joint",
        "log HV width",
        "log HV format",
        "width dominated",
        "format dominated",
        "joint by width",
        "joint by format",
    ];
    let title = format!(
        "Fronts of (validation accuracy, EBOPs) after {N_TRIALS} trials of each study, jets-sim. \
         Hypervolume from accuracy {} and {} EBOPs, of 1 at accuracy 1 and no EBOPs; its second form \
         has EBOPs in decades, from 100 on. Dominated is the share of a front's points that a point \
         of the joint one equals or betters in both, then the other way round:",
        REFERENCE.accuracy, REFERENCE.ebops,
    );
    Ok(Found {
        rows,
        tables: vec![Table {
            title,
            head: head.map(str::to_owned).to_vec(),
            lines,
        }],
    })
}

/// Runs a study and returns its front.
fn front(workspace: &Workspace, file: &str, seed: u64) -> Result<Vec<Point>> {
    let folder = workspace.target.join("bench");
    let out = folder.join("joint");
    remove(&out)?;
    let mut command = Stage::of(&workspace.target).command();
    command
        .args(["search", "--n-jobs", "2"])
        .args(["--n-trials", &N_TRIALS.to_string()])
        .args(["--seed", &seed.to_string()])
        .arg("--config")
        .arg(peer::folder(workspace).join(format!("{file}.toml")))
        .arg("--out")
        .arg(&out)
        .env("XDG_CACHE_HOME", folder.join("cache"));
    let output = command.output().context("can't run the program")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the program: {}\n{messages}",
        output.status
    );
    read_front(&out.join("best.json"))
}

fn read_front(path: &Path) -> Result<Vec<Point>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("can't read `{}`", path.display()))?;
    let best: Value = serde_json::from_str(&text).context("best.json is no JSON")?;
    let trials = best.as_object().context("best.json is no table")?;
    let points = trials.values().map(|trial| {
        let metric = |group: &str, name: &str| {
            let value = trial[group][name].as_f64();
            value.with_context(|| format!("best.json has no `{group}.{name}`"))
        };
        Ok(Point {
            accuracy: metric("software_metrics", "accuracy")?,
            ebops: metric("hardware_metrics", "ebops")?,
        })
    });
    points.collect()
}

/// Returns the share of the space beyond the reference that a front dominates.
fn hypervolume(front: &[Point], in_decades: bool) -> f64 {
    let cost = |ebops: f64| match in_decades {
        true => ebops.max(100.0).log10() - 2.0,
        false => ebops,
    };
    let mut points: Vec<Point> = front
        .iter()
        .copied()
        .filter(|point| point.accuracy > REFERENCE.accuracy && point.ebops < REFERENCE.ebops)
        .collect();
    points.sort_by(|one, other| one.ebops.total_cmp(&other.ebops));
    let (mut volume, mut best) = (0.0, REFERENCE.accuracy);
    for point in points {
        if point.accuracy > best {
            let width = cost(REFERENCE.ebops) - cost(point.ebops);
            volume += (point.accuracy - best) * width;
            best = point.accuracy;
        }
    }
    volume / ((1.0 - REFERENCE.accuracy) * cost(REFERENCE.ebops))
}

/// Returns the share of a front's points that some point of another equals or betters in both.
fn covered(front: &[Point], by: &[Point]) -> f64 {
    let is_covered = |point: &&Point| {
        by.iter()
            .any(|other| other.accuracy >= point.accuracy && other.ebops <= point.ebops)
    };
    front.iter().filter(is_covered).count() as f64 / front.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(accuracy: f64, ebops: f64) -> Point {
        Point { accuracy, ebops }
    }

    #[test]
    fn the_whole_space_has_volume_one() {
        assert!((hypervolume(&[point(1.0, 0.0)], false) - 1.0).abs() < 1e-12);
        assert!((hypervolume(&[point(1.0, 0.0)], true) - 1.0).abs() < 1e-12);
        assert_eq!(hypervolume(&[point(0.1, 0.0), point(0.9, 1e6)], false), 0.0);
    }

    #[test]
    fn overlapping_boxes_count_once() {
        let front = [point(0.6, 25_000.0), point(1.0, 25_000.0), point(0.5, 0.0)];
        // 0.3 over all of the costs, and 0.5 over half of them.
        let expected = (0.3 + 0.5 * 0.5) / 0.8;
        assert!((hypervolume(&front, false) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_front_covers_what_it_equals_or_betters() {
        let one = [point(0.7, 10.0), point(0.8, 20.0)];
        let other = [point(0.7, 10.0), point(0.9, 30.0)];
        assert_eq!(covered(&other, &one), 0.5);
        assert_eq!(covered(&one, &other), 0.5);
        assert_eq!(covered(&one, &one), 1.0);
    }
}
