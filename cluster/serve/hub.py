"""Events on their way to the pages that listen: of what a page has not fetched yet, only the newest state is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

PAUSE_S = 0.1
"""Between two deliveries to one page; what happens meanwhile is delivered together."""
PING_S = 20.0

Event = dict[str, Any]


class PageListener:
    """One page that listens.

    Args:
        wants: whether it may hear of a song, by the song's name.
    """

    def __init__(self, wants: Callable[[str], bool]) -> None:
        self.wants = wants
        self._pending: dict[tuple[str, ...], Event] = {}
        self._wake = asyncio.Event()

    def put(self, key: tuple[str, ...], event: Event) -> None:
        """Replace what waits under a key."""
        self._pending.pop(key, None)
        self._pending[key] = event
        self._wake.set()

    async def events(self) -> AsyncIterator[Event]:
        """Everything, as it comes; a `ping` where nothing does."""
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), PING_S)
            except TimeoutError:
                yield {"type": "ping"}
                continue
            self._wake.clear()
            pending, self._pending = self._pending, {}
            for event in pending.values():
                yield event
            await asyncio.sleep(PAUSE_S)


def as_json(event: Event) -> str:
    """An event, as it is sent to a page."""
    return json.dumps(event, separators=(",", ":"), default=lambda value: value.model_dump(mode="json"))


class Hub:
    """All pages that listen."""

    def __init__(self) -> None:
        self._listeners: set[PageListener] = set()

    @contextmanager
    def listening(self, wants: Callable[[str], bool]) -> Iterator[PageListener]:
        """Lend a listener."""
        listener = PageListener(wants)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def publish(self, song: str, key: tuple[str, ...], event: Event) -> None:
        """Tell every page that may hear of a song; `key` names what the event is the newest state of."""
        for listener in self._listeners:
            if listener.wants(song):
                listener.put(key, event)
