//! One set of features for each package from elsewhere, in `cargo xtask search` and in the tests.
//!
//! Cargo turns on the features that the packages of one command ask for together. If the tests
//! asked for one more feature of, say, `regex-syntax`, then burn, which needs it, would be
//! compiled twice: once for `cargo xtask search`, once for `cargo xtask test`, minutes each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Finding;
use crate::metadata::Workspace;
use crate::process;

/// Name and version of a package, such as `regex v1.13.2`.
type PackageId = String;

/// The sets of features that a package is compiled with, in one build.
type Features = BTreeMap<PackageId, BTreeSet<BTreeSet<String>>>;

/// Compares what `cargo xtask` compiles for each engine with what it compiles for the tests.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let tests = features(workspace, &["--workspace", "--edges", "normal,build,dev"])?;
    let plugins = workspace.plugins();
    let (engines, items): (Vec<&str>, Vec<&str>) = plugins
        .iter()
        .partition(|plugin| plugin.contains("-engine-"));
    let mut findings = Vec::new();
    for engine in engines {
        let mut run = vec!["--edges", "normal,build", "--package", "firebrick-cli"];
        run.extend(
            items
                .iter()
                .chain([&engine])
                .flat_map(|plugin| ["--package", plugin]),
        );
        let features = features(workspace, &run)?;
        // Without burn, compiling anything twice takes seconds.
        if !features.keys().any(|package| package.starts_with("burn ")) {
            continue;
        }
        for finding in compare(&features, &tests) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    Ok(findings)
}

fn features(workspace: &Workspace, args: &[&str]) -> Result<Features> {
    let mut command = process::cargo(&workspace.root);
    command
        .args(["tree", "--prefix", "none", "--format", "{p}|{f}"])
        .args(args);
    Ok(parse(&process::read(&mut command)?))
}

fn parse(tree: &str) -> Features {
    let mut features = Features::new();
    for line in tree.lines() {
        let Some((package, on)) = line.trim_end_matches(" (*)").split_once('|') else {
            continue;
        };
        // Members have no features.
        if package.contains("(/") {
            continue;
        }
        let package = package.trim_end_matches(" (proc-macro)").to_owned();
        let on = on
            .split(',')
            .filter(|on| !on.is_empty())
            .map(str::to_owned)
            .collect();
        features.entry(package).or_default().insert(on);
    }
    features
}

/// Finds the packages that would be compiled again, with other features, for the tests.
fn compare(run: &Features, tests: &Features) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, sets) in run {
        let others = tests.get(package).cloned().unwrap_or_default();
        let Some(set) = sets.iter().find(|set| !others.contains(*set)) else {
            continue;
        };
        // A package can be compiled for the machine and for build scripts: the nearest set.
        let other = others
            .iter()
            .min_by_key(|other| other.symmetric_difference(set).count());
        let lacks: Vec<&str> = other
            .into_iter()
            .flat_map(|other| other.difference(set))
            .map(String::as_str)
            .collect();
        let name = package.split(' ').next().unwrap_or(package);
        let what = format!(
            "the tests use `{package}` with other features than `cargo xtask search`, so it and \
             all that needs it are compiled twice"
        );
        let remedy = format!(
            "turn on here what the tests turn on: `{name} = {{ workspace = true, features = \
             {lacks:?} }}`"
        );
        findings.push(Finding::new("cli/Cargo.toml", what, remedy));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(part: &str, all: &str) -> Vec<String> {
        let findings = compare(&parse(part), &parse(all));
        findings.into_iter().map(|finding| finding.remedy).collect()
    }

    #[test]
    fn names_the_features_that_the_tests_turn_on() {
        let part = "firebrick-engine-burn v0.1.0 (/x)|\nonce_cell v1.21.4|alloc,std\nlog v0.4|";
        let all = "once_cell v1.21.4|alloc,default,race,std (*)\nlog v0.4|\ninsta v1|";
        let expected = "turn on here what the tests turn on: `once_cell = { workspace = true, features = \
                        [\"default\", \"race\"] }`";
        assert_eq!(found(part, all), [expected]);
    }

    #[test]
    fn accepts_a_package_that_build_scripts_have_otherwise() {
        let all = "syn v2.0|derive\nsyn v2.0|derive,full\n";
        assert!(found("syn v2.0|derive\n", all).is_empty());
        assert!(
            found(
                "serde_derive v1 (proc-macro)|default",
                "serde_derive v1 (proc-macro)|default"
            )
            .is_empty()
        );
        assert_eq!(found("syn v2.0|\n", all).len(), 1);
    }
}
