"""A written melody as a leader: what the band is to understand of it, exactly, and how it sounds."""

from __future__ import annotations

import math

import numpy as np

from ensemble import clock
from ensemble.config import FollowerSettings
from ensemble.listen.bars import first_bar
from ensemble.listen.harmony import find_chords
from ensemble.listen.keys import find_key
from ensemble.listen.understanding import per_beat, understand, with_neighbours
from ensemble.scores.melody import PLAIN_VELOCITY, Melody, MelodyNote, tempo_map
from ensemble.scores.pulse import Pulse, pulse_of
from ensemble.threads import one_thread
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import SILENCE_DB, AudioClip, Cue, FloatArray, Frames, Heard

LEVEL_DB = -26.0
"""Of a plain note: with arch and accents as loud as a recording, and no voice has to limit itself to get there."""
ARCH_DB, ACCENT_DB, DB_PER_VELOCITY = 4.0, 2.0, 0.15
"""How far a phrase rises to its middle, a downbeat stands out, a step of velocity is worth."""
FADE_DB_PER_S = 4.0
ATTACK_DB, RELEASE_DB, SLUR_DB = 12.0, 30.0, 4.0
"""How far below a note its first frame begins; how far it falls before a rest or its own repetition, and before
another note."""
EDGE_FRAMES = 5
"""Length of an attack, and of a release, both inside the written note."""
VIBRATO_HZ, VIBRATO_CENTS = 5.3, 12.0
"""Of the sound, around the written pitch. Measured: without any, pitch trackers hear a tenth of a bright steady tone an
octave high; with it, none."""
BLOCK_FRAMES = 1000
LEADERS = ("flute", "violin", "clarinet", "viola", "tenor_sax", "cello", "double_bass")
"""Who may play a melody, from high to low."""


def melody_frames(melody: Melody) -> Frames:
    """A melody as the listener would hear a perfect recording of it; rests at its end belong to it.

    f0 is the written pitch at 440 Hz, from the first to the last frame of each note and nowhere else. Loudness has an
    arch over each phrase, accents on beats and downbeats, the score's velocities, and a dip before the next note.
    Onset strength is 1 where a plain note begins.
    """
    pulse = pulse_of(melody)
    num_frames = math.ceil(melody.duration_s * clock.FRAME_RATE_HZ - 1e-6)
    f0_hz = np.zeros(num_frames, np.float32)
    loudness_db = np.full(num_frames, SILENCE_DB, np.float32)
    onset = np.zeros(num_frames, np.float32)
    chroma = np.zeros((12, num_frames), np.float32)
    notes = melody.notes
    starts = [round(note.onset_s * clock.FRAME_RATE_HZ) for note in notes] + [num_frames]
    arches, accents = _arches(notes), pulse.accents()
    bend_semitones, shade_db = _shades(melody, num_frames)
    for index, note in enumerate(notes):
        start = starts[index]
        stop = min(max(round(note.stop_s * clock.FRAME_RATE_HZ), start + 1), starts[index + 1])
        if stop <= start:
            continue  # shorter than a frame, and another note stands in it
        level_db = LEVEL_DB + DB_PER_VELOCITY * (note.velocity - PLAIN_VELOCITY)
        level_db += ARCH_DB * arches[index] + ACCENT_DB * accents.get(note.onset, 0.0)
        goes_on = index + 1 < len(notes) and starts[index + 1] == stop
        is_slur = goes_on and notes[index + 1].pitch_midi != note.pitch_midi
        loudness_db[start:stop] = (
            level_db + shade_db[start:stop] + _envelope_db(stop - start, SLUR_DB if is_slur else RELEASE_DB)
        )
        pitch_midi = np.clip(note.pitch_midi + bend_semitones[start:stop], 0, 127)
        f0_hz[start:stop] = 440.0 * 2.0 ** ((pitch_midi - 69) / 12)
        chroma[np.rint(pitch_midi).astype(np.int64) % 12, np.arange(start, stop)] = 1.0
        onset[start] = note.velocity / PLAIN_VELOCITY
    np.maximum(loudness_db, SILENCE_DB, out=loudness_db)
    confidence = (f0_hz > 0).astype(np.float32)
    return Frames(f0_hz=f0_hz, loudness_db=loudness_db, confidence=confidence, onset=onset, chroma=chroma)


@one_thread()
def hear_melody(melody: Melody) -> Heard:
    """What there is to understand of a score: beats from its metre and tempo, its key, chords that fit the notes.

    The key is found in the notes where the score names none. Everything assumed is a diagnostic.
    """
    frames = melody_frames(melody)
    pulse = pulse_of(melody)
    edges_s = [0.0, *pulse.times_s[1:], max(frames.num_frames / clock.FRAME_RATE_HZ, pulse.times_s[-1])]
    beat_chroma = per_beat(frames.chroma, np.rint(np.array(edges_s) * clock.FRAME_RATE_HZ).astype(np.int64))
    key = melody.key or find_key(beat_chroma.sum(axis=1), beat_chroma[:, -4:].sum(axis=1))
    found = [*melody.diagnostics]
    if not melody.is_performed:
        found += [Diagnostic(code="metre_simplified", text=text) for text in pulse.warnings]
    if melody.tempo_assumed and not melody.is_performed:
        text = f"The score names no tempo that can be read: {melody.quarter_bpm:g} quarters a minute are assumed."
        found.append(Diagnostic(code="tempo_assumed", text=text))
    if melody.key is None:
        text = f"The score names no key: {key} is found in its notes."
        found.append(Diagnostic(code="key_assumed", text=text))
    if melody.is_performed:
        meant = understand(frames, pulse.times_s, 0.0, follows_pitch=True, key=key)
        return Heard(
            frames=frames, beats_s=pulse.times_s, tempo_bpm=pulse.tempo_bpm, tuning_cents=0.0,
            diagnostics=tuple(found), **meant.fields,
        )  # fmt: skip
    keys = (key,) * len(pulse.times_s)
    return Heard(
        frames=frames,
        beats_s=pulse.times_s,
        tempo_bpm=pulse.tempo_bpm,
        beats_per_bar=pulse.beats_per_bar,
        first_downbeat=_bar_one(frames, pulse),
        key=key,
        chords=find_chords(with_neighbours(beat_chroma), keys, pulse.beats_per_bar, pulse.first_downbeat).chords,
        tuning_cents=0.0,
        diagnostics=tuple(found),
        beat_division=pulse.beat_division,
        written_metre=pulse.metre,
        bar_starts=pulse.bar_starts,
        metre_changes=pulse.metre_changes,
    )


