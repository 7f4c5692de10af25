//! `firebrick plugin new`: writes the crate of a plugin.
//!
//! The sources are those of `plugins/template`, which are built and tested as they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::NewKind;
use crate::failure::failure;

/// Where the SDK was when this program was built.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/sdk");

const MODEL: &str = include_str!("../../../plugins/template/src/shallow.rs");
const PASS: &str = include_str!("../../../plugins/template/src/depth.rs");
const STRATEGY: &str = include_str!("../../../plugins/template/src/sweep.rs");
const ENGINE: &str = include_str!("../../../plugins/template/src/plain.rs");
const ENGINE_LAYERS: &str = include_str!("../../../plugins/template/src/plain/layers.rs");

/// Writes the crate of a plugin that offers one item, into a folder of its name.
pub(super) fn run(kind: NewKind, name: &str, into: &Path, sdk: Option<&Path>) -> Result<()> {
    check_name(name)?;
    let dependency = dependency(sdk)?;
    let folder = match into == Path::new(".") {
        true => PathBuf::from(name),
        false => into.join(name),
    };
    if folder.exists() {
        let hint = "choose another name, or another folder with `--into`";
        return Err(failure(
            format!("`{}` is there already", folder.display()),
            hint,
        ));
    }
    let mut files = vec![
        ("Cargo.toml", manifest(name, &dependency)),
        (".gitignore", "/target\n".to_owned()),
        ("README.md", readme(kind, name)),
        ("src/lib.rs", source(kind, name)),
    ];
    if kind == NewKind::Engine {
        files.push(("src/layers.rs", ENGINE_LAYERS.to_owned()));
    }
    write(&folder, &files).map_err(|error| {
        // Half a crate helps nobody; what can't be removed stays, and the error says where.
        let _ = fs::remove_dir_all(&folder);
        let hint = "choose a folder that you can write to with `--into`";
        failure(format!("can't write `{}`: {error}", folder.display()), hint)
    })?;
    println!("{}", folder.display());
    eprintln!(
        "next: `cargo test` in there, then `firebrick plugin add {}`",
        folder.display()
    );
    Ok(())
}

fn write(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    for (file, text) in files {
        fs::write(folder.join(file), text)?;
    }
    Ok(())
}

/// Words that cargo refuses as the name of a crate, those of one letter case.
const RESERVED: [&str; 48] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
];

/// Checks that a name can be a crate's and an item's.
fn check_name(name: &str) -> Result<()> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let fits = |char: char| {
        char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '_')
    };
    let is_free = !RESERVED.contains(&name);
    if !starts_well || !name.chars().all(fits) || !is_free || name.len() > 63 {
        let hint = "use small letters, digits, `-` and `_`, a letter first, such as `my-strategy`";
        return Err(failure(
            format!("`{name}` can't be the name of a crate"),
            hint,
        ));
    }
    Ok(())
}

/// Returns what the crate says of its dependency on the SDK: a path to the one that is named, or
/// to that of the checkout that this program was built in; where that is gone, its version.
fn dependency(named: Option<&Path>) -> Result<String> {
    let by_path = |sdk: PathBuf| {
        // A literal string of TOML takes every path but one with a quote.
        format!(
            "{{ path = {} }}",
            toml::Value::from(sdk.display().to_string())
        )
    };
    if let Some(named) = named {
        return match named.join("Cargo.toml").is_file() {
            true => Ok(by_path(fs::canonicalize(named)?)),
            false => Err(failure(
                format!("there is no crate in `{}`", named.display()),
                "`--sdk` is the folder `plugins/sdk` of Firebrick's source",
            )),
        };
    }
    Ok(match fs::canonicalize(SDK) {
        Ok(sdk) => by_path(sdk),
        Err(_) => {
            eprintln!("note: Firebrick's source is not here; `--sdk DIR` names its `plugins/sdk`");
            let interface = firebrick_host::INTERFACE;
            format!("\"{interface}\"")
        }
    })
}

fn manifest(name: &str, sdk: &str) -> String {
    format!(
        "[package]
name = \"{name}\"
version = \"0.1.0\"
edition = \"2024\"

[lib]
crate-type = [\"cdylib\"]

[dependencies]
firebrick-sdk = {sdk}

# Alone, even inside the folder of another workspace.
[workspace]
"
    )
}

/// Returns the template's source under another name, with the line that exports it.
fn source(kind: NewKind, name: &str) -> String {
    let (template, item) = match kind {
        NewKind::Model => (MODEL, "shallow"),
        NewKind::Pass => (PASS, "depth"),
        NewKind::Strategy => (STRATEGY, "sweep"),
        NewKind::Engine => (ENGINE, "plain"),
    };
    let registered = format!("!(\"{item}\";");
    let renamed = template.replacen(&registered, &format!("!(\"{name}\";"), 1);
    renamed.replacen("\n#[cfg(test)]", "export_plugin!();\n\n#[cfg(test)]", 1)
}

fn readme(kind: NewKind, name: &str) -> String {
    let (what, usage) = match kind {
        NewKind::Model => ("model", format!("firebrick train {name} jets-sim")),
        NewKind::Pass => ("pass", format!("firebrick plugin inspect {name}")),
        NewKind::Strategy => ("strategy", format!("firebrick search --strategy {name}")),
        NewKind::Engine => ("engine", format!("firebrick search --engine {name}")),
    };
    format!(
        "# {name}

A {what} for Firebrick. `src/lib.rs` is a working example to change.

    cargo test                # the contract that every {what} keeps
    firebrick plugin add .    # builds, checks and installs it
    {usage}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_registered_under_its_new_name_and_exported() {
        for (kind, macro_name) in [
            (NewKind::Model, "register_model!"),
            (NewKind::Pass, "register_pass!"),
            (NewKind::Strategy, "register_strategy!"),
            (NewKind::Engine, "register_engine!"),
        ] {
            let source = source(kind, "my-own");
            assert!(
                source.contains(&format!("{macro_name}(\"my-own\"; ")),
                "{source}"
            );
            assert_eq!(source.matches("export_plugin!();").count(), 1, "{source}");
            let export = source.find("export_plugin!();").unwrap();
            assert!(export < source.find("#[cfg(test)]").unwrap());
        }
    }

    #[test]
    fn a_strategy_takes_thirty_lines_with_its_manifest() {
        let source = source(NewKind::Strategy, "my-own");
        let source = source.split("#[cfg(test)]").next().unwrap();
        let manifest = manifest("my-own", "{ path = \"sdk\" }");
        let manifest = manifest.split("# Alone").next().unwrap();
        let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).count();
        assert!(lines(source) + lines(manifest) <= 30);
    }

    #[test]
    fn names_that_no_crate_can_have_are_refused() {
        for name in ["", "1st", "my strategy", "../up", "naïve"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("my-strategy_2").is_ok());
    }
}
