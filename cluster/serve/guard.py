"""Who may ask, from where, how much and how often: everything is checked here before a route sees it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.serve.models import Refusal, RefusalBody
from cluster.serve.refusals import FAILED, StudioError, stranger
from ensemble.events import emit

COOKIE = "ensemble_session"
MAX_BODY_BYTES = 1 << 20
"""Of every request but an upload."""
REQUESTS_PER_S, BURST = 100.0, 400.0
"""Of one client."""
STRANGERS_PER_S, STRANGERS_BURST = 20.0, 60.0
"""Of all who have no session together."""
MAX_SOCKETS = 8
"""Of one client."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OPEN_TO_ALL = re.compile(r"/api/(session|health)")
_OPEN_TO_READERS = re.compile(r"/api/(session|catalogue|events|jobs|jobs/[0-9a-f]{16}(/desk)?|songs)")
_UPLOADS = "/api/songs"
_ANOTHER = {"cross-site", "same-site"}
"""What a browser says of requests of other pages."""
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "connect-src 'self'; worker-src 'self' blob:; font-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


class Client(NamedTuple):
    """Who asks."""

    role: Literal["owner", "reader"]
    """A reader sees one song and changes nothing."""
    name: str
    """Names a browser."""
    song: str | None = None
    """The song that a reader sees."""
    share: str | None = None
    """The link that a reader came by."""

    def sees(self, song: str) -> bool:
        """Whether it may read a song."""
        return self.song in (None, song)


