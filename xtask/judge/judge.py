"""Compares a network that Firebrick exported with what others make of the file.

Three compute the same rows: Firebrick in whole numbers, or, where a format is not fixed point, in
float64 (a program that is given); qonnx, node by node as QONNX defines them; and the C++ that
hls4ml generates for the backend Vitis, compiled and run here. A fourth, qonnx's inference cost,
counts operations and bits. Prints one JSON object.

Rows are random, from a seed, on a grid of 2^-10: hls4ml takes the input as fixed point. They
reach from far below the steps of the formats to far beyond their ranges.
"""

import argparse
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import yaml

warnings.filterwarnings("ignore")

import qonnx.core.onnx_exec as execution  # noqa: E402
from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from qonnx.transformation.change_batchsize import ChangeBatchSize  # noqa: E402
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean  # noqa: E402
from qonnx.transformation.infer_shapes import InferShapes  # noqa: E402
from qonnx.util.cleanup import cleanup_model  # noqa: E402
from qonnx.util.inference_cost import inference_cost  # noqa: E402

GRID = 2.0**10
# What float32 may make of sums whose order differs, relative to the largest output.
TOLERANCE = 1e-5


def make_rows(shape, n_rows):
    """Rows of `[n_rows, *shape]`: one of zeros, two of extremes, then each of a size of its own."""
    rng = np.random.default_rng(0)
    sizes = 2.0 ** rng.uniform(-2, 3, (n_rows,) + (1,) * len(shape))
    rows = rng.normal(size=(n_rows, *shape)) * sizes
    rows[0] = 0.0
    rows[1] = 1000.0
    rows[2] = -1000.0
    return (np.round(rows * GRID) / GRID).astype(np.float32)


def by_firebrick(arguments, rows):
    """Outputs `[n_rows, n_outputs]`, and what the program says of them."""
    rows_file, outputs_file = (arguments.folder / name for name in ("rows.f32", "outputs.f64"))
    rows.astype("<f4").tofile(rows_file)
    command = [arguments.forward, arguments.checkpoint, rows_file, outputs_file]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    outputs = np.fromfile(outputs_file, "<f8").reshape(len(rows), -1)
    return outputs, json.loads(said.stdout)


def by_qonnx(model, rows):
    model = model.transform(ChangeBatchSize(len(rows))).transform(InferShapes())
    names = model.graph.input[0].name, model.graph.output[0].name
    return execution.execute_onnx(model, {names[0]: rows})[names[1]].reshape(len(rows), -1)


def by_hls4ml(rows, arguments):
    """Outputs of what the configuration beside the file makes of it."""
    import hls4ml

    config = yaml.safe_load(arguments.hls4ml_config.read_text())
    path = arguments.hls4ml_config.parent / config["OnnxModel"]
    if rows.ndim == 4:
        model = cleanup_model(ModelWrapper(str(path)))
        model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
        path = arguments.folder / "channels_last.onnx"
        # The transformation leaves nodes without names.
        cleanup_model(model).save(str(path))
        rows = rows.transpose(0, 2, 3, 1)
    project = arguments.folder / "hls4ml"
    network = hls4ml.converters.convert_from_config(
        {**config, "OnnxModel": str(path), "OutputDir": str(project)}
    )
    network.write()
    # At -O3 pictures of 32x32 pixels take minutes to compile.
    script = project / "build_lib.sh"
    text, n_levels = re.subn(r"-O3\b", "-O1 -w", script.read_text())
    if n_levels == 0:
        sys.exit("hls4ml's build_lib.sh has no -O3 to replace: is this hls4ml 1.3?")
    script.write_text(text)
    network._compile()
    outputs = network.predict(np.ascontiguousarray(rows, np.float32))
    return np.asarray(outputs, np.float64).reshape(len(rows), -1)


def compared(ours, theirs, tolerance):
    """How many rows are equal, and the first that is not."""
    if theirs.shape != ours.shape:
        first = {"row": 0, "ours": list(ours.shape), "theirs": list(theirs.shape)}
        return {"equal": 0, "first": first}
    off = np.abs(theirs - ours) > tolerance
    rows = np.nonzero(off.any(axis=1) | np.isnan(theirs).any(axis=1))[0]
    verdict = {"equal": len(ours) - len(rows)}
    if len(rows) > 0:
        row = int(rows[0])
        verdict["first"] = {"row": row, "ours": ours[row].tolist(), "theirs": theirs[row].tolist()}
    return verdict


def judge(arguments):
    model = cleanup_model(ModelWrapper(str(arguments.network)))
    shape = model.get_tensor_shape(model.graph.input[0].name)[1:]
    rows = make_rows(shape, arguments.rows)
    ours, said = by_firebrick(arguments, rows)
    tolerance = 0.0 if said["is_exact"] else TOLERANCE * np.abs(ours).max()
    verdict = {
        "rows": len(rows),
        "is_exact": said["is_exact"],
        "bits_max": said["bits_max"],
        "distinct": len(np.unique(ours, axis=0)),
        "qonnx": compared(ours, by_qonnx(model, rows), tolerance),
    }
    if arguments.hls4ml_config:
        verdict["hls4ml"] = compared(ours, by_hls4ml(rows, arguments), tolerance)
    costs = inference_cost(str(arguments.network), discount_sparsity=False)["total_cost"]
    verdict["costs"] = {
        "macs": costs["total_macs"],
        "bops": costs["total_bops"],
        "weight_bits": costs["total_mem_w_bits"],
    }
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=pathlib.Path, help="the QONNX file")
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True, help="its source")
    parser.add_argument("--forward", type=pathlib.Path, required=True, help="computes a checkpoint")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for files on the way")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--hls4ml-config", type=pathlib.Path, help="without it, hls4ml is left out")
    arguments = parser.parse_args()
    # hls4ml, its compiler and qonnx print to stdout.
    with contextlib.redirect_stdout(sys.stderr):
        verdict = judge(arguments)
    print(json.dumps(verdict))


if __name__ == "__main__":
    main()
