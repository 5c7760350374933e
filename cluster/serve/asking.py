"""What every route needs: the studio, who asks, checked names; and how an error becomes an answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from cluster.serve.guard import Client
from cluster.serve.models import Refusal, RefusalBody
from cluster.serve.refusals import DISK_FULL, FAILED, StudioError, absent, is_full, refusal_for, stranger
from cluster.serve.studio import Studio
from ensemble.errors import EnsembleError

_STATUS_CODES = {400: "invalid", 404: "not_found", 405: "not_found", 415: "kind"}

SongName = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="A song's id.")]
JobName = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="A job's id.")]
TakeName = Annotated[str, Path(pattern=r"^take-[0-9]{2}$", description="`take-00` follows the leader as given.")]
LaneName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="`leader`, `mix`, or a part's name.")]
SourceName = Annotated[
    str, Path(pattern=r"^(v[0-9]{1,4}|j[0-9a-f]{16})$", description="`v3` is version 3, `j...` a job.")
]
VersionNumber = Annotated[int | None, Query(ge=1, le=9999, description="A version; the current one if absent.")]


def studio_of(connection: HTTPConnection) -> Studio:
    """The studio that is asked."""
    studio: Studio = connection.app.state.studio
    return studio


def client_of(connection: HTTPConnection) -> Client:
    """Who asks; the guard has made sure of it.

    Raises:
        StudioError: nobody that is known.
    """
    client: Client | None = connection.scope["state"]["client"]
    if client is None:
        raise stranger()
    return client


Asked = Annotated[Studio, Depends(studio_of)]
Asker = Annotated[Client, Depends(client_of)]


def version_of(studio: Studio, song: str, version: int | None) -> int:
    """The version that is asked for.

    Raises:
        StudioError: there is none.
    """
    number = version or studio.song_row(song).version
    if number is None or studio.places.version_folder(song, number) is None:
        raise absent("version")
    return number


async def refused(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that was refused."""
    status, refusal = refusal_of(error)
    body = RefusalBody(error=refusal).model_dump(mode="json")
    return JSONResponse(body, status, {"retry-after": "2"} if status in (429, 503) else None)


def refusal_of(error: Exception) -> tuple[int, Refusal]:
    """Status and sentence for an error."""
    match error:
        case StudioError():
            found = error.status, error.refusal
        case EnsembleError():
            found = 422, refusal_for(error)
        case RequestValidationError():
            first: dict[str, Any] = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"] if part != "body")
            said = f"{place or 'The request'}: {first['msg']}."
            found = 422, Refusal(code="invalid", message=said, field=place or None)
        case HTTPException():
            code = _STATUS_CODES.get(error.status_code, "invalid")
            found = error.status_code, Refusal(code=code, message="There is nothing here.")
        case OSError() if is_full(error):
            found = 507, DISK_FULL
        case FileNotFoundError():
            found = 404, Refusal(code="not_found", message="That is not there any more.")
        case _:
            found = 500, FAILED
    return found
