mod enqueue;
mod errors;
mod formats;
mod goal;
mod mase;
mod precedence;
mod quantization;
mod resolved;
mod round_trip;
mod space;

use std::path::PathBuf;

use super::*;

/// Reads a study from a text, as a search does.
fn search(text: &str) -> Loaded {
    read_as(text, &Options::default(), Verb::Search).unwrap()
}

fn read_as(text: &str, options: &Options, verb: Verb) -> Result<Loaded, StudyError> {
    let source = Source {
        name: "studies/x.toml",
        bytes: text.as_bytes(),
    };
    load(Some(source), options, verb)
}

/// Returns an error as the program prints it.
fn shown(error: &StudyError) -> String {
    match &error.hint {
        Some(hint) => format!("{error}\n  hint: {hint}"),
        None => error.to_string(),
    }
}

/// Returns notices as the program prints them, one a line.
fn notices(loaded: &Loaded) -> String {
    let lines: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Returns a file of the seed, unless it is not there.
fn seed_file(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/seed")
        .join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: `{}` is missing", path.display());
    }
    text
}
