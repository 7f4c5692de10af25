//! The jet network of the seed, `jsc-three-linear`.

pub(crate) const JETS: &str = "
    x = input[16]
    seq_blocks_0 = batch_norm(x)
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, out=16)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, out=16)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = linear(seq_blocks_5, out=5)
    seq_blocks_7 = relu(seq_blocks_6)
    output = output(seq_blocks_7)";
