//! The engine steps as PyTorch steps: against numbers that `make.py` of the engine `burn` wrote, on
//! every path of this machine.

use firebrick_core::testing::check_parity;

use crate::{MlpEngine, Path};

#[test]
fn the_jet_network_trains_as_in_pytorch() {
    let reference = include_str!("../../burn/tests/parity/jets.json");
    for path in Path::available() {
        check_parity(&MlpEngine::on(path), reference, 1e-5);
    }
}
