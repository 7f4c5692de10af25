//! Source files that no `mod` leads to: they compile and run nowhere, tests included.

use std::collections::BTreeSet;
use std::path::Path;

use super::code::code;
use super::{File, Finding};
use crate::metadata::Package;

/// Checks that each source file of a member is reached from one of its targets.
pub(super) fn check(files: &[File], packages: &[Package], root: &Path) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for target in packages.iter().flat_map(|package| &package.targets) {
        let source = target.source.strip_prefix(root).unwrap_or(&target.source);
        let source = source.to_string_lossy().replace('\\', "/");
        let folder = parent(&source).to_owned();
        follow(files, &source, &folder, &mut reached);
    }
    let is_of_member = |path: &str| {
        packages.iter().any(|package| {
            let after = path.strip_prefix(&format!("{}/", package.folder));
            after.is_some_and(|path| {
                ["src/", "tests/", "benches/", "examples/"]
                    .iter()
                    .any(|f| path.starts_with(f))
            })
        })
    };
    files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && is_of_member(&file.path))
        // Sources that a test compiles by itself.
        .filter(|file| !file.path.contains("/fixtures/"))
        .filter(|file| !reached.contains(&file.path))
        .map(|file| {
            let what = "no `mod` leads to this file: nothing compiles or tests it";
            let remedy = "add the `mod` line to its parent, or take the file away";
            Finding::new(&file.path, what, remedy)
        })
        .collect()
}

/// Follows the `mod` lines of a file whose modules lie in a folder.
fn follow(files: &[File], path: &str, folder: &str, reached: &mut BTreeSet<String>) {
    let Some(file) = files.iter().find(|file| file.path == path) else {
        return;
    };
    if !reached.insert(path.to_owned()) {
        return;
    }
    for (name, redirected) in declared(&file.text) {
        if let Some(other) = redirected {
            let other = normal(&format!("{}/{other}", parent(path)));
            let folder = parent(&other).to_owned();
            follow(files, &other, &folder, reached);
        }
        let below = format!("{folder}/{name}");
        follow(files, &format!("{below}.rs"), &below, reached);
        follow(files, &format!("{below}/mod.rs"), &below, reached);
    }
}

/// Returns the modules that a source declares in other files, with the path that `#[path]` gives.
fn declared(source: &str) -> Vec<(String, Option<String>)> {
    let mut redirected = None;
    let mut modules = Vec::new();
    for (line, written) in code(source).lines().zip(source.lines()) {
        if line.contains("#[path") {
            redirected = written.split('"').nth(1).map(str::to_owned);
        }
        let words = line
            .split("mod ")
            .nth(1)
            .and_then(|after| after.split_once(';'));
        let is_module = line.trim_start().starts_with("mod ") || line.contains(" mod ");
        if let (true, Some((name, _))) = (is_module, words) {
            modules.push((name.trim().to_owned(), redirected.take()));
        }
    }
    modules
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns a path without `.` and `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Target;
    use crate::tidy::file;

    fn forgotten(files: &[File]) -> Vec<String> {
        let target = |source: &str| Target {
            kinds: vec!["lib".to_owned()],
            source: Path::new("/root").join(source),
        };
        let package = Package {
            name: "firebrick-core".to_owned(),
            folder: "core".to_owned(),
            dependencies: Vec::new(),
            targets: vec![target("core/src/lib.rs"), target("core/tests/it/main.rs")],
        };
        let findings = check(files, &[package], Path::new("/root"));
        findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn follows_modules_in_all_spellings() {
        let files = [
            file(
                "core/src/lib.rs",
                "mod a;\npub mod b;\n#[cfg(test)]\nmod tests;\n",
            ),
            file("core/src/a.rs", "pub(crate) mod deep;\n"),
            file("core/src/a/deep.rs", ""),
            file("core/src/b/mod.rs", "mod in_b; mod inline { fn f() {} }\n"),
            file("core/src/b/in_b.rs", ""),
            file(
                "core/src/tests.rs",
                "#[path = \"../odd/far.rs\"]\nmod far;\n",
            ),
            file("core/odd/far.rs", ""),
            file("core/tests/it/main.rs", "mod claims;\n"),
            file("core/tests/it/claims.rs", ""),
            file("core/tests/fixtures/panics.rs", ""),
        ];
        assert!(forgotten(&files).is_empty());
    }

    #[test]
    fn finds_a_forgotten_test_file() {
        let files = [
            file("core/src/lib.rs", "// mod a;\nmod b {}\n"),
            file("core/src/a.rs", ""),
            file("core/tests/it/main.rs", "\n"),
            file("core/tests/it/claims.rs", ""),
        ];
        assert_eq!(
            forgotten(&files),
            ["core/src/a.rs", "core/tests/it/claims.rs"]
        );
    }
}
