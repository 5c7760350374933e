"""The route of a session with a player who plays now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from cluster.serve.asking import client_of, refusal_of, studio_of
from cluster.serve.hub import Event, as_json
from cluster.serve.jam_models import JamAsk, JamOrder
from cluster.serve.jam_process import PLACE_BYTES
from cluster.serve.jams import Jam
from cluster.serve.orders import check_jam, check_style
from cluster.serve.refusals import StudioError
from ensemble.config import Settings
from ensemble.errors import EnsembleError
from ensemble.settings.reading import parse

routes = APIRouter(prefix="/api")
MAX_BLOCK_BYTES = 1 << 17
"""Of one message of sound: more than a second of it."""
GOING_AWAY = 1001
"""So a browser says that the page was closed: nobody comes back to its session (RFC 6455, section 7.4.1)."""

S = TypeVar("S", bound=Settings)


@routes.websocket("/jam")
async def jam(socket: WebSocket, session: Annotated[str | None, Query(pattern=r"^[0-9a-f]{16}$")] = None) -> None:
    """Play, and hear a band: the first message is a `JamOrder`, unless a session goes on after a lost connection.

    Then messages of bytes are sound: the sample that it begins with (4 bytes, the lowest first), and 16-bit samples,
    mono from the player and stereo from the band, both in the order of the player's stream; text is a `JamAsk`, and an
    event from the studio.
    """
    studio, client = studio_of(socket), client_of(socket)
    await socket.accept()
    try:
        if session is None:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            order = _parsed(JamOrder, message, "the session")
            check_jam(order)
            one = studio.jams.begin(order, client.name)
        elif not studio.jams.is_live(session) and await studio.has_kept(session):
            await socket.send_text(as_json({"type": "jam_ended", "song": session, "is_kept": True}))
            await socket.close()
            return
        else:
            one = studio.jams.jam(session)
        with one.played_from() as page:
            sending = asyncio.create_task(_send(socket, page))
            try:
                if await _hear(socket, one) == GOING_AWAY:
                    one.leave(page)
            finally:
                sending.cancel()
    except EnsembleError as error:
        await socket.send_text(as_json({"type": "jam_ended", "is_kept": False, "error": refusal_of(error)[1]}))
        await socket.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the page has gone; the session waits for it


async def _send(socket: WebSocket, page: asyncio.Queue[bytes | Event]) -> None:
    while True:
        what = await page.get()
        await (socket.send_bytes(what) if isinstance(what, bytes) else socket.send_text(as_json(what)))


async def _hear(socket: WebSocket, one: Jam) -> int | None:
    """Pass on what the player plays and asks for, until the page has gone; the code with which it went."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        if (placed := message.get("bytes")) is not None:
            if PLACE_BYTES < len(placed) <= MAX_BLOCK_BYTES and len(placed) % 2 == 0:
                await one.hear(placed)
            continue
        try:
            asked = _parsed(JamAsk, message, "the lever")
            if asked.kind == "style":
                check_style(asked.argument)
        except EnsembleError as error:
            one.tell({"type": "refused", "error": refusal_of(error)[1]})
            continue
        if asked.kind == "end":
            one.finish()
        else:
            one.pull(asked.kind, asked.argument)
    code: int | None = message.get("code")
    return code


def _parsed(kind: type[S], message: MutableMapping[str, Any], what: str) -> S:
    """What a message says.

    Raises:
        ConfigError: it is not of this kind.
        StudioError: it is no JSON.
    """
    try:
        document = json.loads(message.get("text") or "")
    except ValueError as error:
        raise StudioError(422, "invalid", f"This is no JSON, but {what} was expected.") from error
    return parse(kind, document, what)
