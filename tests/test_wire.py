"""Messages come back as they were, and anything else is refused in one line."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ensemble.errors import WireError
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.doubts import ChordDoubt, KeySection
from ensemble.types.music import Chord, Cue, Frames, Heard, Hit, Key, PlayerState, Stem
from ensemble.wire import pack, unpack

floats = st.floats(-1e6, 1e6, width=32)


def same(left: object, right: object) -> bool:
    """Equal values, arrays included, of equal types."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and np.array_equal(left, right)
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in dataclasses.fields(left))
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


@st.composite
def cues(draw: st.DrawFn) -> Cue:
    voices, frames = draw(st.integers(0, 6)), draw(st.integers(0, 50))
    grid = arrays.arrays(np.float32, (voices, frames), elements=floats)
    hits = st.builds(
        Hit, time_s=st.floats(0, 1e4), drum=st.just("kick"), velocity=st.floats(0, 1), index=st.integers(0, 2**40)
    )
    return Cue(
        part=draw(st.text(max_size=20)),
        start_frame=draw(st.integers(0, 2**40)),
        f0_hz=draw(grid),
        level_db=draw(grid),
        loudness_db=draw(arrays.arrays(np.float32, frames, elements=floats)),
        hits=tuple(draw(st.lists(hits, max_size=4))),
        is_last=draw(st.booleans()),
    )


@given(cues())
def test_a_cue_survives_the_trip(cue: Cue) -> None:
    assert same(unpack(pack(cue), Cue), cue)


@given(
    st.dictionaries(st.text(max_size=8), arrays.arrays(np.float64, arrays.array_shapes(max_side=5), elements=floats))
)
def test_a_state_keeps_its_memory(memory: dict[str, np.ndarray]) -> None:
    state = PlayerState(next_sample=9600, memory=memory)
    assert same(unpack(pack(state), PlayerState), state)


def test_heard_survives_the_trip() -> None:
    frames = Frames(
        f0_hz=np.array([0, 440], np.float32),
        loudness_db=np.array([-100, -20], np.float32),
        confidence=np.array([0, 1], np.float32),
        onset=np.array([0, 2], np.float32),
        chroma=np.eye(12, 2, dtype=np.float32),
    )
    heard = Heard(
        frames=frames, beats_s=np.array([0.0, 0.5]), tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0,
        key=Key(tonic=9, mode="minor"), chords=(Chord(root=9, quality="min"),) * 2, tuning_cents=-3.5,
        diagnostics=(Diagnostic(code="several_notes", text="w"),),
        chord_doubts=(ChordDoubt(confidence=0.5, other=Chord(root=0, quality="maj")),) * 2,
        key_sections=(KeySection(start_beat=0, key=Key(tonic=9, mode="minor"), confidence=0.5),),
    )  # fmt: skip
    assert same(unpack(pack(heard), Heard), heard)


@pytest.mark.parametrize("name", ["caf\udce9.wav", "\ud800", "naïve ♫"])
def test_a_file_name_of_any_bytes_survives_the_trip(name: str) -> None:
    assert unpack(pack({"name": name}), dict) == {"name": name}


def test_arrays_arrive_as_private_copies_that_can_be_written() -> None:
    state = unpack(pack(PlayerState(memory={"phase": np.zeros(2)})), PlayerState)
    state.memory["phase"][0] = 1.0
    assert state.memory["phase"][0] == 1.0


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data, Cue)


@given(cues(), st.data())
def test_a_damaged_message_is_refused_or_still_a_cue(cue: Cue, data: st.DataObject) -> None:
    message = bytearray(pack(cue))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(message)))
    for damaged in (bytes(message), bytes(message[:cut])):
        with contextlib.suppress(WireError):
            assert isinstance(unpack(damaged, Cue), Cue)


def test_another_kind_is_refused_by_name() -> None:
    with pytest.raises(WireError, match="holds a PlayerState, not a Stem"):
        unpack(pack(PlayerState()), Stem)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble.wire.WIRE_VERSION", 999)
    message = pack(PlayerState())
    monkeypatch.undo()
    with pytest.raises(WireError, match="version 999"):
        unpack(message, PlayerState)


def test_what_has_no_place_in_a_message_is_refused() -> None:
    with pytest.raises(WireError, match="cannot be sent"):
        pack({"function": print})


def test_a_chord_of_the_release_before_slash_basses_is_read() -> None:
    packed = b"\x82\xa8ensemble\x01\xa7message\xc7\x1b\x02\x92\xa5Chord\x82\xa4root\x02\xa7quality\xa4min7"
    assert unpack(packed, Chord) == Chord(root=2, quality="min7")
    slash = Chord(root=2, quality="hdim7", bass=0)
    assert unpack(pack(slash), Chord) == slash