@one_thread()
def play_melody(melody: Melody, sample_rate: int) -> AudioClip:
    """Sound a melody with the naive voice of an instrument whose range it fits: mono, whole frames, always the same.

    The pitch has a slight vibrato around the written one.

    Raises:
        ConfigError: the rate is unknown.
    """
    from ensemble.play.player import make_player

    frames = melody_frames(melody)
    part = FollowerSettings(name="melody", instrument=leader_instrument(melody), role="double", voice="naive")
    turn = 2 * np.pi * VIBRATO_HZ / clock.FRAME_RATE_HZ * np.arange(frames.num_frames)
    f0_hz = (frames.f0_hz * 2.0 ** (VIBRATO_CENTS / 1200 * np.sin(turn))).astype(np.float32)
    player = make_player(part, sample_rate, seed=0)
    state, pieces = player.start(), []
    for block in clock.blocks(frames.num_frames, BLOCK_FRAMES):
        inside = slice(block.start_frame, block.stop_frame)
        cue = Cue(
            part=part.name,
            start_frame=block.start_frame,
            f0_hz=f0_hz[None, inside],
            level_db=np.zeros((1, block.num_frames), np.float32),
            loudness_db=frames.loudness_db[inside],
            is_last=block.is_last,
        )
        stem, state = player.play(cue, state)
        pieces.append(stem.clip.samples)
    return AudioClip(samples=np.concatenate(pieces, axis=1), sample_rate=sample_rate)


def leader_instrument(melody: Melody) -> str:
    """The score's own instrument where the catalogue has it, or else the one that the notes suit best."""
    own = [name for name in LEADERS if CATALOGUE[name].program == melody.program]
    pitches = sorted(note.pitch_midi for note in melody.notes)
    middle = pitches[len(pitches) // 2]

    def unease(name: str) -> tuple[int, float]:
        low, high = CATALOGUE[name].range_midi
        return sum(not low <= pitch <= high for pitch in pitches), abs(middle - (low + high) / 2)

    return min(own or LEADERS, key=unease)


def _bar_one(frames: Frames, pulse: Pulse) -> int:
    """The first downbeat from where the melody begins on; see `first_bar`."""
    if not pulse.bar_starts:
        return first_bar(frames, pulse.times_s, pulse.beats_per_bar, pulse.first_downbeat)
    silent = next((beat for beat, at_s in enumerate(pulse.times_s.tolist()) if frames.sounds_at(at_s)), 0)
    return next((beat for beat in pulse.bar_starts if beat >= silent), pulse.bar_starts[-1])


def _envelope_db(num_frames: int, release_db: float) -> FloatArray:
    """One note against its level: a quick rise, a slow fade, a quick fall, within the frames it has.  [frames]"""
    edge = min(EDGE_FRAMES, num_frames // 3)
    frame = np.arange(num_frames)
    envelope = -FADE_DB_PER_S * frame / clock.FRAME_RATE_HZ
    if edge:
        envelope -= ATTACK_DB * np.maximum(1 - (frame + 1) / edge, 0.0)
        envelope -= release_db * np.maximum((frame - num_frames + edge + 1) / edge, 0.0)
    return np.maximum(envelope, -RELEASE_DB - ATTACK_DB).astype(np.float32)


def _shades(melody: Melody, num_frames: int) -> tuple[FloatArray, FloatArray]:
    """Bend in semitones and level in dB of every frame; 0 until the melody says otherwise.  [frames] each"""
    starts_s = tempo_map(melody.tempos).seconds([float(one.at) for one in melody.shading])
    begun = np.searchsorted(starts_s, np.arange(num_frames) / clock.FRAME_RATE_HZ + 1e-6, side="right")
    bend = np.array([0.0, *(one.bend_semitones for one in melody.shading)], np.float32)
    level = np.array([0.0, *(one.level_db for one in melody.shading)], np.float32)
    return bend[begun], level[begun]


def _arches(notes: tuple[MelodyNote, ...]) -> list[float]:
    """Where each note stands in its phrase: 0 at both ends, 1 in the middle."""
    begins: dict[int, float] = {}
    ends: dict[int, float] = {}
    for note in notes:
        begins.setdefault(note.phrase, note.onset_s)
        ends[note.phrase] = note.onset_s
    spans = {phrase: max(ends[phrase] - begin, 1e-9) for phrase, begin in begins.items()}
    return [math.sin(math.pi * (note.onset_s - begins[note.phrase]) / spans[note.phrase]) for note in notes]
