//! The network of `xtask/bench/torch_vgg.py`.

use std::fmt::Write;

/// VGG7 in the text form of graphs, each width times a factor.
pub(crate) fn vgg7(width: f64) -> Result<String, std::fmt::Error> {
    let of = |channels: f64| ((channels * width).round() as usize).max(1);
    let mut text = "x = input[3, 32, 32]\n".to_owned();
    let mut last = "x".to_owned();
    for (nth, channels) in [128.0, 128.0, 256.0, 256.0, 512.0, 512.0]
        .into_iter()
        .enumerate()
    {
        let out = of(channels);
        writeln!(
            text,
            "c{nth} = conv2d({last}, out={out}, kernel=3, padding=1)"
        )?;
        writeln!(
            text,
            "n{nth} = batch_norm(c{nth}, momentum=0.9)\nr{nth} = relu(n{nth})"
        )?;
        last = format!("r{nth}");
        if nth % 2 == 1 {
            writeln!(text, "p{nth} = max_pool({last}, kernel=2)")?;
            last = format!("p{nth}");
        }
    }
    let out = of(1024.0);
    writeln!(
        text,
        "flat = flatten({last})\nl0 = linear(flat, out={out})\nlr0 = relu(l0)"
    )?;
    writeln!(text, "l1 = linear(lr0, out={out})\nlr1 = relu(l1)")?;
    writeln!(text, "last = linear(lr1, out=10)\noutput = output(last)")?;
    Ok(text)
}
