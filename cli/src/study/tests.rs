use super::*;

const JSC: &str = "x = input[16]
    seq_blocks_0 = batch_norm(x)
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, out=16)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, out=16)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = linear(seq_blocks_5, out=5)
    seq_blocks_7 = relu(seq_blocks_6)
    output = output(seq_blocks_7)";

#[test]
fn the_built_in_study_has_36_points() {
    let loaded = load(None, &Options::default(), Verb::Search).unwrap();
    let graph = JSC.parse().unwrap();
    let space = loaded.search_space(&graph, 16, &BTreeMap::new()).unwrap();
    assert_eq!(space.space.size(), Some(36));
}
