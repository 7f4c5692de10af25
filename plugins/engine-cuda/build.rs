//! Has the linker refuse undefined functions.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A shared library with undefined functions links, and can't be loaded: see `without_llvm`.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--no-undefined");
    }
}
