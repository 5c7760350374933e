"""Where a library lies, and how it is opened: a folder or the address of a server."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import StoreError, StoreVersionError
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.library import Library
from ensemble.settings.installed import STORES, installed_names, load_installed
from ensemble.settings.user_folder import user_folder

if TYPE_CHECKING:
    from ensemble.retrieve.library.store import Store

TOKEN_VARIABLE = "ENSEMBLE_MILVUS_TOKEN"  # noqa: S105  the name of one


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPlace:
    """Where a library lies."""

    uri: str
    """Of the store: a folder, or the address of a server."""
    folder: Path
    """Of the ledger."""

    @property
    def is_server(self) -> bool:
        """Whether the store is a server, which others may use too."""
        return "://" in self.uri

    @staticmethod
    def of(uri: str, ledger: str = "") -> LibraryPlace:
        """A folder keeps its own ledger; a server's lies where `ledger` says, or in the user's cache directory.

        Raises:
            StoreError: the uri is neither a folder nor the address of a server, or has a token in it.
        """
        scheme, is_address, rest = uri.partition("://")
        if not is_address:
            folder = Path(uri).expanduser().absolute()
            return LibraryPlace(uri=str(folder), folder=Path(ledger).absolute() if ledger else folder)
        if not rest or not (scheme in ("http", "https") or scheme in installed_names(STORES)):
            others = "".join(f", or {name}://..." for name in installed_names(STORES))
            cure = f"write http://host:19530 or https://host:19530{others}"
            raise StoreError(uri, "is no address of a Milvus server", cure)
        if "@" in rest:
            shown = f"{scheme}://{rest.rpartition('@')[2]}"
            raise StoreError(shown, "was given with a password", f"put it into {TOKEN_VARIABLE}, as user:password")
        if ledger:
            return LibraryPlace(uri=uri, folder=Path(ledger).absolute())
        return LibraryPlace(uri=uri, folder=cache_folder() / "ledgers" / hashlib.sha256(uri.encode()).hexdigest()[:16])


def cache_folder() -> Path:
    """The user's cache directory."""
    return user_folder("cache")


def open_library(
    place: LibraryPlace, *, is_writer: bool = True, is_mending: bool = False, is_fresh: bool = False
) -> Library:
    """Open a library; the caller closes it.

    Args:
        place: where it lies.
        is_writer: hold the right to change it. Milvus Lite has one user at a time, whatever they do.
        is_mending: skip damaged lines of the ledger.
        is_fresh: empty the store first.

    Raises:
        StoreBusyError: another process has it open.
        StoreError: it cannot be reached or read, is damaged, or is of another version.
    """
    ledger = Ledger(place.folder, is_writer=is_writer, is_mending=is_mending)
    try:
        store = _store_at(place, is_fresh=is_fresh)
    except BaseException:
        ledger.close()
        raise
    return Library(store, ledger, is_shared=place.is_server)


def _store_at(place: LibraryPlace, *, is_fresh: bool = False) -> Store:
    """Milvus, or the store that another installed package brings for the address's scheme."""
    scheme, token = place.uri.partition("://")[0] if place.is_server else "", os.environ.get(TOKEN_VARIABLE, "")
    if scheme not in ("", "http", "https"):
        store: Store = load_installed(STORES, scheme)(place.uri, token=token, is_fresh=is_fresh)
        return store
    from ensemble.retrieve.library.milvus import MilvusStore

    return MilvusStore(place.uri, token=token, is_fresh=is_fresh)


def nothing_known(place: LibraryPlace) -> StoreError:
    """The error for a ledger without recordings. Nothing is created; a server is asked what it holds.

    Raises:
        StoreError: the server cannot be reached, refuses, or holds what another release made.
    """
    ledger = "" if place.folder == LibraryPlace.of(place.uri).folder else f" --ledger {place.folder}"
    add = f"run `ensemble index add PATH... --index {place.uri}{ledger}`"
    if not place.is_server:
        return StoreError(place.uri, "holds no recordings", add)
    try:
        store = _store_at(place)
    except StoreVersionError as error:
        raise StoreError(place.uri, error.problem, "use another server") from error
    try:
        num_rows = store.count()
    finally:
        store.close()
    if not num_rows:
        return StoreError(place.uri, "holds no recordings", add)
    problem = f"holds {num_rows} chunks, of recordings that are described elsewhere"
    return StoreError(place.uri, problem, f"name the folder that describes them (`ledger`), or {add}")
