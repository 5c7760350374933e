"""Make the bundled leader: eight bars for nylon guitar, composed here, played by FluidSynth with the FluidR3 soundfont.

Run once by hand (`python -m tests.bench.make_guitar`) on a machine with Debian's `fluidsynth` and
`fluid-soundfont-gm`; the result is committed. Timing and touch are uneven on purpose: a person does not play a grid.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from ensemble.leaders import leader_path

TEMPO_BPM = 96.0
SAMPLE_RATE = 48_000
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
NYLON_GUITAR = 24
TICKS_PER_BEAT = 480

# One bar a line: (beat, length in beats, notes), over G, Em, C, D, G, Bm, C and D, G.
TUNE: tuple[tuple[tuple[float, float, tuple[int, ...]], ...], ...] = (
    ((0, 1, (43, 67)), (1, 0.5, (71,)), (1.5, 0.5, (74,)), (2, 1, (79,)), (3, 0.5, (78,)), (3.5, 0.5, (74,))),
    ((0, 1.5, (40, 76)), (1.5, 0.5, (74,)), (2, 1, (71,)), (3, 0.5, (69,)), (3.5, 0.5, (71,))),
    ((0, 1, (48, 72)), (1, 0.5, (76,)), (1.5, 1, (79,)), (2.5, 0.5, (76,)), (3, 1, (74,))),
    ((0, 1.5, (50, 69)), (1.5, 0.5, (74,)), (2, 0.5, (78,)), (2.5, 0.5, (81,)), (3, 1, (78,))),
    ((0, 1, (43, 79)), (1, 0.5, (78,)), (1.5, 0.5, (76,)), (2, 1, (74,)), (3, 0.5, (71,)), (3.5, 0.5, (67,))),
    ((0, 1.5, (47, 66)), (1.5, 0.5, (71,)), (2, 1, (74,)), (3, 0.5, (73,)), (3.5, 0.5, (71,))),
    ((0, 1, (48, 72)), (1, 0.5, (74,)), (1.5, 0.5, (76,)), (2, 1, (50, 78)), (3, 0.5, (76,)), (3.5, 0.5, (74,))),
    ((0, 3.5, (43, 55, 59, 67)),),
)


def score() -> mido.MidiFile:
    """The tune as MIDI: accents on the bar, a swell to the middle, some milliseconds of unevenness."""
    chance = np.random.Generator(np.random.Philox(key=96))
    events: list[tuple[float, str, int, int]] = []
    for bar, notes in enumerate(TUNE):
        swell = 12.0 * np.sin(np.pi * bar / (len(TUNE) - 1))
        for beat, length, pitches in notes:
            touch = 74.0 + swell + (8.0 if beat == 0 else 0.0) + chance.normal(0.0, 4.0)
            start = 4 * bar + beat + max(-0.02, chance.normal(0.0, 0.012))
            for pitch in pitches:
                events.append((max(start, 0.0), "note_on", pitch, int(np.clip(touch, 40, 110))))
                events.append((max(start, 0.0) + 0.95 * length, "note_off", pitch, 0))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO_BPM))])
    track.append(mido.Message("program_change", program=NYLON_GUITAR))
    now = 0
    for beat, kind, pitch, velocity in sorted(events):
        tick = round(beat * TICKS_PER_BEAT)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=[track])


def make(target: Path) -> None:
    """Render the tune and write it as 16-bit FLAC, mono, 48 kHz, 20 s."""
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "tune.mid", Path(folder) / "tune.wav"
        score().save(midi)
        command = ["fluidsynth", "-niq", "-R0", "-C0", "-g", "0.8", "-r", str(SAMPLE_RATE), "-O", "s24", "-T", "wav"]
        subprocess.run([*command, "-F", str(wav), str(SOUNDFONT), str(midi)], check=True)
        samples, _ = soundfile.read(wav, always_2d=True)
    length = round(len(TUNE) * 4 * 60.0 / TEMPO_BPM * SAMPLE_RATE)
    mono = np.zeros(length)
    mono[: min(len(samples), length)] = samples.mean(axis=1)[:length]
    mono[-SAMPLE_RATE // 5 :] *= np.linspace(1.0, 0.0, SAMPLE_RATE // 5)
    soundfile.write(target, mono * (0.5 / np.abs(mono).max()), SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    make(leader_path())
