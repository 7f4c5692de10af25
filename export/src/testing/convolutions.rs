//! Networks of convolutions, for tests and for the example that measures.

/// The side of the pictures and the channels of a small network.
pub(crate) const SMALL: (usize, &[usize]) = (16, &[16, 16, 32, 32]);
/// Those of one as large as the seed's: 600 million multiply-accumulates.
pub(crate) const LARGE: (usize, &[usize]) = (32, &[128, 128, 256, 256, 512, 512]);

/// Returns a network of convolutions in fixed point, two and two between pools.
pub(crate) fn of_convolutions((side, channels): (usize, &[usize])) -> String {
    let mut text = format!("x = input[3, {side}, {side}]\n");
    let mut last = "x".to_owned();
    for (nth, out) in channels.iter().enumerate() {
        text += &format!(
            "c{nth} = conv2d({last}, out={out}, kernel=3, padding=1, bias=false) @ data_in=integer(8, 4) weight=integer(8, 9)\n"
        );
        last = format!("c{nth}");
        if nth % 2 == 1 {
            text += &format!("p{nth} = max_pool({last}, kernel=2)\n");
            last = format!("p{nth}");
        }
    }
    text + &format!(
        "f = flatten({last})\nl = linear(f, out=10, bias=false) @ data_in=integer(8, 4) weight=integer(8, 12)\ny = output(l)"
    )
}
