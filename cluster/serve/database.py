"""The list of songs, jobs and links, in SQLite: what is written is there after the server was killed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cluster.serve.models import JobFacts, SongFacts
from ensemble.errors import OutputError

SCHEMA_VERSION = 1
_MIGRATIONS = (
    """
    CREATE TABLE songs (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at TEXT NOT NULL, suffix TEXT NOT NULL,
        duration_s REAL NOT NULL, num_channels INTEGER NOT NULL, sample_rate INTEGER NOT NULL,
        is_score INTEGER NOT NULL, version INTEGER, band TEXT
    );
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, song TEXT NOT NULL, client TEXT NOT NULL,
        kind TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, created_at TEXT NOT NULL, started_at TEXT,
        ended_at TEXT, words TEXT NOT NULL, parts TEXT, base INTEGER, version INTEGER, export TEXT, error TEXT,
        first_sound_s REAL
    );
    CREATE INDEX jobs_of_song ON jobs (song, number);
    CREATE INDEX jobs_by_state ON jobs (state);
    CREATE TABLE shares (
        id TEXT PRIMARY KEY, song TEXT NOT NULL, token_sha256 TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL
    );
    """,
)
"""What makes a database of each version out of one of the version before."""


class SongRow(SongFacts):
    """A song, as it is kept."""

    suffix: str
    """How the name of its upload ends."""


class JobRow(JobFacts):
    """A job, as it is kept."""

    client: str
    """Who asked for it."""
    request: dict[str, Any]
    """What is asked for: `RenderOrder`, `Edits` and so on as JSON."""


class ShareRow(NamedTuple):
    """A link to a song, as it is kept."""

    id: str
    """Its name."""
    song: str
    """Whose song may be read."""
    created_at: str
    """When it was made (ISO 8601, UTC)."""


_SONG, _JOB = (", ".join(kind.model_fields) for kind in (SongRow, JobRow))
"""The columns of a song and of a job."""
_JSON = ("request", "parts", "error")
"""Those that are kept as JSON."""


class StudioDatabase:
    """The studio's list. One process writes it; every method is one transaction.

    Args:
        path: the file; made if absent.
        patience_s: how long a studio that was killed may take to let it go.

    Raises:
        OutputError: it is damaged, of a later release, open in another studio, or cannot be written.
    """

    def __init__(self, path: Path, patience_s: float = 10.0) -> None:
        self._path = path
        with self._told():
            self._connection = sqlite3.connect(path, patience_s, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # memory that is shared needs one host
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._migrate()
        except OutputError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def content(self) -> bytes:
        """The file as it is at this moment."""
        with self._told():
            return self._connection.serialize()

    def add_song(self, song: SongRow) -> None:
        """Add a song."""
        self._insert("songs", _SONG, *song.model_dump().values())

    def songs(self) -> list[SongRow]:
        """All songs, the newest first."""
        return self._songs("ORDER BY created_at DESC, rowid DESC")

    def song(self, name: str) -> SongRow | None:
        """A song, if there is one of this name."""
        return next(iter(self._songs("WHERE id = ?", name)), None)

    def rename(self, name: str, title: str) -> None:
        """Give a song another title."""
        self._change("UPDATE songs SET title = ? WHERE id = ?", title, name)

    def set_version(self, name: str, version: int, band: str) -> None:
        """Note which version of a song lies there, and whose band plays."""
        self._change("UPDATE songs SET version = ?, band = ? WHERE id = ?", version, band, name)

    def remove_song(self, name: str) -> None:
        """Remove a song with its jobs and links."""
        with self._told(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for table, column in (("songs", "id"), ("jobs", "song"), ("shares", "song")):
                self._connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608  our names

    def add_job(self, job: JobRow) -> None:
        """Add a job."""
        self._insert("jobs", _JOB, *_cells(job))

    def write_job(self, job: JobRow) -> None:
        """Replace what is kept of a job."""
        columns = ", ".join(f"{name} = ?" for name in JobRow.model_fields)
        self._change(f"UPDATE jobs SET {columns} WHERE id = ?", *_cells(job), job.id)  # noqa: S608  our own names

    def job(self, name: str) -> JobRow | None:
        """A job, if there is one of this name."""
        return next(iter(self._jobs("WHERE id = ?", name)), None)

    def open_jobs(self) -> list[JobRow]:
        """Every job that is queued or running, in the order in which they were asked for."""
        return self._jobs("WHERE state IN ('queued', 'running') ORDER BY number")

    def last_job(self, song: str) -> JobRow | None:
        """The job of a song that ended last."""
        condition = "WHERE song = ? AND ended_at IS NOT NULL ORDER BY ended_at DESC, number DESC LIMIT 1"
        return next(iter(self._jobs(condition, song)), None)

    def edits_of(self, song: str) -> dict[int, dict[str, Any]]:
        """By which edit each version of a song was made; a render begins anew."""
        found: dict[int, dict[str, Any]] = {}
        for job in self._jobs(
            "WHERE song = ? AND state = 'done' AND kind IN ('render', 'jam', 'redo') ORDER BY number", song
        ):
            if job.kind != "redo":
                found.clear()
            elif job.version is not None:
                found[job.version] = job.request
        return found

    def add_share(self, share: ShareRow, token_sha256: str) -> None:
        """Add a link."""
        self._insert("shares", "id, song, created_at, token_sha256", *share, token_sha256)

    def shares(self, song: str) -> list[ShareRow]:
        """The links of a song, in the order in which they were made."""
        rows = self._rows("SELECT id, song, created_at FROM shares WHERE song = ? ORDER BY rowid", song)
        return [ShareRow(*row) for row in rows]

    def share_of(self, token_sha256: str) -> ShareRow | None:
        """The link with this token, by the token's sha256."""
        rows = self._rows("SELECT id, song, created_at FROM shares WHERE token_sha256 = ?", token_sha256)
        return ShareRow(*rows[0]) if rows else None

    def has_share(self, name: str) -> bool:
        """Whether a link of this name is still there."""
        return bool(self._rows("SELECT 1 FROM shares WHERE id = ?", name))

    def remove_share(self, song: str, name: str) -> bool:
        """Remove a link of a song; whether there was one."""
        return self._change("DELETE FROM shares WHERE song = ? AND id = ?", song, name) > 0

    def _songs(self, condition: str, *values: Any) -> list[SongRow]:
        rows = self._rows(f"SELECT {_SONG} FROM songs {condition}", *values)  # noqa: S608  our own names
        return [SongRow(**dict(zip(SongRow.model_fields, row, strict=True))) for row in rows]

    def _jobs(self, condition: str, *values: Any) -> list[JobRow]:
        rows = self._rows(f"SELECT {_JOB} FROM jobs {condition}", *values)  # noqa: S608  our own names
        return [_job(dict(zip(JobRow.model_fields, row, strict=True))) for row in rows]

    def _insert(self, table: str, columns: str, *values: Any) -> None:
        marks = ", ".join("?" * len(values))
        self._change(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *values)  # noqa: S608  our own names

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._told():
            return self._connection.execute(query, values).fetchall()

    def _change(self, statement: str, *values: Any) -> int:
        with self._told():
            return self._connection.execute(statement, values).rowcount

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise OutputError(str(self._path), f"is of a later release (schema {version})", "use that release")
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn errors of SQLite into ours."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                cure = "end that one, or name another folder with --data"
                raise OutputError(str(self._path), "is open in another studio", cure) from error
            raise OutputError(str(self._path), f"cannot be used ({error})", "make room, or restore it") from error


def now() -> str:
    """The time, as it is kept (ISO 8601, UTC)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _cells(job: JobRow) -> list[Any]:
    """What is written of a job, in the order of its columns."""
    kept = job.model_dump()
    return list((kept | {name: None if kept[name] is None else json.dumps(kept[name]) for name in _JSON}).values())


def _job(row: dict[str, Any]) -> JobRow:
    return JobRow(**row | {name: None if row[name] is None else json.loads(row[name]) for name in _JSON})
