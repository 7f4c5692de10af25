//! `cargo xtask VERB`: builds plugins and program, then runs; and the developers' tasks.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod bench;
mod build;
mod ci;
mod cuda;
mod gpu_check;
mod install;
mod judge;
mod launch;
mod metadata;
mod process;
mod python;
mod report;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Builds the program and its plugins, then runs; and the developers' tasks

Usage: cargo xtask VERB [ARGS]

Verbs of the program, with its own arguments (`cargo xtask search --help`); each builds what it
needs, such as the engine of `--engine`, or `mlp`, or `burn` for what `mlp` can't train:
  search       Search; without arguments, the study that comes with the program
  train        Train one network
  transform    Apply passes to a network
  list         List models, passes, strategies, engines and data sets
  plugin       List, inspect, check, make and add plugins
  data         List, describe and fetch data sets
  completions  Print the completions of a shell
  run -- ARGS  Run the program with any arguments

Tasks:
  build [--engine NAME]  Build and stage the program and its plugins, with all engines or one
  build --engine cuda [--without-llvm] [--features fusion,autotune]
                         Build and stage the engine for NVIDIA GPUs, which no other verb builds: 15
                         minutes, LLVM from GitHub; --without-llvm needs neither, but the CUDA
                         toolkit on the machine with the GPU
  install [--root DIR] [--engine NAME]
                         Put the program in DIR/bin and its plugins beside it (by default in
                         cargo's folder, whose bin is on the PATH)
  test [ARGS]            Build, then run all tests, with cargo-nextest where it is installed
  tidy                   Check what neither compiler nor clippy can: arrows, docs, lists
  ci [STEP...]           Run all checks: fmt, clippy, cross, test, doc, tidy, deny, miri, cuda;
                         what cross, deny and miri need may be missing, which they say
  judge [--keep] [NETWORK...]
                         Compare exported networks with qonnx and hls4ml, which pip installs
  gpu-check [--pack]     Check the engine `cuda` on the GPU here, beside PyTorch; --pack makes the
                         archive that checks it elsewhere, without Rust
  bench [NAME...]        Measure what has a bar: mlp, studies, joint, memory, quantize, six_bits,
                         samplers, train, pictures, ask, passes, export, load, start, study,
                         rebuild; `samplers` takes --peers (Optuna and rustuna, which pip
                         installs) and --problems FILE (other tables)

Examples:
  cargo xtask search
  cargo xtask train jsc-d jets-sim --max-epochs 10 --batch-size 256
  cargo xtask test -p firebrick-core
  cargo xtask build --engine cuda && cargo xtask search --config study.toml --accelerator cuda
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            process::exit_code(&error)
        }
    }
}

fn run(args: &[String]) -> Result<ExitCode> {
    let Some((verb, rest)) = args.split_first() else {
        print!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    match verb.as_str() {
        "search" | "train" | "transform" | "list" | "plugin" | "data" | "completions" => {
            launch::launch(args)
        }
        "run" => launch::launch(rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest)),
        "build" => build::task(rest).map(|()| ExitCode::SUCCESS),
        "install" => install::task(rest).map(|()| ExitCode::SUCCESS),
        "test" => test::task(rest).map(|()| ExitCode::SUCCESS),
        "tidy" => tidy::task(rest).map(|()| ExitCode::SUCCESS),
        "ci" => ci::task(rest).map(|()| ExitCode::SUCCESS),
        "judge" => judge::task(rest).map(|()| ExitCode::SUCCESS),
        "gpu-check" => gpu_check::task(rest).map(|()| ExitCode::SUCCESS),
        "bench" => bench::task(rest).map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!(process::Usage(format!(
            "unknown verb `{verb}`\n\nhint: `cargo xtask help` shows the verbs"
        ))),
    }
}
