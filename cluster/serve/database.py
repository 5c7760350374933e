"""The list of songs, jobs and links, in SQLite: what is written is there after the server was killed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cluster.serve.models import JobKind, JobState, Refusal
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


class SongRow(NamedTuple):
    """A song, as it is kept."""

    id: str
    title: str
    created_at: str
    suffix: str
    duration_s: float
    num_channels: int
    sample_rate: int
    is_score: bool
    version: int | None
    band: str | None


class JobRow(NamedTuple):
    """A job, as it is kept."""

    id: str
    song: str
    client: str
    kind: JobKind
    request: dict[str, Any]
    state: JobState
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    words: str = ""
    parts: tuple[str, ...] | None = None
    base: int | None = None
    version: int | None = None
    export: str | None = None
    error: Refusal | None = None
    first_sound_s: float | None = None


class ShareRow(NamedTuple):
    """A link to a song, as it is kept."""

    id: str
    song: str
    created_at: str


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

    def add_song(self, song: SongRow) -> None:
        """Add a song."""
        self._change("INSERT INTO songs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *song)

    def songs(self) -> list[SongRow]:
        """All songs, the newest first."""
        rows = self._rows("SELECT * FROM songs ORDER BY created_at DESC, rowid DESC")
        return [_song(row) for row in rows]

    def song(self, name: str) -> SongRow | None:
        """A song, if there is one of this name."""
        rows = self._rows("SELECT * FROM songs WHERE id = ?", name)
        return _song(rows[0]) if rows else None

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
        columns, marks = ", ".join(JobRow._fields), ", ".join("?" * len(job))
        self._change(f"INSERT INTO jobs ({columns}) VALUES ({marks})", *_cells(job))  # noqa: S608  our own names

    def write_job(self, job: JobRow) -> None:
        """Replace what is kept of a job."""
        columns = ", ".join(f"{name} = ?" for name in JobRow._fields)
        self._change(f"UPDATE jobs SET {columns} WHERE id = ?", *_cells(job), job.id)  # noqa: S608  our own names

    def job(self, name: str) -> JobRow | None:
        """A job, if there is one of this name."""
        rows = self._jobs("WHERE id = ?", name)
        return rows[0] if rows else None

    def open_jobs(self) -> list[JobRow]:
        """Every job that is queued or running, in the order in which they were asked for."""
        return self._jobs("WHERE state IN ('queued', 'running') ORDER BY number")

    def last_job(self, song: str) -> JobRow | None:
        """The job of a song that ended last."""
        rows = self._jobs("WHERE song = ? AND ended_at IS NOT NULL ORDER BY ended_at DESC, number DESC LIMIT 1", song)
        return rows[0] if rows else None

    def edits_of(self, song: str) -> dict[int, dict[str, Any]]:
        """By which edit each version of a song was made; a render begins anew."""
        found: dict[int, dict[str, Any]] = {}
        for job in self._jobs("WHERE song = ? AND state = 'done' AND kind IN ('render', 'redo') ORDER BY number", song):
            if job.kind == "render":
                found.clear()
            elif job.version is not None:
                found[job.version] = job.request
        return found

    def add_share(self, share: ShareRow, token_sha256: str) -> None:
        """Add a link."""
        self._change("INSERT INTO shares VALUES (?, ?, ?, ?)", share.id, share.song, token_sha256, share.created_at)

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

    def _jobs(self, condition: str, *values: Any) -> list[JobRow]:
        rows = self._rows(f"SELECT {', '.join(JobRow._fields)} FROM jobs {condition}", *values)  # noqa: S608  ours
        return [_job(row) for row in rows]

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


def _song(row: tuple[Any, ...]) -> SongRow:
    song = SongRow(*row)
    return song._replace(is_score=bool(song.is_score))


def _cells(job: JobRow) -> tuple[Any, ...]:
    return job._replace(
        request=json.dumps(job.request),  # type: ignore[arg-type]
        parts=None if job.parts is None else json.dumps(job.parts),  # type: ignore[arg-type]
        error=None if job.error is None else job.error.model_dump_json(),  # type: ignore[arg-type]
    )


def _job(row: tuple[Any, ...]) -> JobRow:
    job = JobRow(*row)
    return job._replace(
        request=json.loads(job.request),  # type: ignore[arg-type]
        parts=None if job.parts is None else tuple(json.loads(job.parts)),  # type: ignore[arg-type]
        error=None if job.error is None else Refusal.model_validate_json(job.error),  # type: ignore[arg-type]
    )
