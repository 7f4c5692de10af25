//! The engine steps as PyTorch steps: against numbers that `tests/parity/make.py`
//! and `make_quantized.py` wrote.

use firebrick_core::testing::check_parity;

use crate::BurnEngine;
use crate::ops::elsewhere;

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

/// Stacks train on the thread that asks for them, so that all of it is played. Without the learned
/// steps: one of their relus reads 5.5e-9 in the first step, and how products are rounded decides
/// which side that is.
#[test]
fn what_other_devices_compute_trains_as_in_pytorch() {
    let references = [
        include_str!("../tests/parity/jets.json"),
        include_str!("../tests/parity/pictures.json"),
        include_str!("../tests/parity/stages.json"),
        include_str!("../tests/parity/quantized.json"),
        include_str!("../tests/parity/quantized_pictures.json"),
        include_str!("../tests/parity/quantized_mixed.json"),
    ];
    let engine = BurnEngine::cpu().stacking(4);
    for reference in references {
        elsewhere::play(|| check_parity(&engine, reference, 1e-5));
    }
}