class Keys:
    """The studio's key: opens sessions, and signs their cookies.

    Args:
        key: the token that owners have.
        has_share: whether a link, by its name, still holds.
    """

    def __init__(self, key: str, has_share: Callable[[str], bool]) -> None:
        self._key, self._has_share = key.encode(), has_share

    def is_key(self, token: str) -> bool:
        """Whether this is the owners' token."""
        return hmac.compare_digest(token.encode(), self._key)

    def cookie(self, role: Literal["owner", "reader"], song: str = "", share: str = "") -> tuple[Client, str]:
        """A new session, and the value of its cookie."""
        client = Client(role, secrets.token_hex(6), song or None, share or None)
        said = f"{role}.{client.name}.{song}.{share}"
        return client, f"{said}.{self._mark(said)}"

    def client_of(self, headers: Mapping[str, str]) -> Client | None:
        """Who asks with these headers."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Client("owner", "bearer") if self.is_key(token.strip()) else None
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        said, _, mark = ("" if morsel is None else morsel.value).rpartition(".")
        if said.count(".") != 3 or not hmac.compare_digest(mark.encode(), self._mark(said).encode()):
            return None
        role, name, song, share = said.split(".")
        if role == "owner":
            return Client("owner", name)
        return Client("reader", name, song, share) if self._has_share(share) else None

    def _mark(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()


class Bucket:
    """A limit: so many a second, and so many at once after a rest."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at = burst, time.monotonic()

    def take(self) -> bool:
        """Whether one more is within the limit."""
        now = time.monotonic()
        self._left, self._at = min(self._burst, self._left + (now - self._at) * self._per_s), now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Guard:
    """The outermost layer of the studio.

    Args:
        app: the routes.
        keys: opens sessions.
        hosts: as which the studio may be addressed: `HOST:PORT`, or `HOST` alone for any port; `*` for all.
        max_upload_bytes: of one upload.
    """

    def __init__(self, app: ASGIApp, keys: Keys, hosts: Collection[str], max_upload_bytes: int) -> None:
        self._app, self._keys, self._max_upload_bytes = app, keys, max_upload_bytes
        self._hosts = {host.lower() for host in hosts}
        self._buckets: dict[str, Bucket] = {}
        self._sockets: Counter[str] = Counter()
        self._strangers = Bucket(STRANGERS_PER_S, STRANGERS_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        client = self._keys.client_of(headers)
        scope.setdefault("state", {})["client"] = client
        refusal = self._refusal(scope, headers, client)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal.status, refusal.refusal)
        elif scope["type"] == "websocket":
            await self._listen(scope, receive, send, client)
        else:
            await self._answer(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Mapping[str, str], client: Client | None) -> StudioError | None:
        """Why a request is refused."""
        path, method = scope["path"], scope.get("method", "GET")
        is_api = path.startswith("/api/")
        is_open = not is_api or (_OPEN_TO_ALL.fullmatch(path) is not None and method in ("GET", "POST"))
        length = headers.get("content-length", "0")
        found: StudioError | None = None
        if not self._is_known(headers.get("host", "")):
            found = StudioError(403, "forbidden", "The studio is not known by that name.")
        elif self._is_foreign(scope, headers):
            found = StudioError(403, "forbidden", "Another page may not use the studio.")
        elif is_api and not self._bucket(client).take():
            found = StudioError(429, "busy", "That is too much at once; try again in a few seconds.")
        elif not is_open and client is None:
            found = stranger()
        elif not is_open and client is not None and client.role == "reader" and not _may_read(client, path, method):
            found = StudioError(403, "forbidden", "This link is for reading one song.")
        elif not (length.isascii() and length.isdecimal()):
            found = StudioError(400, "invalid", "The request does not say how long it is.")
        elif int(length) > self._most(path, method):
            found = _too_large(self._most(path, method))
        return found

    def _is_foreign(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether another page than the studio's asks. Browsers always say which page opens a socket."""
        origin = headers.get("origin")
        if origin is None:
            is_silent = scope["type"] == "websocket" and "authorization" not in headers
            is_another = scope["path"].startswith("/api/") and headers.get("sec-fetch-site") in _ANOTHER
            return is_silent or is_another
        return not self._is_known(origin.partition("://")[2])

    def _is_known(self, host: str) -> bool:
        return bool({host.lower(), host.lower().rpartition(":")[0], "*"} & self._hosts)

    def _bucket(self, client: Client | None) -> Bucket:
        if client is None:
            return self._strangers
        if len(self._buckets) > 1000:
            self._buckets.clear()
        return self._buckets.setdefault(client.name, Bucket(REQUESTS_PER_S, BURST))

    def _most(self, path: str, method: str) -> int:
        return self._max_upload_bytes if path == _UPLOADS and method == "POST" else MAX_BODY_BYTES

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, started = 0, False
        most = self._most(scope["path"], scope["method"])

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _too_large(most)
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *(one for one in extra if one[0] not in present)]
                if scope["path"].startswith("/api/") and b"cache-control" not in present:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            await self._app(scope, counted, guarded)
        except Exception as error:  # noqa: BLE001  nothing of it may be seen outside
            emit("studio request failed", error=type(error).__name__, path=scope["path"])
            if not started:
                await _refuse(scope, receive, send, 500, FAILED)

    async def _listen(self, scope: Scope, receive: Receive, send: Send, client: Client | None) -> None:
        name = "" if client is None else client.name
        if self._sockets[name] >= MAX_SOCKETS:
            busy = StudioError(429, "busy", "This browser listens too often already.")
            await _refuse(scope, receive, send, busy.status, busy.refusal)
            return
        self._sockets[name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets[name] -= 1


def _too_large(most_bytes: int) -> StudioError:
    return StudioError(413, "too_large", f"That is larger than {most_bytes / 2**20:.3g} MB.")


def _may_read(client: Client, path: str, method: str) -> bool:
    """Whether a reader may ask for this."""
    of_song = f"/api/songs/{client.song}"
    is_its_own = path == of_song or (path.startswith(f"{of_song}/") and not path.endswith("/shares"))
    return method in _SAFE and (is_its_own or _OPEN_TO_READERS.fullmatch(path) is not None)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, refusal: Refusal) -> None:
    """Answer with a refusal; a socket is closed, with 4000 more than the status."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000 + status, "reason": refusal.code})
        return
    body = RefusalBody(error=refusal).model_dump_json().encode()
    headers: list[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"cache-control", b"no-store")] + ([(b"retry-after", b"2")] if status == 429 else [])
    headers += [(b"connection", b"close")] if status == 413 else []
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
