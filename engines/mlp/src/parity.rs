//! The engine steps as PyTorch steps: against numbers that `make.py` and `make_quantized.py` of the
//! engine `burn` wrote, on every path of this machine.

use firebrick_core::testing::check_parity;

use crate::{MlpEngine, Path};

#[test]
fn the_jet_network_trains_as_in_pytorch() {
    let reference = include_str!("../../burn/tests/parity/jets.json");
    for path in Path::available() {
        check_parity(&MlpEngine::on(path), reference, 1e-5);
    }
}

#[test]
fn a_network_in_fixed_point_trains_as_in_pytorch() {
    let reference = include_str!("../../burn/tests/parity/quantized.json");
    for path in Path::available() {
        check_parity(&MlpEngine::on(path), reference, 1e-5);
    }
}

#[test]
fn a_network_of_several_formats_trains_as_in_pytorch() {
    let reference = include_str!("../../burn/tests/parity/quantized_mixed.json");
    for path in Path::available() {
        check_parity(&MlpEngine::on(path), reference, 1e-5);
    }
}
