//! What every file holds: no white space at line ends, `unsafe` in its places, no ignored test.

use super::code::{code, lines_with};
use super::{File, Finding};

/// Where `unsafe` may be.
const UNSAFE: [&str; 4] = [
    "plugins/sdk/",
    "plugins/host/",
    "plugins/engine-cuda/src/without_llvm",
    "engines/mlp/src/kernels",
];

/// Checks each file by itself.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.path.ends_with(".rs") {
            let code = code(&file.text);
            findings.extend(unsafe_acts(file, &code));
            findings.extend(ignored_tests(file, &code));
        } else {
            // rustfmt cares for white space in Rust, where strings may need theirs.
            findings.extend(white_space(file));
        }
    }
    findings
}

fn white_space(file: &File) -> Vec<Finding> {
    let lines = file.text.split('\n').enumerate();
    let mut findings: Vec<Finding> = lines
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(idx, _)| {
            let place = format!("{}:{}", file.path, idx + 1);
            Finding::new(place, "white space at the end of the line", "take it away")
        })
        .collect();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let what = "the last line has no end";
        findings.push(Finding::new(
            &file.path,
            what,
            "end the file with a line feed",
        ));
    }
    findings
}

fn unsafe_acts(file: &File, code: &str) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().collect();
    let is_allowed = UNSAFE.iter().any(|place| file.path.starts_with(place));
    // A fixture is wrong on purpose: what it does is said in the test that builds it.
    let is_fixture = file.path.contains("/fixtures/");
    let mut findings = Vec::new();
    for line in lines_with(code, "unsafe_code").chain(lines_with(code, "unsafe")) {
        let place = format!("{}:{line}", file.path);
        if !is_allowed {
            let remedy = format!("use safe code, or move it to one of {}", UNSAFE.join(", "));
            findings.push(Finding::new(place, "`unsafe` outside its places", remedy));
        } else if !is_fixture && is_unsafe_act(code, line) && !is_justified(&lines, line) {
            let remedy = "say in a `// SAFETY:` comment above it who guarantees what";
            findings.push(Finding::new(place, "`unsafe` without its reason", remedy));
        }
    }
    findings
}

/// Returns whether `unsafe` does or promises something on a line, rather than asking it of others
/// (`unsafe fn`, `unsafe extern`) or marking a symbol.
fn is_unsafe_act(code: &str, line: usize) -> bool {
    let line = code.lines().nth(line - 1).unwrap_or_default();
    line.contains("unsafe {") || line.contains("unsafe impl")
}

/// Returns whether the comment above the statement that a line belongs to, or on it, says why.
fn is_justified(lines: &[&str], line: usize) -> bool {
    let says = |line: &&str| line.contains("SAFETY:");
    let above = &lines[line.saturating_sub(8)..line];
    above.iter().rev().any(says)
}

fn ignored_tests(file: &File, code: &str) -> Vec<Finding> {
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| line.contains("#[ignore") || line.contains("#[should_panic"))
        .map(|(idx, _)| {
            let remedy = "start a slow test with `if !slow() { return }`; assert on errors";
            let place = format!("{}:{}", file.path, idx + 1);
            Finding::new(place, "a test that is ignored or should panic", remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&[file(path, text)]).into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.place, finding.what))
            .collect()
    }

    #[test]
    fn finds_white_space_at_line_ends() {
        assert!(found("a.md", "one\ntwo\n").is_empty());
        assert_eq!(
            found("a.md", "one \n")[0],
            "a.md:1: white space at the end of the line"
        );
        assert_eq!(
            found("a.md", "one\r\n")[0],
            "a.md:1: white space at the end of the line"
        );
        assert_eq!(found("a.md", "one")[0], "a.md: the last line has no end");
    }

    #[test]
    fn keeps_unsafe_in_its_places() {
        let text = "// SAFETY: `x` lives.\nlet y = unsafe { *x };\n";
        assert!(found("plugins/host/src/load.rs", text).is_empty());
        let outside = found("cli/src/main.rs", text);
        assert_eq!(outside, ["cli/src/main.rs:2: `unsafe` outside its places"]);
        let hidden = found("cli/src/main.rs", "#![expect(unsafe_code)]\n");
        assert_eq!(hidden, ["cli/src/main.rs:1: `unsafe` outside its places"]);
        assert!(found("cli/src/main.rs", "// unsafe\nlet a = \"unsafe {\";\n").is_empty());
    }

    #[test]
    fn wants_a_reason_for_unsafe() {
        let found = found("plugins/sdk/src/door.rs", "let y = unsafe { *x };\n");
        assert_eq!(
            found,
            ["plugins/sdk/src/door.rs:1: `unsafe` without its reason"]
        );
    }

    #[test]
    fn refuses_ignored_tests() {
        let found = found("core/src/a.rs", "#[ignore]\n#[test]\nfn a() {}\n");
        assert_eq!(
            found,
            ["core/src/a.rs:1: a test that is ignored or should panic"]
        );
    }
}
