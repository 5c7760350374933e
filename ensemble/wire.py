"""The types as versioned msgpack: processes exchange messages, never pickles.

A message is `{"ensemble": version, "message": value}`. A dataclass is packed as extension 2 (its tag, then its fields
by name), an array as extension 1 (dtype, shape, little-endian bytes). Sequences are unpacked as tuples.
"""

from __future__ import annotations

import math
from dataclasses import fields
from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgpack
import numpy as np

from ensemble.errors import WireError
from ensemble.types import continuation, described, diagnostics, doubts, metre, music

WIRE_VERSION = 1
_ARRAY, _DATACLASS = 1, 2
_DTYPES = {"<f4", "<f8", "<i8", "|b1"}
_TYPE_OF: dict[str, type] = {
    "AudioClip": music.AudioClip,
    "Frames": music.Frames,
    "Key": music.Key,
    "Chord": music.Chord,
    "ChordDoubt": doubts.ChordDoubt,
    "KeySection": doubts.KeySection,
    "CountedMetre": metre.CountedMetre,
    "Heard": music.Heard,
    "Diagnostic": diagnostics.Diagnostic,
    "Note": music.Note,
    "Part": music.Part,
    "Hit": music.Hit,
    "Hits": music.Hits,
    "Arrangement": music.Arrangement,
    "Dynamics": music.Dynamics,
    "Cue": music.Cue,
    "Score": music.Score,
    "ConductorState": music.ConductorState,
    "PlayerState": music.PlayerState,
    "Stem": music.Stem,
    "Term": continuation.Term,
    "SeamScore": continuation.SeamScore,
    "Hop": continuation.Hop,
    "JoinQuality": continuation.JoinQuality,
    "Continuation": continuation.Continuation,
    "Wish": continuation.ContinuationQuery,
    "Recording": described.IndexedRecording,
    "Described": described.Described,
}
"""Classes by tag. Tags are written into messages and ledgers, so they stay when a class is renamed."""
_TAG_OF = {kind: tag for tag, kind in _TYPE_OF.items()}

_NAMES = "surrogatepass"
"""How text that is not Unicode travels: file names may be any bytes."""
_DAMAGE = (ValueError, TypeError, AttributeError, OverflowError, RecursionError, msgpack.exceptions.UnpackException)

T = TypeVar("T")


class Message(bytes, Generic[T]):
    """A packed value of type T. For annotations only: `pack` returns plain bytes."""


def pack(value: T) -> Message[T]:
    """Encode one of the project's types, or a tuple or dictionary of them.

    Raises:
        WireError: it holds a value of another type.
    """
    try:
        packed: Message[T] = _packed({"ensemble": WIRE_VERSION, "message": value})
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(type(value).__name__, f"cannot be sent ({error})") from error
    return packed


def unpack(data: bytes, kind: type[T]) -> T:
    """Decode a message and check that it holds a `kind`.

    Raises:
        WireError: it is not a message, is of another version, holds another type, or its values do not fit together.
    """
    try:
        envelope = msgpack.unpackb(data, unicode_errors=_NAMES, ext_hook=_decode, use_list=False, strict_map_key=True)
    except WireError:
        raise
    except _DAMAGE as error:
        raise WireError("message", f"is damaged ({type(error).__name__}: {error})", "send it again") from error
    found = envelope.get("ensemble") if isinstance(envelope, dict) else None
    if found != WIRE_VERSION:
        raise WireError("message", f"is of version {found!r}, not {WIRE_VERSION}", "install one release everywhere")
    value = envelope.get("message")
    if not isinstance(value, kind):
        raise WireError("message", f"holds a {type(value).__name__}, not a {kind.__name__}")
    return value


def _packed(value: Any) -> Any:
    return msgpack.packb(value, default=_encode, strict_types=True, unicode_errors=_NAMES)


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, np.ndarray):
        array = np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")
        if array.dtype.str not in _DTYPES:
            raise TypeError(f"an array of {array.dtype}")
        return msgpack.ExtType(_ARRAY, msgpack.packb((array.dtype.str, array.shape, array.tobytes())))
    if tag := _TAG_OF.get(type(value)):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return msgpack.ExtType(_DATACLASS, _packed((tag, named)))
    if isinstance(value, (np.floating, np.integer)):
        return value.item()
    if isinstance(value, IntEnum):
        return int(value)
    raise TypeError(f"a {type(value).__name__}")


def _decode(code: int, data: bytes) -> Any:
    content = msgpack.unpackb(data, unicode_errors=_NAMES, ext_hook=_decode, use_list=False, strict_map_key=True)
    if not isinstance(content, tuple):
        raise WireError("message", f"extension {code} is malformed")
    if code == _ARRAY:
        dtype, shape, raw = content
        if dtype not in _DTYPES or not all(isinstance(length, int) and length >= 0 for length in shape):
            raise WireError("message", f"holds an array of {dtype!r} {shape!r}")
        if math.prod(shape) * np.dtype(dtype).itemsize != len(raw):
            raise WireError("message", f"holds an array of shape {shape!r} in {len(raw)} bytes")
        return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
    if code == _DATACLASS:
        tag, named = content
        if tag not in _TYPE_OF:
            raise WireError("message", f"holds an unknown type {tag!r}")
        return _TYPE_OF[tag](**named)
    raise WireError("message", f"holds an unknown extension {code}")
