"""Milvus Lite in this process, served on a Unix socket in a private folder."""

from __future__ import annotations

import contextlib
import shutil
import weakref
from pathlib import Path
from typing import Any

from milvus_lite.adapter.grpc.server import start_server_in_thread
from milvus_lite.db import MilvusLite
from milvus_lite.exceptions import DataDirLockedError

from ensemble.errors import StoreBusyError, StoreError
from ensemble.files.private import socket_folder

STORE = "store.db"


class Lite:
    """Serves `folder/store.db` at `address`, until `close` or the end of the process.

    Args:
        folder: made if absent.
        is_fresh: delete what is there.

    Raises:
        StoreBusyError: another process has it open.
        StoreError: the folder cannot be used.
    """

    def __init__(self, folder: Path, *, is_fresh: bool = False) -> None:
        try:
            sockets = socket_folder("ensemble-", len("/store"))
        except OSError as error:
            problem = f"is no place for a socket ({error.strerror})"
            raise StoreError(str(error.filename), problem, "set TMPDIR to a short path") from error
        path: Any = sockets / "store"  # gRPC takes `unix:path` where it takes `host:port`
        self.address = f"unix:{path}"
        with contextlib.ExitStack() as failed:
            failed.callback(shutil.rmtree, sockets, ignore_errors=True)
            server, database = _started(folder, path, is_fresh=is_fresh)
            failed.pop_all()
        self.close = weakref.finalize(self, _end, server, database, sockets)
        """Stop the server and release the lock; called at the end of the interpreter too, which would wait for ever."""


def _started(folder: Path, path: Any, *, is_fresh: bool) -> tuple[Any, Any]:
    """Start a server on a socket; it and its database."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_fresh:  # opened once first, so that another process that has it open is noticed
            MilvusLite(str(folder / STORE)).close()
            shutil.rmtree(folder / STORE)
        server, database, _ = start_server_in_thread(str(folder / STORE), "unix", path)
    except DataDirLockedError as error:
        cure = "wait until it has ended, or keep the store on a Milvus server"
        raise StoreBusyError(str(folder), "is open in another process", cure) from error
    except OSError as error:
        raise StoreError(str(folder), f"cannot be opened ({error.strerror})", "name another folder") from error
    return server, database


def _end(server: Any, database: Any, sockets: Path) -> None:
    server.stop(grace=2).wait()
    database.close()
    shutil.rmtree(sockets, ignore_errors=True)
