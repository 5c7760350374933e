"""The studio as an ASGI application: routes, page and events behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

import ensemble.report
from cluster.serve import jam_routes, song_routes, sound_routes
from cluster.serve.asking import Asked, Asker, client_of, refused, studio_of
from cluster.serve.guard import COOKIE, Client, Guard, Keys
from cluster.serve.hub import as_json
from cluster.serve.models import Catalogue, Credentials, Health, RefusalBody, SessionView
from cluster.serve.orders import catalogue
from cluster.serve.refusals import StudioError, absent
from cluster.serve.studio import Studio
from ensemble.errors import EnsembleError
from ensemble.machine import ensemble_version

PAGE = Path(__file__).parent / "page"
_REPORT = Path(ensemble.report.__file__).parent
_SHARED = {"desk.css": _REPORT / "style.css", "desk.js": _REPORT / "desk.js"}
"""Files of the report that the page uses, too."""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


def make_app(studio: Studio, key: str, hosts: Collection[str], *, is_secure: bool = False) -> ASGIApp:
    """The studio as it is served.

    Args:
        studio: does the work; started with the application.
        key: the owners' token.
        hosts: as which it may be addressed; see `Guard`.
        is_secure: whether it is reached by HTTPS alone.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        studio.start()
        try:
            yield
        finally:
            await studio.close()

    keys = Keys(key, studio.database.has_share)
    app = FastAPI(
        title="ensemble studio", version=ensemble_version(), openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None, lifespan=lifespan, responses={"default": {"model": RefusalBody}},
    )  # fmt: skip
    app.state.studio, app.state.keys, app.state.is_secure = studio, keys, is_secure
    for kind in (EnsembleError, RequestValidationError, HTTPException, OSError, Exception):
        app.add_exception_handler(kind, refused)
    app.include_router(song_routes.routes)
    app.include_router(sound_routes.routes)
    app.include_router(jam_routes.routes)
    _add_own_routes(app, keys, is_secure=is_secure)
    return Guard(app, keys, hosts, studio.limits.max_upload_bytes)


def _add_own_routes(app: FastAPI, keys: Keys, *, is_secure: bool) -> None:
    """The routes of the studio as a whole."""

    @app.get("/api/health")
    async def health(studio: Asked) -> Health:
        """How the studio is."""
        return studio.board.health()

    @app.get("/api/catalogue")
    async def choices(studio: Asked) -> Catalogue:
        """Bands, styles, instruments and limits."""
        return catalogue(studio.limits)

    @app.get("/api/session")
    async def session(client: Asker, studio: Asked) -> SessionView:
        """Who asks."""
        return _view(client, client.song, studio)

    @app.post("/api/session")
    async def open_session(credentials: Credentials, studio: Asked, request: Request) -> JSONResponse:
        """Exchange a token for a cookie. An owner who follows a link stays one."""
        known: Client | None = request.scope["state"]["client"]
        if credentials.token is not None and keys.is_key(credentials.token):
            client, cookie = keys.cookie("owner")
        elif credentials.share is not None and (link := studio.shared_by(credentials.share)) is not None:
            if known is not None and known.role == "owner":
                return JSONResponse(_view(known, link.song, studio).model_dump())
            client, cookie = keys.cookie("reader", link.song, link.id)
        else:
            raise StudioError(401, "unauthorized", "That address does not hold any more.", "ask for a new one")
        answer = JSONResponse(_view(client, client.song, studio).model_dump())
        answer.set_cookie(COOKIE, cookie, max_age=30 * 86400, httponly=True, samesite="strict", secure=is_secure)
        return answer

    @app.websocket("/api/events")
    async def events(socket: WebSocket, song: Annotated[str | None, Query(max_length=16)] = None) -> None:
        """Everything that happens, as it happens; see `hub`."""
        studio, client = studio_of(socket), client_of(socket)
        await socket.accept()

        def wants(name: str) -> bool:
            return client.sees(name) and song in (None, name)

        with studio.hub.listening(wants) as listener:
            hello = {"type": "hello", "songs": studio.songs(wants), "jobs": studio.board.shown_to(wants)}
            try:
                await socket.send_text(as_json(hello))
                async for event in listener.events():
                    await socket.send_text(as_json(event))
            except (WebSocketDisconnect, RuntimeError):
                return  # the page has gone

    files = {path.name: path for path in PAGE.glob("*.*")} | _SHARED
    shell_file = files.pop("index.html")

    @app.get("/", include_in_schema=False)
    async def shell() -> FileResponse:
        return _page_file(shell_file)

    @app.get("/page/{name:path}", include_in_schema=False)
    async def page_file(name: str) -> FileResponse:
        if name not in files:
            raise absent("page")
        return _page_file(files[name])


def _view(client: Client, song: str | None, studio: Studio) -> SessionView:
    is_live = song is not None and studio.jams.is_live(song)
    return SessionView(role=client.role, song=song, client=client.name, is_live=is_live)


def _page_file(path: Path) -> FileResponse:
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"cache-control": "no-cache"})
