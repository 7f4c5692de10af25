//! The engine steps as PyTorch steps: against numbers that `tests/parity/make.py`
//! and `make_quantized.py` wrote.

use firebrick_core::testing::check_parity;

use crate::BurnEngine;

#[test]
fn the_jet_network_trains_as_in_pytorch() {
    let reference = include_str!("../tests/parity/jets.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn a_network_with_every_op_on_pictures_trains_as_in_pytorch() {
    let reference = include_str!("../tests/parity/pictures.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn a_residual_network_with_depthwise_convolutions_trains_as_in_pytorch() {
    let reference = include_str!("../tests/parity/stages.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn a_network_in_fixed_point_trains_as_in_pytorch() {
    let reference = include_str!("../tests/parity/quantized.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn pictures_in_fixed_point_train_as_in_pytorch() {
    let reference = include_str!("../tests/parity/quantized_pictures.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn steps_are_learned_as_in_pytorch() {
    let reference = include_str!("../tests/parity/learned_steps.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}

#[test]
fn floats_levels_and_unsigned_numbers_train_as_in_pytorch() {
    let reference = include_str!("../tests/parity/quantized_mixed.json");
    check_parity(&BurnEngine::cpu(), reference, 1e-5);
}
