//! Who may use whom, and what packages are called: section 2 of the design.

use super::{File, Finding};
use crate::metadata::Package;

/// What a member may use of the other members, for the program as for its tests.
const ARROWS: [(&str, &[&str]); 17] = [
    ("core", &[]),
    ("models", &["firebrick-core"]),
    ("passes", &["firebrick-core"]),
    ("strategies", &["firebrick-core"]),
    ("engines/burn", &["firebrick-core"]),
    ("engines/mlp", &["firebrick-core"]),
    ("datasets", &["firebrick-core"]),
    ("export", &["firebrick-core"]),
    ("plugins/sdk", &["firebrick-core"]),
    ("plugins/host", &["firebrick-core", "firebrick-sdk"]),
    ("plugins/models", &["firebrick-models", "firebrick-sdk"]),
    ("plugins/passes", &["firebrick-passes", "firebrick-sdk"]),
    (
        "plugins/strategies",
        &["firebrick-strategies", "firebrick-sdk"],
    ),
    (
        "plugins/engine-burn",
        &["firebrick-engine-burn", "firebrick-sdk"],
    ),
    (
        "plugins/engine-mlp",
        &["firebrick-engine-mlp", "firebrick-sdk"],
    ),
    (
        "cli",
        &[
            "firebrick-core",
            "firebrick-host",
            "firebrick-datasets",
            "firebrick-export",
        ],
    ),
    ("xtask", &[]),
];

/// Who alone may use a package from elsewhere.
const KEPT: [(&str, &[&str]); 4] = [
    ("burn", &["engines/burn", "plugins/engine-burn"]),
    ("abi_stable", &["plugins/sdk"]),
    ("libloading", &["plugins/host"]),
    ("anyhow", &["cli", "xtask"]),
];

/// Checks names and dependencies of the members.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    let manifest = format!("{}/Cargo.toml", package.folder);
    let expected = name_of(&package.folder);
    if package.name != expected {
        let what = format!("the package is named `{}`", package.name);
        let remedy = format!("name it `{expected}`, after its folder");
        findings.push(Finding::new(&manifest, what, remedy));
    }
    let Some((_, may_use)) = ARROWS.iter().find(|(folder, _)| *folder == package.folder) else {
        let remedy = "add it to `ARROWS` in xtask/src/tidy/arrows.rs: what may it use?";
        findings.push(Finding::new(manifest, "the member is unknown", remedy));
        return findings;
    };
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        if name.starts_with("firebrick-") && !may_use.contains(&name) {
            let what = format!("it uses `{name}` ({})", dependency.kind);
            let allowed = may_use.join(", ");
            let remedy = if allowed.is_empty() {
                "use no other member: move what is shared into core, or the user up".to_owned()
            } else {
                format!("use {allowed} only: move what is shared into core, or the user up")
            };
            findings.push(Finding::new(&manifest, what, remedy));
        }
        for (kept, folders) in KEPT {
            let is_it = name == kept || name.strip_prefix(kept).is_some_and(|r| r.starts_with('-'));
            if is_it && !folders.contains(&package.folder.as_str()) {
                let what = format!("it uses `{name}` ({})", dependency.kind);
                let remedy = format!("only {} may: go through its types", folders.join(" and "));
                findings.push(Finding::new(&manifest, what, remedy));
            }
        }
    }
    findings
}

/// Returns what the package of a folder is called.
fn name_of(folder: &str) -> String {
    match folder.split_once('/') {
        _ if folder == "xtask" => folder.to_owned(),
        Some(("engines", engine)) => format!("firebrick-engine-{engine}"),
        Some(("plugins", own @ ("sdk" | "host"))) => format!("firebrick-{own}"),
        _ => format!("firebrick-{}", folder.replace('/', "-")),
    }
}

/// Checks that every member takes its lints and versions from the workspace.
pub(super) fn check_manifests(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.name() == "Cargo.toml" && ARROWS.iter().any(|(f, _)| is_of(file, f)))
        .flat_map(check_manifest)
        .collect()
}

fn is_of(file: &File, folder: &str) -> bool {
    file.path.strip_suffix("/Cargo.toml") == Some(folder)
}

fn check_manifest(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.contains("[lints]\nworkspace = true") {
        let remedy = "add the lines `[lints]` and `workspace = true`";
        findings.push(Finding::new(
            &file.path,
            "it has lints of its own or none",
            remedy,
        ));
    }
    let mut is_in_dependencies = false;
    for (idx, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            is_in_dependencies = line.trim_end().ends_with("dependencies]");
        } else if is_in_dependencies && line.contains('=') && !line.trim_start().starts_with('#') {
            let takes = line.contains(".workspace = true") || line.contains("workspace = true,");
            if !takes && !line.contains("workspace = true }") {
                let what = format!("`{line}` has a version of its own");
                let remedy = "put the version into [workspace.dependencies] of the root and write \
                              `.workspace = true` here";
                findings.push(Finding::new(
                    format!("{}:{}", file.path, idx + 1),
                    what,
                    remedy,
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;
    use crate::tidy::file;

    fn package(name: &str, folder: &str, uses: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency {
            name: (*name).to_owned(),
            kind: "dev".to_owned(),
        };
        Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: uses.iter().map(dependency).collect(),
            targets: Vec::new(),
        }
    }

    fn found(name: &str, folder: &str, uses: &[&str]) -> Vec<String> {
        let findings = check(&[package(name, folder, uses)]);
        findings
            .into_iter()
            .map(|finding| format!("{} -> {}", finding.what, finding.remedy))
            .collect()
    }

    #[test]
    fn refuses_an_arrow_between_passes_and_models() {
        let found = found(
            "firebrick-passes",
            "passes",
            &["firebrick-core", "firebrick-models"],
        );
        let expected = "it uses `firebrick-models` (dev) -> use firebrick-core only: move what is \
                        shared into core, or the user up";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn keeps_burn_in_its_engine() {
        assert!(
            found(
                "firebrick-engine-burn",
                "engines/burn",
                &["burn", "burn-flex"]
            )
            .is_empty()
        );
        let found = found("firebrick-datasets", "datasets", &["burn-flex", "burnish"]);
        let expected = "it uses `burn-flex` (dev) -> only engines/burn and plugins/engine-burn \
                        may: go through its types";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn names_packages_after_their_folders() {
        assert_eq!(
            name_of("plugins/engine-burn"),
            "firebrick-plugins-engine-burn"
        );
        assert_eq!(name_of("engines/mlp"), "firebrick-engine-mlp");
        assert_eq!(name_of("plugins/sdk"), "firebrick-sdk");
        let found = found("core", "core", &[]);
        assert_eq!(
            found,
            ["the package is named `core` -> name it `firebrick-core`, after its folder"]
        );
    }

    #[test]
    fn asks_what_a_new_member_may_use() {
        assert_eq!(
            check(&[package("firebrick-web", "web", &[])])[0].what,
            "the member is unknown"
        );
    }

    #[test]
    fn refuses_versions_outside_the_root() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n\
                    toml = { workspace = true, features = [\"x\"] }\n# why = 1\n";
        let bad = "[package]\nname = \"x\"\n[dev-dependencies]\nserde = \"1\"\n";
        let found = |text| {
            let findings = check_manifests(&[file("core/Cargo.toml", text)]);
            findings
                .into_iter()
                .map(|finding| finding.place)
                .collect::<Vec<_>>()
        };
        assert!(found(good).is_empty());
        assert_eq!(found(bad), ["core/Cargo.toml", "core/Cargo.toml:4"]);
    }
}
