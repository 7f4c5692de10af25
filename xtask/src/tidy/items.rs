//! Models, passes and strategies: each is documented for users and runs its contract suite.

use super::code::code;
use super::{File, Finding};

const KINDS: [(&str, &str, &str); 3] = [
    ("models/src/", "register_model!", "check_model"),
    ("passes/src/", "register_pass!", "check_pass"),
    ("strategies/src/", "register_strategy!", "check_strategy"),
];

/// Checks every file that registers an item.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, register, contract) in KINDS {
        let of_kind = || files.iter().filter(|file| file.path.starts_with(folder));
        for file in of_kind() {
            let code = code(&file.text);
            let registered = registered(&code, register);
            if registered.is_empty() {
                continue;
            }
            for args in &registered {
                if !of_kind().any(|file| is_documented(&file.text, args)) {
                    let what = format!("`{args}` has no doc comment");
                    let remedy = "write one on the type: users read it in `firebrick list`";
                    findings.push(Finding::new(&file.path, what, remedy));
                }
            }
            for name in names(&file.text, register) {
                if of_kind().any(|other| is_contract_of(other, file, contract, name)) {
                    continue;
                }
                let what = format!("no test calls `{contract}` on `{name}`");
                let remedy = format!("call `firebrick_core::testing::{contract}` in a test");
                findings.push(Finding::new(&file.path, what, remedy));
            }
        }
    }
    findings
}

/// Returns whether a file calls the contract suite on an item of another: in that file, in
/// `tests.rs` beside it, or in one of the whole crate that names it or takes all items.
fn is_contract_of(tests: &File, item: &File, contract: &str, name: &str) -> bool {
    let is_near = tests.path == item.path
        || tests.path == item.path.replace(".rs", "/tests.rs")
        || tests.path == item.path.replace("/mod.rs", "/tests.rs");
    let is_far = tests.path.ends_with("src/tests.rs")
        && (tests.text.contains(&format!("\"{name}\"")) || tests.text.contains("of_package("));
    (is_near || is_far) && tests.text.contains(&format!("{contract}("))
}

/// Returns the first name of each item that is registered.
fn names<'a>(source: &'a str, register: &str) -> Vec<&'a str> {
    source
        .split(register)
        .skip(1)
        .filter_map(|after| after.split('"').nth(1))
        .collect()
}

/// Returns the argument types that are registered: `register_pass!("name"; Args => make)`.
fn registered<'a>(code: &'a str, register: &str) -> Vec<&'a str> {
    let uses = code.split(register).skip(1);
    uses.filter_map(|after| {
        let (args, _) = after.split_once(';')?.1.split_once("=>")?;
        let args = args.trim();
        Some(args.rsplit("::").next().unwrap_or(args))
    })
    .collect()
}

/// Returns whether a type is defined in a source with a doc comment above it.
fn is_documented(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let defines = |line: &str| {
        ["struct", "enum"].iter().any(|word| {
            let after = line
                .split_once(&format!("{word} {name}"))
                .map(|(_, after)| after);
            after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let Some(line) = lines.iter().position(|line| defines(line)) else {
        return false;
    };
    let above = lines[..line].iter().rev();
    above
        .take_while(|line| !line.is_empty() && !line.ends_with(['}', ';']))
        .any(|line| line.starts_with("///"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    const GOOD: &str = "/// Removes channels.\n#[derive(Debug)]\npub struct Prune {\n    ratio: f64,\n}\n\
                        register_pass!(\"prune\", \"cut\"; Prune => Prune);\n\
                        mod tests { fn holds() { check_pass(&Prune); } }\n";

    fn found(files: &[File]) -> Vec<String> {
        check(files)
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn accepts_an_item_with_docs_and_contract_test() {
        assert!(found(&[file("passes/src/prune.rs", GOOD)]).is_empty());
        let (item, tests) = GOOD.split_once("mod tests").unwrap();
        let all = format!("for item in Registration::of_package(PACKAGE) {tests}");
        let named = format!("check(\"prune\"); {tests}");
        for (path, tests) in [
            ("passes/src/prune/tests.rs", tests),
            ("passes/src/tests.rs", all.as_str()),
            ("passes/src/tests.rs", named.as_str()),
        ] {
            assert!(found(&[file("passes/src/prune.rs", item), file(path, tests)]).is_empty());
        }
        let far = file("passes/src/tests.rs", tests);
        assert_eq!(found(&[file("passes/src/prune.rs", item), far]).len(), 1);
    }

    #[test]
    fn finds_an_item_without_docs() {
        let text = GOOD.replace("/// Removes channels.\n", "");
        assert_eq!(
            found(&[file("passes/src/prune.rs", &text)]),
            ["`Prune` has no doc comment"]
        );
    }

    #[test]
    fn finds_an_item_without_contract_test() {
        let text = GOOD.replace("check_pass", "look_at");
        let expected = ["no test calls `check_pass` on `prune`"];
        assert_eq!(found(&[file("passes/src/prune.rs", &text)]), expected);
    }

    #[test]
    fn looks_only_at_files_that_register() {
        assert!(found(&[file("passes/src/lib.rs", "mod prune;\n")]).is_empty());
    }
}
