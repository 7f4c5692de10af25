//! What README says against what there is: the lists of items and the plugin of 30 lines.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{File, Finding};
use crate::build::Stage;
use crate::cuda;
use crate::metadata::Workspace;
use crate::process;

const README: &str = "README.md";
const PLUGIN: &str = "plugins/template/src/sweep.rs";

/// Names by kind, such as `models`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// Checks README against the template and, where the program is staged, against its lists.
pub(super) fn check(files: &[File], workspace: &Workspace) -> Result<Vec<Finding>> {
    let text = |path: &str| {
        files
            .iter()
            .find(|file| file.path == path)
            .map(|file| &file.text)
    };
    let Some(readme) = text(README) else {
        return Ok(vec![Finding::new(README, "it is missing", "write it")]);
    };
    let mut findings = Vec::new();
    if let Some(plugin) = text(PLUGIN) {
        findings.extend(check_plugin(readme, plugin));
    }
    let stage = Stage::of(&workspace.target);
    if stage.program().is_file() {
        findings.extend(check_lists(readme, &listed(&stage)?));
    } else {
        eprintln!("tidy: skipped the lists of README: `cargo xtask build` makes what they name");
    }
    Ok(findings)
}

/// Returns what the program lists of our own, not of plugins that this user has added.
fn listed(stage: &Stage) -> Result<Names> {
    let mut command = stage.command();
    command.args(["list", "--format", "json"]);
    let mut names = parse_list(&process::read(&mut command)?)?;
    // Users read of it whether it is staged here or not.
    let engines = names.entry("engines".to_owned()).or_default();
    engines.insert(cuda::ENGINE.to_owned());
    Ok(names)
}

fn parse_list(json: &str) -> Result<Names> {
    let json: Value = serde_json::from_str(json).context("`firebrick list` printed no JSON")?;
    let kinds = json
        .as_object()
        .context("`firebrick list` printed no table of kinds")?;
    kinds
        .iter()
        .map(|(kind, rows)| {
            let rows = rows
                .as_array()
                .context("`firebrick list` printed no rows")?;
            let names = rows
                .iter()
                .filter_map(|row| row["name"].as_str().map(str::to_owned));
            Ok((kind.clone(), names.collect()))
        })
        .collect()
}

/// Returns what README names: rows such as ``| models | `toy`, `mlp` |``.
fn named(readme: &str, kinds: impl Iterator<Item = String>) -> Names {
    kinds
        .map(|kind| {
            let row = readme.lines().find_map(|line| {
                let (head, names) = line.strip_prefix("| ")?.split_once(" | ")?;
                (head == kind).then_some(names)
            });
            let names = row
                .unwrap_or_default()
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned);
            (kind, names.collect())
        })
        .collect()
}

fn check_lists(readme: &str, listed: &Names) -> Vec<Finding> {
    let named = named(readme, listed.keys().cloned());
    listed
        .iter()
        .filter(|(kind, names)| named[*kind] != **names)
        .map(|(kind, names)| {
            let what = format!("its {kind} are not those of `firebrick list {kind}`");
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let remedy = format!("write the line `| {kind} | {} |`", names.join(", "));
            Finding::new(README, what, remedy)
        })
        .collect()
}

/// Compares the plugin in README with the template's strategy, less its tests.
fn check_plugin(readme: &str, plugin: &str) -> Option<Finding> {
    let shown = plugin
        .split("\n#[cfg(test)]")
        .next()
        .unwrap_or(plugin)
        .trim_end();
    (!readme.contains(&format!("```rust\n{shown}\n"))).then(|| {
        let what = format!("its plugin is not {PLUGIN}");
        let remedy = format!("start its ```rust block with {PLUGIN}, less the tests");
        Finding::new(README, what, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_lists_in_any_order() {
        let listed = parse_list(r#"{"models": [{"name": "toy"}, {"name": "mlp"}]}"#).unwrap();
        assert!(check_lists("| models | `toy`, `mlp` |\n", &listed).is_empty());
    }

    #[test]
    fn says_what_to_write_for_a_list_that_is_short() {
        let listed = parse_list(r#"{"models": [{"name": "toy"}, {"name": "mlp"}]}"#).unwrap();
        for readme in ["| models | `toy` |\n", "| passes | `toy`, `mlp` |\n"] {
            let findings = check_lists(readme, &listed);
            assert_eq!(
                findings[0].remedy,
                "write the line `| models | `mlp`, `toy` |`"
            );
        }
    }

    #[test]
    fn compares_the_plugin_word_by_word() {
        let readme = "text\n```rust\nfn a() {}\n\nexport_plugin!();\n```\n";
        assert_eq!(
            check_plugin(readme, "fn a() {}\n\n#[cfg(test)]\nmod tests {}\n"),
            None
        );
        assert!(check_plugin(readme, "fn b() {}\n").is_some());
    }

    #[test]
    fn says_what_the_program_did_not_print() {
        let error = parse_list("[]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`firebrick list` printed no table of kinds"
        );
    }
}
