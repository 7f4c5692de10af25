//! Notes the compiler, which a plugin's descriptor tells.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    let version = match version.trim() {
        "" => "unknown rustc",
        version => version,
    };
    println!("cargo::rustc-env=FIREBRICK_RUSTC={version}");
    println!("cargo::rerun-if-changed=build.rs");
}
