"""Melodies from MIDI files: one voice is chosen, its top line followed, and both are said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from ensemble.errors import DataError
from ensemble.scores.labels import BEAT_TICKS, FoundBeats, key_by_notes, metre_by_notes, performance_of
from ensemble.scores.melody import (
    Melody,
    Shading,
    TempoMark,
    Tone,
    placed,
    refuse_endless,
    simplified,
    tempo_map,
)  # fmt: skip
from ensemble.scores.midi_reader import MidiScore, read_midi
from ensemble.scores.midi_time import USUAL_TEMPO, Labels, bars_of, labels_of
from ensemble.scores.midi_voices import MidiVoice, TickNote, voices_of, why_no_voices
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.harmony import Key

MELODY_WORDS = ("melod", "vocal", "voice", "voix", "sing", "lead", "solo", "gesang", "tune")
_TEXT, _LYRIC = 0x01, 0x05
MIN_WORDS = 12
"""Fewer are a title or a remark."""
SUNG = 0.5
"""From this fit of its notes with the words on, a voice is sung."""
MAX_PITCH_MIDI = 127
MIN_SHARE = 0.5
"""A voice that sounds for less than this share of the busiest one is an ornament, not the melody."""
PHRASE_REST_QUARTERS = Fraction(1, 2)
"""A rest this long ends a phrase: MIDI has no other sign for it."""


class MidiPiece(NamedTuple):
    """A MIDI file as music: its voices, and when and in which key they are."""

    score: MidiScore
    voices: list[MidiVoice]
    """At least one."""
    labels: Labels
    """What the file says, where its notes do not contradict it."""
    key: Key | None
    """Its key; None where it names none."""
    tempos: list[TempoMark]
    """Of the file, or the usual one."""
    performance: FoundBeats | None
    """The beats of the notes, where these contradict the file's."""
    diagnostics: list[Diagnostic]
    """What was damaged, left out or contradicted."""


def parse_midi(content: bytes, what: str) -> Melody:
    """Read the melody in the bytes of a MIDI file; `what` stands for it in errors.

    Of several voices (a channel of a track) the one that the file's words are sung to is taken, or the one whose track
    is named like a melody, or else the highest of those that sound long enough; where its notes overlap, the top line.
    Which, and what was left out, is said in `diagnostics`. Drums are no melody. The pedal, pitch bend and volume of the
    voice are followed.

    Raises:
        DataError: it is no MIDI, has no notes, or lasts too long.
    """
    piece = midi_piece(content, what)
    voice, chosen = choose(piece.voices, sung_at(piece.score))
    return melody_of(piece, voice, what, chosen)


def midi_piece(content: bytes, what: str) -> MidiPiece:
    """Read the bytes of a MIDI file; `what` stands for it in errors.

    Raises:
        DataError: it is no MIDI file, has no notes, or is silent.
    """
    score = read_midi(content, what)
    said = [*score.diagnostics]
    voices = voices_of(score, said)
    if not voices:
        raise DataError(what, why_no_voices(score), "give a MIDI file with a melody")
    audible = [voice for voice in voices if not voice.is_silent]
    if not audible:
        raise DataError(what, "is silent, the volume of its channels is 0", "raise it, or give another file")
    if num_silent := len(voices) - len(audible):
        said.append(simplified(f"{num_silent} of its voices are silent, their volume is 0."))
        voices = audible
    labels = labels_of(score)
    said += labels.diagnostics
    key = key_by_notes(labels, voices, score, said)
    tempos = labels.tempos or [USUAL_TEMPO]
    performance = performance_of(labels, tempos, voices, score, said)
    if performance is None:
        metres, pickup = metre_by_notes(labels, voices, score, said)
        labels = labels._replace(metres=metres, pickup=pickup)
    return MidiPiece(score, voices, labels, key, tempos, performance, said)


def melody_of(piece: MidiPiece, voice: MidiVoice, what: str, said: Sequence[Diagnostic] = ()) -> Melody:
    """The top line of one voice, in the time of its piece.

    Args:
        piece: from `midi_piece`.
        voice: one of its voices.
        what: stands for the file in errors.
        said: what is to be said of the choice of the voice.

    Raises:
        DataError: it lasts too long.
    """
    line, num_below = top_line(voice.notes)
    diagnostics = [*piece.diagnostics, *said]
    if num_below:
        text = f"{num_below} of {len(voice.notes)} notes sound below others: the top line is followed."
        diagnostics.append(simplified(text))
    bent = voice.bent_pitches()
    if bent.min() < 0 or bent.max() > MAX_PITCH_MIDI:
        diagnostics.append(simplified("Notes are bent out of the range of MIDI: they are held at its end."))
    if voice.unplayed:
        diagnostics.append(simplified(f"Not played: {', '.join(voice.unplayed)}."))
    at: Callable[[int], Fraction] = piece.score.quarters
    refuse_endless(float(tempo_map(piece.tempos).seconds(float(at(line[-1].stop)))), what)
    if piece.performance is not None:
        at = _by_beats(piece)
    tempos = piece.performance.tempos if piece.performance else piece.tempos
    tones = [Tone(at(note.start), at(note.stop) - at(note.start), note.pitch_midi, note.velocity) for note in line]
    tones = [tone for tone in tones if tone.length > 0]
    if not tones:
        raise DataError(what, "has no notes that last", "give a MIDI file with a melody")
    length = tones[-1].onset + tones[-1].length
    metres = [] if piece.performance else piece.labels.metres
    return Melody(
        notes=placed(_phrased(tones), tempos),
        length=length,
        tempos=tuple(tempos),
        metres=tuple(metres),
        bars=tuple(bars_of(metres, piece.labels.pickup, length)),
        key=piece.key,
        program=voice.program,
        tempo_assumed=not piece.labels.tempos or piece.score.counts_seconds,
        shading=tuple(Shading(at(one.tick), one.bend_semitones, one.level_db) for one in voice.settings),
        is_performed=piece.performance is not None,
        diagnostics=tuple(diagnostics),
    )


