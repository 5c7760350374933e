"""`export`: writes a take of a finished render for another program."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal, get_args
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ensemble.chart.text import write_chart
from ensemble.errors import OutputError
from ensemble.export.dawproject import write_dawproject
from ensemble.export.song import SongTake, read_song
from ensemble.export.song_midi import write_song_midi
from ensemble.export.stems import write_stems
from ensemble.takes import AS_GIVEN

ExportKind = Literal["daw", "zip", "stems", "midi", "chart"]
SUFFIXES: dict[ExportKind, str] = {"daw": ".dawproject", "zip": ".zip", "stems": "", "midi": ".mid", "chart": ".chart"}
"""What a file of each kind is called; stems are a folder."""


def export(
    folder: Path, kind: ExportKind, out: Path | None = None, *, take: str = AS_GIVEN, from_bar_one: bool = False
) -> Path:
    """Write a take of a finished render for another program.

    Args:
        folder: the folder that `render` filled.
        kind: `daw` is a DAWproject, `midi` a file of all parts, `stems` a folder of sounds that add up, `chart` a text,
            and `zip` all of these in one file.
        out: the file, or for stems the folder; must not exist. None: named after the song, in the present folder.
        take: the name of the take.
        from_bar_one: cut everything where bar 1 begins.

    Returns:
        What was written.

    Raises:
        VerifyError: the folder holds no render, or its leader or a weight has changed.
        OutputError: there is no such take, or `out` exists or cannot be written.
        AudioError: a sound of the render is missing.
    """
    if kind not in get_args(ExportKind):
        raise OutputError(kind, "is no kind of export", f"choose {', '.join(get_args(ExportKind))}")
    song = read_song(folder, take, from_bar_one=from_bar_one)
    out = Path(f"{song.about}{SUFFIXES[kind]}") if out is None else out
    if out.exists():
        raise OutputError(str(out), "exists", "name another place")
    try:
        with tempfile.TemporaryDirectory(prefix=".ensemble-export-", dir=out.absolute().parent) as aside:
            written = Path(aside) / "export"
            _write(song, kind, written)
            shutil.move(written, out)
    except OSError as error:
        raise OutputError(str(out), f"cannot be written ({error.strerror})", "name another place") from error
    return out


def _write(song: SongTake, kind: ExportKind, out: Path) -> None:
    if kind == "midi":
        write_song_midi(song, out)
    elif kind == "chart":
        out.write_text(write_chart(song.chart), encoding="utf-8")
    elif kind == "stems":
        out.mkdir()
        write_stems(song, out)
    else:
        with tempfile.TemporaryDirectory(dir=out.parent) as aside:
            folder = Path(aside)
            stems = write_stems(song, folder)
            if kind == "daw":
                write_dawproject(song, stems, out)
                return
            write_song_midi(song, folder / "song.mid")
            (folder / "song.chart").write_text(write_chart(song.chart), encoding="utf-8")
            write_dawproject(song, stems, folder / f"{song.about}.dawproject")
            (folder / "README.txt").write_text(_about(song), encoding="utf-8")
            with ZipFile(out, "w", ZIP_DEFLATED) as whole:
                for path in sorted(folder.iterdir()):
                    is_packed = path.suffix == ".dawproject"
                    whole.write(path, f"{song.about}/{path.name}", ZIP_STORED if is_packed else ZIP_DEFLATED)


def _about(song: SongTake) -> str:
    beats = song.beats
    tempos = beats.tempos
    begins = "with bar 1" if beats.start_s else "where the recording does"
    lines = [
        song.about,
        "",
        "The leader and the stems (01, 02, ...) are as loud and as far left or right as in the mix: their plain sum is",
        "premaster.wav, of 32-bit floating-point samples. The mix is that sum after its gain and limiter.",
        f"All files begin {begins}: put them at the start of a project.",
        "Each WAV file tells its place in time (bext), its chords (cue), and its tempo (acid) where it is one.",
    ]
    if beats.is_steady:
        quarters = f"{60 / tempos.quarter_s[-1]:.3f} quarters a minute"
        lines.append(f"One tempo, {quarters}: no beat of the leader is further off than {1000 * beats.off_s:.0f} ms.")
    else:
        lines.append(f"The tempo follows the leader: song.mid and the project have {len(tempos.quarters)} tempos.")
    if not beats.start_s and len(tempos.quarters) > 1:
        lines.append(f"The first beat of the project lasts {tempos.starts_s[1]:.3f} s and leads to the leader's first.")
    return "\n".join([*lines, ""])
