"""Make the corpus: `python -m tests.bench.build_corpus`; with `--describe`, describe the package's anew.

Needs Debian's fluidsynth, fluid-soundfont-gm and ffmpeg. Run by hand; the same versions of these programs give the same
bytes. What is committed was made by this script's forerunner: the same notes, played and recorded a little differently.

The programme has solo pieces in every key, from 60 to 170 beats a minute, quiet to loud. Half of it is for guitars,
since that is what most leaders play; keys that lie well on one come first there, so that a leader in any key finds a
guitar at most a semitone away.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ensemble.audio.files import write_clip
from ensemble.corpus import CATALOGUE, DESCRIPTIONS, LICENCE, SOUNDS, corpus_pieces
from ensemble.data.compose.fluidsynth import RENDER_RATE_HZ, check_renderer
from ensemble.data.compose.solo.outline import SoloOrder
from ensemble.data.compose.solo.take import play_take
from ensemble.files.digest import file_digest, recording_digest
from ensemble.files.replace import write_whole
from ensemble.retrieve.index_local import describe_file
from ensemble.retrieve.library.indexer import IndexJob
from ensemble.retrieve.library.sources import Source
from ensemble.types.music import AudioClip, FloatArray
from ensemble.wire import pack

SEED = 5
LENGTH_S = 44.0
_KEYS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_ROWS: tuple[tuple[str, str, str, str, float, float, str], ...] = (
    ("Orchard Road", "nylon_guitar", "G major", "4/4", 96, -8, "picking calm arpeggio"),
    ("Slow Ferry", "nylon_guitar", "E minor", "4/4", 72, -10, "arpeggio picking calm"),
    ("Windowsill Waltz", "nylon_guitar", "D major", "3/4", 104, -8, "picking arpeggio"),
    ("Lantern", "nylon_guitar", "A minor", "6/8", 60, -9, "arpeggio calm"),
    ("Letter Home", "nylon_guitar", "C major", "4/4", 88, -9, "calm picking arpeggio"),
    ("Five Stones", "nylon_guitar", "F# minor", "5/4", 132, -7, "arpeggio picking"),
    ("Kitchen Light", "steel_guitar", "G major", "4/4", 120, -4, "strum picking strum"),
    ("Tin Roof", "steel_guitar", "A major", "4/4", 144, -5, "picking strum"),
    ("Gate Swing", "steel_guitar", "E major", "3/4", 156, -3, "strum arpeggio"),
    ("North Platform", "steel_guitar", "B minor", "4/4", 108, -4, "strum arpeggio picking"),
    ("Gravel", "steel_guitar", "D mixolydian", "4/4", 168, -2, "strum picking"),
    ("Corner Shop", "electric_guitar", "G major", "4/4", 118, -4, "funk picking funk"),
    ("Night Bus", "electric_guitar", "E minor", "4/4", 98, -5, "funk arpeggio"),
    ("Overpass", "electric_guitar", "A dorian", "4/4", 134, -3, "picking funk strum"),
    ("After Closing", "jazz_guitar", "Bb major", "4/4", 66, -8, "calm picking"),
    ("Rain on Slate", "piano", "F major", "4/4", 76, -9, "broken block"),
    ("Turning Leaves", "piano", "Ab major", "3/4", 126, -6, "block broken"),
    ("Tide Table", "piano", "Db minor", "6/8", 64, -8, "broken block"),
    ("Long Meadow", "violin", "Eb major", "4/4", 84, -6, "song lament"),
    ("Market Day", "violin", "D dorian", "3/4", 138, -4, "dance song"),
    ("Reeds", "flute", "F minor", "4/4", 114, -6, "song dance"),
    ("Paper Boats", "flute", "B major", "6/8", 80, -7, "dance song"),
    ("Cellar Stairs", "clarinet", "Db major", "4/4", 100, -7, "song dance lament"),
    ("Last Tram", "saxophone", "C minor", "4/4", 92, -5, "song lament"),
    ("Signal Hill", "trumpet", "G minor", "4/4", 128, -4, "dance song"),
    ("Old Harbour", "cello", "F# major", "4/4", 63, -6, "lament song"),
    ("Underfoot", "electric_bass", "E minor", "4/4", 100, -4, "walking running"),
)
"""Title, instrument, key, metre, tempo, level in dB, textures."""
QUALITY = "4"
"""Of Vorbis: about 70 kbit/s for one instrument in mono. A seek in it gives the very samples of a whole reading."""


def programme() -> tuple[SoloOrder, ...]:
    """The pieces in the order of the corpus."""
    orders = []
    for title, instrument, key, metre, tempo_bpm, level_db, textures in _ROWS:
        tonic, mode = key.split()
        orders.append(
            SoloOrder(
                title=title, seed=SEED, instrument=instrument, textures=tuple(textures.split()),
                tonic=_KEYS.index(tonic), mode=mode, metre=metre, tempo_bpm=tempo_bpm, length_s=LENGTH_S,
                level_db=level_db,
            )
        )  # fmt: skip
    return tuple(orders)


def build(folder: Path) -> None:
    """Compose, play and encode every piece, then write the catalogue.

    Raises:
        DataError: FluidSynth or its soundfont is missing.
    """
    soundfont = check_renderer(None)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, order in enumerate(programme(), 1):
        samples = play_take(order, 0, soundfont).samples
        path = folder / f"{number:02d}-{order.title.lower().replace(' ', '-')}.ogg"
        _encode(samples, path, order)
        seconds = round(len(samples) / RENDER_RATE_HZ, 3)
        entries.append(
            {
                "file": path.name, "title": order.title, "licence": LICENCE, "instrument": order.instrument,
                "key": order.key, "metre": order.metre, "tempo_bpm": order.tempo_bpm, "duration_s": seconds,
                "sha256": file_digest(path),
            }
        )  # fmt: skip
    (folder / CATALOGUE).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def describe_all(folder: Path) -> None:
    """Write what `describe` says of every piece, as a ledger keeps it, without the places of the files."""
    for piece in corpus_pieces():
        source = Source(path=piece.path, title=piece.title, licence=piece.licence)
        sha256 = recording_digest(piece.path)
        described = describe_file(IndexJob(source=source, sha256=sha256, size_bytes=0, mtime_ns=0))
        described = replace(described, recording=replace(described.recording, path=piece.path.name))
        path = folder / "described" / sha256[:2] / f"{sha256}.msgpack"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, pack(described))


def _encode(samples: FloatArray, path: Path, order: SoloOrder) -> None:
    tags = ("-metadata", f"title={order.title}", "-metadata", f"license={LICENCE}")
    exact = ("-fflags", "+bitexact", "-flags", "+bitexact")
    with tempfile.TemporaryDirectory(prefix="ensemble-") as name:
        wav = Path(name) / "piece.wav"
        write_clip(wav, AudioClip(samples=samples[None], sample_rate=RENDER_RATE_HZ))
        command = ("ffmpeg", "-y", "-loglevel", "error", "-i", str(wav), "-c:a", "libvorbis", "-q:a", QUALITY)
        subprocess.run([*command, "-map_metadata", "-1", *exact, *tags, str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--describe"]:
        describe_all(DESCRIPTIONS)
    else:
        build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOUNDS)
