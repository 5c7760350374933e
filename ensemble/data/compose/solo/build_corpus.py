"""Make the corpus: `python -m ensemble.data.compose.solo.build_corpus`.

Needs Debian's fluidsynth, fluid-soundfont-gm and ffmpeg.

Run by hand; the result is committed. The same versions of these programs give the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from ensemble.corpus.catalogue import CATALOGUE, LICENCE, SOUNDS
from ensemble.data.compose.fluidsynth import RENDER_RATE_HZ, check_renderer
from ensemble.data.compose.solo import SoloOrder, play_take
from ensemble.data.compose.solo.programme import programme
from ensemble.files.digest import file_digest
from ensemble.types.music import FloatArray

QUALITY = "4"
"""Of Vorbis: about 70 kbit/s for one instrument in mono. A seek in it gives the very samples of a whole reading."""


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


def _encode(samples: FloatArray, path: Path, order: SoloOrder) -> None:
    tags = ("-metadata", f"title={order.title}", "-metadata", f"license={LICENCE}")
    exact = ("-fflags", "+bitexact", "-flags", "+bitexact")
    with tempfile.TemporaryDirectory(prefix="ensemble-") as name:
        wav = Path(name) / "piece.wav"
        soundfile.write(wav, samples, RENDER_RATE_HZ, subtype="PCM_24")
        command = ("ffmpeg", "-y", "-loglevel", "error", "-i", str(wav), "-c:a", "libvorbis", "-q:a", QUALITY)
        subprocess.run([*command, "-map_metadata", "-1", *exact, *tags, str(path)], check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOUNDS)
