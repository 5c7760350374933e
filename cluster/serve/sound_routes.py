"""Routes of sound and files."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from cluster.serve.asking import Asked, LaneName, SongName, SourceName, TakeName
from cluster.serve.refusals import StudioError, absent
from cluster.serve.sound import MAX_SPAN, WavPlace, peaks, wav_place
from cluster.serve.studio import Studio
from ensemble.manifest import MANIFEST
from ensemble.takes import LEADER

routes = APIRouter(prefix="/api/songs/{song}")
FOREVER = "private, max-age=31536000, immutable"
LOOKS, LOOK_S = 5, 0.1
"""How often a lane of a render that is not yet a version is looked for again, and after how many seconds."""
_TYPES = {".wav": "audio/wav"}
"""Of what a page plays itself."""
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
FilePath = Annotated[str, InPath(max_length=200, description="A file of the render, as its manifest names it.")]
VersionSource = Annotated[str, InPath(pattern=r"^v[0-9]{1,4}$", description="`v3` is version 3.")]


def _lane(studio: Studio, song: str, source: str, take: str, name: str) -> tuple[WavPlace, int, bool]:
    """The file of a lane, how many samples of it are there, and whether it stays what it is.

    Raises:
        StudioError: there is none.
    """
    studio.song_row(song)
    version: int | None = int(source[1:]) if source[0] == "v" else None
    if version is None:
        job = studio.board.row(source[1:])
        growth = studio.board.growth(job)
        if job.song != song or (growth is None and job.version is None):
            raise absent("sound")
        if growth is not None:
            place, available = studio.places.growing(song, growth, take, name)
            if place is None:
                raise absent("sound")
            return place, available, False
        version = job.version
    path = None if version is None else studio.places.sound(song, version, take, name)
    if path is None:
        raise absent("sound")
    place = wav_place(path)
    return place, place.num_samples, source[0] == "v"


async def _lane_by_now(studio: Studio, song: str, source: str, take: str, name: str) -> tuple[WavPlace, int, bool]:
    """See `_lane`. A render that is just being published has its files in neither place: they are looked for again."""
    for _ in range(LOOKS if source[0] == "j" else 0):
        with contextlib.suppress(StudioError):
            return _lane(studio, song, source, take, name)
        await asyncio.sleep(LOOK_S)
    return _lane(studio, song, source, take, name)


@routes.get("/sound/{source}/{take}/{name}", response_class=Response, responses=_BYTES)
async def sound(
    song: SongName, source: SourceName, take: TakeName, name: LaneName, studio: Asked,
    start: Annotated[int, Query(ge=0, le=2**40, description="The first sample, per channel.")] = 0,
    num: Annotated[int, Query(ge=0, le=MAX_SPAN, description="At most so many samples.")] = MAX_SPAN,
) -> Response:  # fmt: skip
    """A span of a lane: 16-bit little-endian stereo samples; shorter where no more is there yet."""
    place, available, is_final = await _lane_by_now(studio, song, source, take, name)
    samples = await asyncio.to_thread(place.stereo, start, min(num, max(0, available - start)))
    headers = {
        "x-sample-rate": str(place.sample_rate), "x-total-samples": str(place.num_samples),
        "x-available-samples": str(available), "cache-control": FOREVER if is_final else "no-store",
    }  # fmt: skip
    return Response(samples.tobytes(), media_type="application/octet-stream", headers=headers)


@routes.get("/peaks/{source}/{take}/{name}", response_class=Response, responses=_BYTES)
async def peaks_of(song: SongName, source: SourceName, take: TakeName, name: LaneName, studio: Asked) -> Response:
    """The peaks of a lane: pairs of int8, lowest and highest, 50 a second."""
    place, _, is_final = await _lane_by_now(studio, song, source, take, name)
    found = await asyncio.to_thread(peaks, place.path)
    cache = FOREVER if is_final else "no-store"
    return Response(found, media_type="application/octet-stream", headers={"cache-control": cache})


@routes.get("/upload", response_class=FileResponse, responses=_BYTES)
async def uploaded(song: SongName, studio: Asked) -> FileResponse:
    """The file that was uploaded."""
    row = studio.song_row(song)
    return _download(studio.storage.song(song).upload, f"{row.title}{row.suffix}")


@routes.get("/upload/peaks", response_class=Response, responses=_BYTES)
async def uploaded_peaks(song: SongName, studio: Asked) -> Response:
    """The peaks of the file that was uploaded; see above."""
    studio.song_row(song)
    found = await asyncio.to_thread(studio.storage.song(song).upload_peaks.read_bytes)
    return Response(found, media_type="application/octet-stream", headers={"cache-control": FOREVER})


@routes.get("/files/{source}/{path:path}", response_class=FileResponse, responses=_BYTES)
async def file(song: SongName, source: VersionSource, path: FilePath, studio: Asked) -> FileResponse:
    """A file of a version, also in ranges."""
    studio.song_row(song)
    version = int(source[1:])
    folder, manifest = studio.places.version_folder(song, version), studio.places.manifest(song, version)
    if folder is None or manifest is None:
        raise absent("version")
    known = {f"{take}/{name}" for take, kept in manifest.takes.items() for name in kept.files} | {MANIFEST, LEADER}
    if path not in known:
        raise absent("file")
    return FileResponse(folder / path, headers={"cache-control": FOREVER})


@routes.get("/exports/{export}", response_class=FileResponse, responses=_BYTES)
async def exported(
    song: SongName, export: Annotated[str, InPath(pattern=r"^[0-9a-f]{16}\.[a-z]{3,10}$")], studio: Asked
) -> FileResponse:
    """What an export has written."""
    row = studio.song_row(song)
    job = studio.board.row(export.partition(".")[0])
    if job.song != song or job.export != export:
        raise absent("export")
    return _download(studio.storage.song(song).exports / job.export, f"{row.title}{Path(job.export).suffix}")


def _download(path: Path, name: str) -> FileResponse:
    """A file under a name for people, whatever signs that has."""
    plain = re.sub(r"[^\w .-]", "_", name, flags=re.ASCII)
    said = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return FileResponse(
        path,
        headers={"content-disposition": said},
        media_type=_TYPES.get(Path(name).suffix, "application/octet-stream"),
    )
