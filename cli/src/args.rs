//! What can be said on the command line.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plugin::PluginCommand;

/// Search small neural networks for hardware
#[derive(Debug, Parser)]
#[command(
    name = "firebrick",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  firebrick search                                    run the default study
  firebrick search --config study.toml --accelerator cpu
  firebrick train jsc-d jets-sim --max-epochs 10 --batch-size 256
  firebrick list strategies"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every verb understands.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Look for plugins in this folder first; may be given several times
    #[arg(long = "plugin-dir", value_name = "DIR", global = true)]
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// Print tables as text or JSON
    // A text, so that `export`, which writes other things in formats, can have a flag of this name.
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true, value_parser = [
        PossibleValue::new("text").help("For people"),
        PossibleValue::new("json").help("For programs"),
    ])]
    pub(crate) format: String,
    /// Say more on stderr; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

impl GlobalArgs {
    /// Returns how tables are printed.
    pub(crate) fn format(&self) -> Format {
        match self.format.as_str() {
            "json" => Format::Json,
            _ => Format::Text,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search for the best networks: propose, train and judge candidates
    #[command(after_help = "Examples:
  firebrick search
  firebrick search --config study.toml --n-trials 20 --n-jobs 2
  firebrick search --config jsc-three_by_type_grid.toml --accelerator cpu --dataset jets-sim
  firebrick search --dataset jsc --data jets.csv --strategy brute --out results
  firebrick search --config study.toml --dry-run      size, trials and engine, nothing trained
  firebrick search --config study.toml --load-name base.safetensors
                                                      start from what `train --save` left

In a study file, [search.strategy] may also say:
  pruner.name = \"median\"    stop what is not worth the rest of its epochs; with one metric
    median     what is behind half of the others
               (n_startup_trials = 5, n_warmup_epochs = 0, interval_epochs = 1)
    asha       all but the best of every four, after epochs 1, 4, 16, ...
               (min_epochs = 1, reduction_factor = 4)
    hyperband  as asha, some trials from epoch 1 on, others from 3, 9, ... on
               (min_epochs = 1, reduction_factor = 3)
    wilcoxon   what is behind the best after almost every epoch
               (n_startup_epochs = 2, p_threshold = 0.1)
    and with several metrics, each what can't come onto the front any more
  enqueue = [{ \"seq_blocks_2/channel_multiplier/factor\" = 2 }]
                             begin with candidates of yours; what one leaves out is drawn

Files in --out DIR: best.json, log.json, config.toml, checkpoints/.
Exit codes: 0 done, 1 no usable trial, 2 wrong usage, 130 interrupted (trials kept).")]
    Search(SearchArgs),
    /// Train one network and draw its learning curves
    #[command(after_help = "Examples:
  firebrick train jsc-d jets-sim --max-epochs 10 --batch-size 256
  firebrick train jsc-d jsc --data jets.csv --learning-rate 0.01
  firebrick train jsc-d jets-sim --dry-run --format json
  firebrick train vgg-tiny cifar10 --data cifar10 --save base.safetensors
  firebrick search --config widths.toml --load-name base.safetensors

Files in --out DIR: metrics.csv, accuracy.svg, loss.svg, config.toml,
checkpoints/best.safetensors.")]
    Train(TrainArgs),
    /// Judge a trained network on the test split
    #[command(after_help = "Example:
  firebrick test jsc-d jets-sim --load-name firebrick_output/jsc-d_jets-sim/checkpoints/best.safetensors")]
    Test(RunArgs),
    /// Apply the passes of a study file and show what they change
    #[command(after_help = "Examples:
  firebrick transform --config widen.toml
  firebrick transform --groups jsc-d jets-sim

with widen.toml:
  model = \"jsc-d\"
  [passes.channel_multiplier]
  seq_blocks_2.factor = 2
  seq_blocks_4.factor = 4")]
    Transform(TransformArgs),
    /// Write a trained network for other tools
    #[command(after_help = "Examples:
  firebrick export firebrick_output/jsc-d_jets-sim/checkpoints/best.safetensors
  firebrick export out/checkpoints/*.safetensors       the front of a search
  firebrick export best.safetensors --format onnx --output network.onnx
  firebrick export best.safetensors --format json     for programs that generate hardware

Formats: qonnx says every number format, and hls4ml_config.yml is put beside it; onnx is of
float32; safetensors are the weights as they are stored. The file is checked before it is
written. What a format can't say is refused.")]
    Export(ExportArgs),
    /// List what there is: models, passes, strategies, engines, datasets
    #[command(after_help = "Examples:
  firebrick list
  firebrick list strategies --format json")]
    List {
        /// What to list; everything if left out
        #[arg(value_enum)]
        what: Option<Listed>,
    },
    /// List, inspect, check, make and add plugins
    #[command(after_help = "Examples:
  firebrick plugin list
  firebrick plugin new strategy my-strategy
  firebrick plugin add ./my-strategy")]
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// List, describe and fetch data sets
    #[command(after_help = "Examples:
  firebrick data list
  firebrick data describe jsc
  firebrick data fetch jsc --into data")]
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Print completions for a shell
    #[command(after_help = "Example:
  firebrick completions bash > ~/.local/share/bash-completion/completions/firebrick")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// What an export is about.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The checkpoints, as `train` and `search` write them
    #[arg(value_name = "CHECKPOINT", required = true)]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// What to write
    #[arg(id = "format", long, value_name = "FORMAT", default_value = "qonnx",
        value_parser = ["qonnx", "onnx", "safetensors", "json"])]
    pub(crate) format: String,
    /// Write this file instead of one beside the checkpoint
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What a training is about.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Put the trained weights into this file as well, for `--load-name`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// What a transform is about.
#[derive(Debug, Args)]
pub(crate) struct TransformArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Show which layers can only change their widths together, and apply nothing
    #[arg(long)]
    pub(crate) groups: bool,
    /// Show how the weights of `--load-name` are stored: distinct values, and what changed
    #[arg(long)]
    pub(crate) verify: bool,
    /// Also write the changed network and its weights as a checkpoint
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// Base networks
    Models,
    /// What rewrites or measures a network
    Passes,
    /// What proposes candidates
    Strategies,
    /// What trains candidates
    Engines,
    /// What candidates learn
    Datasets,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List the data sets
    List,
    /// Show features, classes and source of a data set
    Describe {
        /// The name
        name: String,
        /// Look at this file or folder
        #[arg(long, value_name = "PATH")]
        data: Option<PathBuf>,
        /// The column that holds the class, in a table of your own
        #[arg(long, value_name = "COLUMN")]
        label: Option<String>,
    },
    /// Download a data set from its official address
    Fetch {
        /// The name
        name: String,
        /// The folder to put it in
        #[arg(long, value_name = "DIR", default_value = "data")]
        into: PathBuf,
    },
}

/// What a run is about. Whatever is given here wins over the study file.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The base network; see `firebrick list models`
    pub(crate) model: Option<String>,
    /// The data set; see `firebrick list datasets`
    #[arg(value_name = "DATASET")]
    pub(crate) positional_dataset: Option<String>,
    /// Read a study file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data set, if not given by position
    #[arg(long, value_name = "NAME", conflicts_with = "positional_dataset")]
    pub(crate) dataset: Option<String>,
    /// Read the data set from this file or folder
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<PathBuf>,
    /// The column that holds the class, in a table of your own
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// How often every row is read
    #[arg(long, value_name = "N")]
    pub(crate) max_epochs: Option<u64>,
    /// Rows a step
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<u64>,
    /// The learning rate of the first epoch
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// adam, adamw or sgd
    #[arg(long, value_name = "NAME")]
    pub(crate) optimizer: Option<String>,
    /// L2 regularisation
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub(crate) weight_decay: Option<f64>,
    /// auto, cpu, gpu or cuda. An NVIDIA GPU (gpu and cuda are one) needs the engine `cuda`, which
    /// `cargo xtask build --engine cuda` builds; auto takes it for what it is fastest at
    #[arg(long, value_name = "NAME")]
    pub(crate) accelerator: Option<String>,
    /// The engine that trains; see `firebrick list engines`. Unless it is given, the fastest one
    /// that can train the network
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Option<String>,
    /// The name of the run
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// The seed of everything that is drawn
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Start from the weights of this checkpoint
    #[arg(long, value_name = "FILE")]
    pub(crate) load_name: Option<PathBuf>,
    /// Put results into this folder instead of firebrick_output/PROJECT
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Say what would be done; train nothing and write no results
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a search is about.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// What proposes candidates; see `firebrick list strategies`
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// How many candidates to try
    #[arg(long, value_name = "N")]
    pub(crate) n_trials: Option<u64>,
    /// How many candidates to train at a time; the results do not depend on it
    #[arg(long, value_name = "N")]
    pub(crate) n_jobs: Option<u64>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) timeout: Option<f64>,
    /// Judge candidates as they are, without training
    #[arg(long)]
    pub(crate) no_train: bool,
}
