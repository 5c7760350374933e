"""Routes of songs and jobs."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cluster.serve.asking import Asked, Asker, JobName, SongName, VersionNumber, version_of
from cluster.serve.desk import Desk
from cluster.serve.models import (
    ChartEdit,
    ChartText,
    ChartView,
    EditPreview,
    ExportOrder,
    NewShare,
    PreviewOrder,
    RenderOrder,
    ShareEntry,
    SongChanges,
    SongEntry,
    StudioJob,
    SwitchOrder,
    VersionEntry,
)
from cluster.serve.orders import check_edits, check_order, check_preview, edited_chart, read_view
from cluster.serve.places import desks
from cluster.serve.refusals import absent
from cluster.serve.studio import Studio
from cluster.serve.take_desks import TakeDesks
from cluster.serve.takes import StudioTake, takes_of
from ensemble.chart.text import parse_chart
from ensemble.rendering.edits import Edits
from ensemble.rendering.redo import dry_run
from ensemble.takes import AS_GIVEN

routes = APIRouter(prefix="/api")
_FILE = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}

Take = Annotated[str, Query(pattern=r"^take-[0-9]{2}$")]


@routes.get("/songs")
async def songs(studio: Asked, client: Asker) -> list[SongEntry]:
    """All songs, the newest first."""
    return studio.songs(client.sees)


@routes.post("/songs", status_code=201, openapi_extra=_FILE)
async def upload(
    request: Request,
    studio: Asked,
    name: Annotated[str, Query(max_length=255, description="The file's name.")] = "song",
) -> SongEntry:
    """Upload a recording or a score: the body is the file. It is decoded and measured before the answer."""
    return await studio.add_song(name, request.stream())


@routes.get("/songs/{song}")
async def song(song: SongName, studio: Asked) -> SongEntry:
    """A song."""
    return studio.song(song)


@routes.patch("/songs/{song}")
async def rename(song: SongName, changes: SongChanges, studio: Asked) -> SongEntry:
    """Give a song another title."""
    return studio.rename(song, changes.title)


@routes.delete("/songs/{song}", status_code=204)
async def remove(song: SongName, studio: Asked) -> Response:
    """Remove a song and all that was made of it."""
    await studio.remove(song)
    return Response(status_code=204)


@routes.post("/songs/{song}/render", status_code=202)
async def render(song: SongName, order: RenderOrder, studio: Asked, client: Asker) -> StudioJob:
    """Render a song; where it was rendered before, all its versions are replaced."""
    check_order(order)
    return studio.board.submit(song, "render", order.model_dump(mode="json"), client.name)


@routes.post("/songs/{song}/redo", status_code=202)
async def redo(song: SongName, edits: Edits, studio: Asked, client: Asker) -> StudioJob:
    """Edit a song: only what the edit changes is played again."""
    check_edits(edits)
    row = studio.song_row(song)
    manifest = None if row.version is None else studio.places.manifest(song, row.version)
    if manifest is not None and not studio.board.of_song(song):
        edits.check(manifest.plan.request)  # else the job before may add or drop parts
    if edits.chart is not None:
        parse_chart(edits.chart)
    request = edits.model_dump(mode="json", exclude_defaults=True)
    return studio.board.submit(song, "redo", request, client.name, words=edits.in_words())


@routes.post("/songs/{song}/redo/preview")
async def preview(song: SongName, edits: Edits, studio: Asked) -> EditPreview:
    """What an edit would do again."""
    check_edits(edits)
    version_of(studio, song, None)
    found = await asyncio.to_thread(dry_run, studio.storage.song(song).render, edits)
    return EditPreview(stages=found.stages, parts=found.parts, mixed=found.mixed, words=edits.in_words())


@routes.post("/songs/{song}/undo", status_code=202)
async def undo(song: SongName, studio: Asked, client: Asker) -> StudioJob:
    """Go back to the version that the current one was made from."""
    return studio.board.submit(song, "undo", {}, client.name)


@routes.post("/songs/{song}/switch", status_code=202)
async def switch(song: SongName, order: SwitchOrder, studio: Asked, client: Asker) -> StudioJob:
    """Go to any version."""
    version_of(studio, song, order.version)
    return studio.board.submit(song, "switch", order.model_dump(), client.name)


@routes.get("/songs/{song}/versions")
async def versions(song: SongName, studio: Asked) -> list[VersionEntry]:
    """All versions of a song."""
    return studio.versions(song)


@routes.get("/songs/{song}/takes")
async def takes(song: SongName, studio: Asked, version: VersionNumber = None) -> list[StudioTake]:
    """The takes of a version: how good each continuation is, and what it is made of."""
    number, written = _written(studio, song, version)
    manifest = studio.places.manifest(song, number)
    if manifest is None:
        raise absent("version")
    return takes_of(manifest, written)


@routes.get("/songs/{song}/desk")
async def desk(
    song: SongName,
    studio: Asked,
    version: VersionNumber = None,
    take: Take = AS_GIVEN,
) -> Desk:
    """All that the page draws of a take of a version."""
    number, written = _written(studio, song, version)
    if take not in written.takes:
        raise absent("take")
    return written.desk(take, song=song, version=number, manifest=studio.places.manifest(song, number))


@routes.get("/songs/{song}/chart")
async def chart(song: SongName, studio: Asked, version: VersionNumber = None) -> ChartView:
    """The chart that a version is played by."""
    _, written = _written(studio, song, version)
    return read_view(parse_chart(written.takes[AS_GIVEN].chart))


@routes.put("/songs/{song}/chart", status_code=202)
async def put_chart(song: SongName, chart: ChartText, studio: Asked, client: Asker) -> StudioJob:
    """Play by another chart."""
    return await redo(song, Edits(chart=chart.text), studio, client)


@routes.post("/songs/{song}/chart/validate")
async def validate_chart(song: SongName, chart: ChartText, studio: Asked) -> ChartView:
    """Check a chart, and write it as it is read; nothing is played."""
    studio.song_row(song)
    return read_view(parse_chart(chart.text))


@routes.post("/songs/{song}/chart/edit")
async def edit_chart(song: SongName, edit: ChartEdit, studio: Asked) -> ChartView:
    """Change a bar of a chart's text; nothing is played."""
    studio.song_row(song)
    return edited_chart(edit)


