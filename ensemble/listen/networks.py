"""The networks that listen: ONNX files that come with the package, run by onnxruntime on one thread."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ensemble.errors import ListenerError
from ensemble.types.music import FloatArray

FOLDER = Path(__file__).parent.parent / "listeners"
SHA256 = {
    "beats": "17fda7e14ff3680e9c102e8d922cc0e08dc7728ddb82c7074f12ac4823d0e91a",
    "chords": "1dc67809740e0a96f56f9cb123e80e58006ef2fd32700dbe7dbc2809dad51b97",
}
"""Of every network's file, by name."""


class Network:
    """A network. It holds no state: what it remembers goes in and comes out."""

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]

    def __call__(self, features: FloatArray) -> FloatArray:
        """What a network with one input and one output says of features."""
        return self.run(features)[0]

    def run(self, *inputs: FloatArray) -> list[FloatArray]:
        """All outputs, of all inputs in order."""
        outputs: list[FloatArray] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        return outputs


def path_of(name: str) -> Path:
    """The file of a network."""
    return FOLDER / f"{name}.onnx"


@cache
def network(name: str) -> Network:
    """Read a network, once in a process.

    Raises:
        ListenerError: its file cannot be read, or is not the one of this release.
    """
    path = path_of(name)
    try:
        content = path.read_bytes()
    except OSError as gone:
        raise ListenerError(str(path), f"cannot be read ({gone.strerror})", "install ensemble again") from gone
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise ListenerError(str(path), "is not this release's network (sha256 differs)", "install ensemble again")
    return Network(content)
