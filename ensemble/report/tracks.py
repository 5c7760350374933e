"""The rows of the player: one sound each, with what was heard or played drawn below its waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble.audio.flac import Envelope
from ensemble.manifest import Manifest
from ensemble.mix.room import ROOM
from ensemble.report import facts, pictures
from ensemble.report.pictures import Axis, Tick
from ensemble.takes import AS_GIVEN
from ensemble.types.music import SILENCE_DB, Dynamics, Heard, Hits, Part

HUES = (250, 45, 150, 330, 95, 200, 295, 15)
"""One hue per part, far apart on the colour wheel; lightness and strength are the style sheet's."""
CENTRE_DB = -3.0103
"""The pan law lowers the leader by this, because it is panned to the centre."""


class Layer(NamedTuple):
    """One path of a picture."""

    look: str
    """Its class in the style sheet."""
    path: str
    """As SVG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One picture of a track."""

    kind: str
    """wave, pitch, drums or loudness."""
    caption: str
    """Its name beside the axis."""
    label: str
    """What it shows, for people who cannot see it."""
    layers: tuple[Layer, ...]
    """From the back to the front."""
    ticks: tuple[Tick, ...] = ()
    """Names on its vertical axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFile:
    """A sound of the render."""

    name: str
    """mix, leader, or the follower's name."""
    role: str
    """mix, leader or stem."""
    about: str
    """A few words beside its name."""
    wav: Path
    """The file."""
    gain_db: float
    """What brings it to its level in the mix."""
    hue: int = 250
    """Of its colour, in degrees."""


def sounds(folder: Path, take_name: str, manifest: Manifest) -> list[TrackFile]:
    """The mix, the leader, and every follower in the order of the band."""
    take, band = manifest.takes[take_name], manifest.plan.request.band
    bus_db = take.mix_gain_db
    leader_db = bus_db + band.mix.leader_gain_db + take.leader_lift_db + CENTRE_DB
    source = "as written" if manifest.plan.score_sha256 else "as recorded"
    leader = folder / "leader.wav"
    if take_name != AS_GIVEN:
        source, leader = f"{source}, and on", folder / take_name / "leader.wav"
    listed = [
        TrackFile(name="mix", role="mix", about="mastered", wav=folder / take_name / "mix.wav", gain_db=0.0),
        TrackFile(name="leader", role="leader", about=source, wav=leader, gain_db=leader_db),
    ]
    for index, follower in enumerate(band.followers):
        instrument = facts.spoken(follower.instrument)
        words = dict.fromkeys((instrument, follower.role))  # a drummer's role is its instrument
        about = ", ".join(word for word in words if word != follower.name)
        wav, hue = folder / take_name / "stems" / f"{follower.name}.wav", HUES[index % len(HUES)]
        listed.append(TrackFile(name=follower.name, role="stem", about=about, wav=wav, gain_db=bus_db, hue=hue))
    if band.mix.room is not None and ROOM in take.facts:  # a part may be called so where there is none
        wav = folder / take_name / "stems" / f"{ROOM}.wav"
        listed.append(TrackFile(name=ROOM, role="stem", about="of all parts", wav=wav, gain_db=bus_db))
    return listed


def draw(
    listed: Sequence[TrackFile],
    envelopes: Sequence[Envelope],
    heard: Heard,
    parts: Sequence[Part | Hits],
    dynamics: Dynamics,
    duration_s: float,
) -> list[list[Lane]]:
    """Draw the pictures of every sound, from top to bottom."""
    lanes_of = _Lanes(heard, dynamics, duration_s)
    played = {part.name: part for part in parts}
    drawn = []
    for sound, envelope in zip(listed, envelopes, strict=True):
        lanes = [_wave(sound, envelope)]
        if sound.role == "leader":
            lanes += [lanes_of.leader_pitch(), lanes_of.leader_loudness()]
        elif sound.role == "stem":
            part = played.get(sound.name)
            lanes += [lanes_of.drums(part)] if isinstance(part, Hits) and part.hits else []
            lanes += [lanes_of.pitch(part)] if isinstance(part, Part) else []
            lanes += [lanes_of.loudness(sound.name)] if sound.name in dynamics.parts else []
        drawn.append(lanes)
    return drawn