@routes.post("/songs/{song}/exports", status_code=202)
async def export(song: SongName, order: ExportOrder, studio: Asked, client: Asker) -> StudioJob:
    """Take a song away: write it for another program."""
    return studio.board.submit(song, "export", order.model_dump(mode="json"), client.name)


@routes.post("/songs/{song}/preview", status_code=202)
async def preview_bars(song: SongName, order: PreviewOrder, studio: Asked, client: Asker) -> StudioJob:
    """Have two bars played by another band or in another style; the mix is fetched as an export."""
    check_preview(order)
    return studio.board.submit(song, "preview", order.model_dump(mode="json"), client.name)


@routes.get("/songs/{song}/shares")
async def shares(song: SongName, studio: Asked) -> list[ShareEntry]:
    """The links by which a song may be read."""
    studio.song_row(song)
    return [ShareEntry(id=one.id, created_at=one.created_at) for one in studio.database.shares(song)]


@routes.post("/songs/{song}/shares", status_code=201)
async def share(song: SongName, studio: Asked) -> NewShare:
    """Make a link by which a song may be read."""
    return studio.share(song)


@routes.delete("/songs/{song}/shares/{share}", status_code=204)
async def unshare(song: SongName, share: JobName, studio: Asked) -> Response:
    """Take a link away."""
    studio.unshare(song, share)
    return Response(status_code=204)


@routes.get("/jobs")
async def jobs(studio: Asked, client: Asker) -> list[StudioJob]:
    """What runs and what waits, in the order of the queue."""
    return studio.board.shown_to(client.sees)


@routes.get("/jobs/{job}")
async def job(job: JobName, studio: Asked, client: Asker) -> StudioJob:
    """A job."""
    found = studio.board.row(job)
    if not client.sees(found.song):
        raise absent("job")
    return studio.board.shown(found)


@routes.delete("/jobs/{job}")
async def cancel(job: JobName, studio: Asked) -> StudioJob:
    """Stop a job, or take it out of the queue."""
    return studio.board.cancel(job)


@routes.get("/jobs/{job}/desk")
async def desk_of_job(job: JobName, studio: Asked, client: Asker, take: Take = AS_GIVEN) -> Desk:
    """All that the page draws of a take that is being rendered."""
    found = studio.board.row(job)
    written = desks(studio.storage.song(found.song).desks_of_job(job))
    if not client.sees(found.song) or written is None or take not in written.takes:
        raise absent("desk")
    base = None if found.base is None else studio.places.manifest(found.song, found.base)
    return written.desk(take, song=found.song, job=job, manifest=base)


def _written(studio: Studio, song: str, version: int | None) -> tuple[int, TakeDesks]:
    """The number of the version that is asked for, and what was heard for it.

    Raises:
        StudioError: there is none.
    """
    number = version_of(studio, song, version)
    written = desks(studio.storage.song(song).desks(number))
    if written is None:
        raise absent("version")
    return number, written