def sung_at(score: MidiScore) -> frozenset[int]:
    """The ticks of the words, in lyrics or as karaoke files write them; empty where there are few."""
    ticks = frozenset(
        meta.tick
        for track in score.tracks
        for meta in track.metas
        if meta.kind in (_TEXT, _LYRIC) and meta.tick and not meta.content.startswith(b"@")
    )
    return ticks if len(ticks) >= MIN_WORDS else frozenset()


def choose(voices: list[MidiVoice], words: frozenset[int] = frozenset()) -> tuple[MidiVoice, list[Diagnostic]]:
    """The voice that carries the melody, see `parse_midi`; and that it was chosen, where there are others."""
    if len(voices) == 1:
        return voices[0], []
    fitting = [_fit({note.start for note in voice.notes}, words) for voice in voices]
    sung = [index for index, fit in enumerate(fitting) if fit >= SUNG and fit == max(fitting)]
    sounding = [sum(note.stop - note.start for note in voice.notes) for voice in voices]
    named = [index for index, voice in enumerate(voices) if any(word in voice.name.lower() for word in MELODY_WORDS)]
    steady = [index for index, total in enumerate(sounding) if total >= MIN_SHARE * max(sounding)]

    def height(index: int) -> float:
        weighted = sum(note.pitch_midi * (note.stop - note.start) for note in voices[index].notes)
        return weighted / max(sounding[index], 1)

    chosen = max(sung or named or steady, key=height)
    label = f"{voices[chosen].name!r}, voice {chosen + 1}" if voices[chosen].name else f"voice {chosen + 1}"
    return voices[chosen], [simplified(f"Of {len(voices)} voices one is followed: {label}.")]


def _fit(starts: set[int], words: frozenset[int]) -> float:
    """How well notes begin with words, 0 to 1: the share of both that they have in common."""
    return 2 * len(starts & words) / (len(starts) + len(words))


def top_line(notes: Iterable[TickNote]) -> tuple[list[TickNote], int]:
    """Follow the top line.

    A note ends where a higher one begins. A lower one that begins under a held note is left out, unless it only laps
    over it, as slurred notes do: where the held note is more than half over, and the new one goes on for longer than
    they share. What counts is how long keys are held; then the pedal lets each note ring until the next one.

    Returns:
        The line, no two notes at once; and how many notes were left out.
    """
    line: list[TickNote] = []
    num_below = 0
    for note in sorted(notes, key=lambda one: (one.start, -one.pitch_midi, -one.stop)):
        held = line[-1] if line else None
        if held is None or (note.start >= held.stop and note.start > held.start):
            line.append(note)
        elif note.start > held.start and (note.pitch_midi > held.pitch_midi or _laps(held, note)):
            line[-1] = held._replace(stop=note.start, rings_until=note.start)
            line.append(note)
        else:
            num_below += 1
    following = [*(note.start for note in line[1:]), max(note.rings_until for note in line)]
    return [
        note._replace(stop=min(max(note.rings_until, note.stop), start))
        for note, start in zip(line, following, strict=True)
    ], num_below


def _laps(held: TickNote, note: TickNote) -> bool:
    shared = held.stop - note.start
    return 2 * shared < held.stop - held.start and 2 * shared < note.stop - note.start


def _phrased(tones: list[Tone]) -> list[Tone]:
    """Number the phrases: a rest parts two."""
    phrase = 0
    numbered = tones[:1]
    for before, after in pairwise(tones):
        phrase += after.onset - before.onset - before.length >= PHRASE_REST_QUARTERS
        numbered.append(after._replace(phrase=phrase))
    return numbered


def _by_beats(piece: MidiPiece) -> Callable[[int], Fraction]:
    """Places of ticks in quarters that are the beats of a performance."""
    own = tempo_map(piece.tempos)
    found = tempo_map(piece.performance.tempos if piece.performance else piece.tempos)

    def at(tick: int) -> Fraction:
        seconds = own.seconds(tick / piece.score.ticks_per_quarter)
        return Fraction(int(found.ticks(seconds, BEAT_TICKS)), BEAT_TICKS)

    return at
