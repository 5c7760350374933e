"""From a recording to pitch, loudness, onsets, beats, bars, key and chords.

The package can be called: `ensemble.listen("leader.wav")` is `ensemble.api.leaders.listen`.
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reads it as it is imported


class _Listen(ModuleType):
    """A module that is a verb, too: Python gives `ensemble.listen` to the folder of that name."""

    def __call__(self, *leader: Any, **settings: Any) -> Any:
        return import_module("ensemble.api.leaders").listen(*leader, **settings)


sys.modules[__name__].__class__ = _Listen
