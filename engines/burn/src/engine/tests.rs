use firebrick_core::testing::check_engine;

use super::*;

#[test]
fn keeps_the_contract_of_engines() {
    check_engine(&BurnEngine::cpu());
}
