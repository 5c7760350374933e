"""A take of a solo piece: its score with a person's time and touch; no two takes agree to the sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensemble.audio.files import PEAK_CEILING
from ensemble.audio.loudness import integrated_lufs
from ensemble.clock import hop_samples
from ensemble.data.compose import fluidsynth, midi
from ensemble.data.compose.performance import play_voices
from ensemble.data.compose.solo.outline import SoloOrder, solo_piece
from ensemble.data.compose.solo.solo import write_solo
from ensemble.data.compose.tempo import CLOCK
from ensemble.types.music import FloatArray
from ensemble.types.tempo_map import TempoMap

LOUDEST_LUFS = -17.5
LEVEL_SHARE = 0.8
"""A recording is not as much softer as the player was: somebody turned it up."""
FADE_S = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class SoloTake:
    """One take."""

    samples: FloatArray
    """Mono, at `fluidsynth.RENDER_RATE_HZ`.  [samples]"""
    tempo: TempoMap
    """Where every quarter of the score lies."""


def play_take(
    order: SoloOrder,
    number: int,
    soundfont: Path,
    *,
    semitones: int = 0,
    tempo_ratio: float = 1.0,
    is_relative: bool = False,
) -> SoloTake:
    """Compose a piece and play it once.

    Args:
        order: what is asked for.
        number: of the take; each has its own timing and touch.
        soundfont: SF2 or SF3.
        semitones: how far the piece is transposed.
        tempo_ratio: 1.05 is 5 % faster than written.
        is_relative: whether the instrument's nearest relative plays instead.

    Raises:
        DataError: FluidSynth cannot render it.
    """
    piece = solo_piece(order, number, tempo_ratio)
    (part,) = piece.parts
    if is_relative:
        player = part.player
        part = replace(part, player=replace(player, spec=replace(player.spec, program=player.other_program)))
    notes = [replace(note, pitch_midi=note.pitch_midi + semitones) for note in write_solo(piece)]
    tracks = [midi.lead_track(piece.metre, CLOCK)]
    tracks += [
        midi.player_track(performance, CLOCK, channel)
        for channel, performance in enumerate(play_voices(piece, part, notes, number))
    ]
    rate = fluidsynth.RENDER_RATE_HZ
    samples = fluidsynth.render(tracks, soundfont, piece.num_frames * hop_samples(rate), rate)
    fade = np.linspace(1.0, 0.0, round(FADE_S * rate), dtype=np.float32)
    samples[-len(fade) :] *= fade
    gain = 10 ** ((LOUDEST_LUFS + LEVEL_SHARE * order.level_db - integrated_lufs([samples[None]], rate)) / 20)
    level = np.float32(min(gain, PEAK_CEILING / float(np.abs(samples).max())))  # peaks at most at -1 dBFS
    return SoloTake(samples=samples * level, tempo=piece.tempo)