def _wave(sound: TrackFile, envelope: Envelope) -> Lane:
    layer = Layer("wave", pictures.wave(envelope))
    return Lane(kind="wave", caption="", label=f"Waveform of {sound.name}", layers=(layer,))


def _rules(ticks: tuple[Tick, ...]) -> Layer:
    return Layer("rule", pictures.rules(ticks))


class _Lanes:
    """Draws pitch, drums and loudness of one take, on one time axis and one loudness axis, with the leader behind."""

    def __init__(self, heard: Heard, dynamics: Dynamics, duration_s: float) -> None:
        self._dynamics = dynamics
        self._duration_s = duration_s
        self._leader_midi = pictures.midi(heard.frames.f0_hz)
        leader_db = pictures.smooth(heard.frames.loudness_db)
        self._loudness_axis = pictures.loudness_axis([leader_db, dynamics.loudness_db])
        self._leader_level = self._level_curve(leader_db)

    def leader_pitch(self) -> Lane:
        axis = pictures.pitch_axis(self._leader_midi)
        line = Layer("line", self._pitch_curve(self._leader_midi, axis))
        return self._pitch_lane("Pitch of the leader", axis, line)

    def leader_loudness(self) -> Lane:
        return self._loudness_lane("Loudness of the leader", Layer("line", self._leader_level))

    def pitch(self, part: Part) -> Lane:
        is_sounding = (part.f0_hz > 0) & (part.level_db > SILENCE_DB)
        voices = pictures.midi(np.where(is_sounding, part.f0_hz, 0.0))
        axis = pictures.pitch_axis(voices, self._leader_midi)
        return self._pitch_lane(
            f"Pitch of {part.name} against the leader",
            axis,
            Layer("leader", self._pitch_curve(self._leader_midi, axis)),
            Layer("note", pictures.notes(part.notes, axis, self._duration_s)),
            Layer("line", "".join(self._pitch_curve(voice, axis) for voice in voices)),
        )

    def drums(self, hits: Hits) -> Lane:
        paths = pictures.strokes(hits, self._duration_s)
        layers = tuple(Layer(f"dot dot-{size}", path) for size, path in enumerate(paths, 1) if path)
        label = f"Strokes of {hits.name}: {len(hits.hits)}"
        return Lane(kind="drums", caption="Strokes", label=label, layers=layers, ticks=tuple(pictures.drum_ticks(hits)))

    def loudness(self, name: str) -> Lane:
        axis, start = self._loudness_axis, self._dynamics.start_frame
        row = self._dynamics.parts.index(name)
        low, high = self._dynamics.low_db[row], self._dynamics.high_db[row]
        level = pictures.smooth(self._dynamics.row(name))
        return self._loudness_lane(
            f"Dynamics of {name}, with the range expected, against the leader's loudness",
            Layer("leader", self._leader_level),
            Layer("band", pictures.band(low, high, axis, self._duration_s, start)),
            Layer("line", self._level_curve(level, start)),
        )

    def _pitch_curve(self, pitch: pictures.Values, axis: Axis) -> str:
        is_inside = (pitch >= axis.low) & (pitch <= axis.high)
        return pictures.curve(np.where(is_inside, pitch, np.nan), axis, self._duration_s, max_step=1.0)

    def _level_curve(self, level_db: pictures.Values, start_frame: int = 0) -> str:
        """A loudness curve, with gaps where it is below the axis."""
        shown = np.where(level_db > self._loudness_axis.low, level_db, np.nan)
        return pictures.curve(shown, self._loudness_axis, self._duration_s, start_frame)

    def _pitch_lane(self, label: str, axis: Axis, *layers: Layer) -> Lane:
        ticks = tuple(pictures.pitch_ticks(axis))
        return Lane(kind="pitch", caption="Pitch", label=label, layers=(_rules(ticks), *layers), ticks=ticks)

    def _loudness_lane(self, label: str, *layers: Layer) -> Lane:
        ticks = tuple(pictures.loudness_ticks(self._loudness_axis))
        layers = (_rules(ticks), *layers)
        return Lane(kind="loudness", caption="Loudness, dB", label=label, layers=layers, ticks=ticks)
