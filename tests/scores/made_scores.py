"""Random scores: melodies, the kern and MIDI of one, and files with all that programs write around their notes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ensemble.scores.melody import Melody, MetreMark, TempoMark, Tone, placed
from tests.scores.midi_bytes import Event, control, key, meta, metre, notes, smf, tempo, track

RESTS = (0, 0, 0, Fraction(1, 2), 1, Fraction(7, 4), Fraction(1, 3))
LENGTHS = (Fraction(1, 12), Fraction(1, 5), Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), 1,
           Fraction(3, 2), 2, Fraction(5, 2), 4)  # fmt: skip
METRES = ((4, 4), (3, 4), (6, 8), (12, 8), (2, 2), (5, 8))
STEPS = ("c", "c#", "d", "e-", "e", "f", "f#", "g", "a-", "a", "b-", "b")
OTHER_STEPS = ("b#", "d-", "c##", "d#", "f-", "e#", "g-", "a--", "g#", "b--", "a#", "c-")


def made_melody(rng: np.random.Generator) -> Melody:
    """A line of one to twenty notes, of any length and with rests."""
    tones, now = [], Fraction(0)
    for _ in range(rng.integers(1, 21)):
        now += Fraction(RESTS[rng.integers(len(RESTS))])
        length = Fraction(LENGTHS[rng.integers(len(LENGTHS))])
        tones.append(Tone(now, length, int(rng.integers(128)), int(rng.integers(1, 128))))
        now += length
    places = sorted({0, *rng.integers(1, 30, rng.integers(0, 4)).tolist()})
    tempos = [TempoMark(Fraction(place), Fraction(int(rng.integers(30, 300)))) for place in places]
    return Melody(
        notes=placed(tones, tempos), length=now, tempos=tuple(tempos),
        metres=(MetreMark(Fraction(0), *METRES[rng.integers(len(METRES))]),),
    )  # fmt: skip


def kern_of(melody: Melody, rng: np.random.Generator) -> str:
    """A melody in kern: notes that cross a bar line are tied, black keys are spelt either way."""
    bar = melody.metres[0].bar
    lines = ["**kern", f"*M{melody.metres[0].beats}/{melody.metres[0].unit}", "=1"]
    marks, now = list(melody.tempos), Fraction(0)

    def write(length: Fraction, pitch_midi: int | None) -> None:
        nonlocal now
        end = now + length
        number = _spelled(pitch_midi, rng) if pitch_midi is not None else "r"
        began = now
        while now < end:
            while marks and marks[0].at <= now:
                lines.append(f"*MM{marks.pop(0).quarter_bpm}")
            stops = [(now // bar + 1) * bar, end, *(mark.at for mark in marks[:1])]
            stop = min(stops)
            ties = ("[" if now == began else "_", "]") if stop < end else ("", "]" if now > began else "")
            tie = ties[0] if stop < end else ties[1]
            lines.append(_recip(stop - now) + number + (tie if pitch_midi is not None else ""))
            now = stop
            if now % bar == 0:
                lines.append(f"={now // bar + 1}")

    for note in melody.notes:
        if note.onset > now:
            write(note.onset - now, None)
        write(note.length, note.pitch_midi)
    return "\n".join([*lines, "*-"])


def _recip(length: Fraction) -> str:
    """A length in quarters as kern writes it: 4 is a quarter, 3%2 two thirds of a whole."""
    share = length / 4
    return str(share.denominator) if share.numerator == 1 else f"{share.denominator}%{share.numerator}"


def _spelled(pitch_midi: int, rng: np.random.Generator) -> str:
    """The name of a pitch, in one of its two spellings."""
    spelling = (STEPS, OTHER_STEPS)[rng.integers(2)][pitch_midi % 12]
    octave = pitch_midi // 12 - 1
    octave += {"b#": -1, "c-": 1}.get(spelling, 0)
    letter = spelling[0] * (octave - 3) if octave >= 4 else spelling[0].upper() * (4 - octave)
    return letter + spelling[1:]


def made_midi(rng: np.random.Generator) -> bytes:
    """A file as programs write them: several tracks, with names, words, controllers and all that."""
    division = int(rng.choice([24, 96, 220, 384, 480, 960]))
    bpm, beats = float(rng.uniform(40, 220)), int(rng.choice([2, 3, 4, 6]))
    first: list[Event] = [
        meta(3, b"A song"), meta(2, "© nobody".encode("latin-1")), tempo(bpm), metre(beats, int(rng.choice([4, 8]))),
        key(int(rng.integers(-7, 8)), int(rng.integers(2))), meta(0x58, b""), (0, b"\xf0\x05\x7e\x7f\x09\x01\xf7"),
        tempo(bpm * 1.1, 20 * division), meta(6, b"Verse", division), meta(0x7F, b"\0\0\x41", 9),
    ]  # fmt: skip
    chunks = [track(first)]
    for number in range(rng.integers(1, 5)):
        channel = int(rng.choice([0, 1, 2, 9]))
        low = int(rng.integers(30, 70))
        line = notes(
            (low + rng.integers(0, 24, rng.integers(4, 60))).tolist(), int(rng.choice([division, division // 2])),
            channel, held=int(rng.integers(1, 3 * division)),
        )  # fmt: skip
        told = [meta(3, f"Part {number}".encode()), (0, bytes([0xC0 | channel, int(rng.integers(128))]))]
        for _ in range(rng.integers(0, 12)):
            at, value = int(rng.integers(0, 40 * division)), int(rng.integers(128))
            told.append(control(int(rng.choice([1, 6, 7, 10, 11, 38, 64, 91, 100, 101, 121, 123])), value, at, channel))
            told.append((at, bytes([0xE0 | channel, value, int(rng.integers(128))])))
        if rng.random() < 0.3:
            told += [meta(5, b"la", division * place) for place in range(8)]
        chunks.append(track([*told, *line]))
    content = smf(*chunks, kind=int(rng.choice([0, 1, 1, 1, 2])), division=division)
    return content if rng.random() < 0.9 else b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + content


def made_kern(rng: np.random.Generator) -> bytes:
    """A file as collections have them: sections, comments, phrases, graces, and words beside the notes."""
    lines = kern_of(made_melody(rng), rng).split("\n")
    head, body = lines[:2], lines[2:-1]
    if rng.random() < 0.5:
        cut = int(rng.integers(1, len(body) + 1))
        if not any(line.endswith(("_", "]")) for line in body[cut : cut + 4]):
            body = ["*>A", *body[:cut], "*>B", *body[cut:]]
            head += ["*>[A,B,A]", "*>norep[A,B]"]
    for extra in ("*k[f#c#]", "*e:dor", "*clefG2", "*MM[Allegro]", "{8ggq", "!! words", "8ee}Q"):
        if rng.random() < 0.5:
            body.insert(int(rng.integers(0, len(body))), extra)
    lines = ["!!!OTL: Ein Lied aus der Fremde", *head, *body, "*-", "!!!ONB: nichts"]
    if rng.random() < 0.3:
        lines = [line if line.startswith("!!") else f"{line}\t{_beside(line)}" for line in lines]
    return ("\r\n" if rng.random() < 0.2 else "\n").join(lines).encode()


def _beside(line: str) -> str:
    """What stands in a spine of words where the notes have this."""
    if line == "**kern":
        return "**text"
    return line if line[0] in "=*" else "la"
