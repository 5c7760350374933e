"""Chunks in Milvus: Milvus Lite in a folder, or a Milvus server at an address, by the same code.

The whole score is one inner product, so all that is needed of an engine is one vector field with a FLAT index; filters
use only what every version since 2.3 understands. Where engines differ (vectors that are not finite, limits, equal
scores, locking), this module decides.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from ensemble.errors import StoreError, StoreVersionError
from ensemble.retrieve.library.lite import Lite
from ensemble.retrieve.library.store import Match, StoreFilter, StoreRow
from ensemble.types.arrays import FloatArray
from ensemble.types.described import DESCRIPTORS_VERSION

SCHEMA_VERSION = 1
MAX_LIMIT = 16_384
"""Rows per query: what a server allows; Milvus Lite would take more."""
BATCH_ROWS = 2_000
"""Rows in one message: one batch of the log, a few megabytes."""
PATIENCE_S = 20.0
LOADING_PATIENCE = 15.0
"""A server may take this many times `patience_s` to load a large collection."""
_COLLECTION = f"ensemble_chunks_{SCHEMA_VERSION}_{DESCRIPTORS_VERSION}"
_ANY_VERSION = re.compile(r"ensemble_chunks_(\d+)_(\d+)")
_STRONG = {"consistency_level": "Strong"}
_NAMED_AT_ONCE = 100
_REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


class MilvusStore:
    """A collection of chunks, loaded and ready.

    The collection's name holds the versions, since every engine keeps names. The collection is created with the first
    row, which gives the length of vectors. pymilvus repeats requests that reach no server, with growing pauses, until
    `patience_s` has passed.

    Args:
        uri: a folder, made if absent, in which Milvus Lite lives as `store.db` and which only one process may open; or
            the address of a server, `http://host:19530`, `https://` for TLS (an authority of one's own is named in
            `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`).
        token: of the server.
        patience_s: how long one answer may take.
        is_fresh: delete what is there first.

    Raises:
        StoreBusyError: another process has the folder open.
        StoreError: it cannot be reached or read, refuses the token, or holds chunks of another version.
    """

    def __init__(self, uri: str, *, token: str = "", patience_s: float = PATIENCE_S, is_fresh: bool = False) -> None:
        for library in ("pymilvus", "milvus_lite"):
            logging.getLogger(library).setLevel(logging.CRITICAL)  # or they print tracebacks of what is raised
        self._uri = uri
        self._patience_s = patience_s
        self._dimensions = 0
        with contextlib.ExitStack() as opened:
            address, options = uri, dict[str, int]()
            if not is_address(uri):
                self._lite = Lite(Path(uri), is_fresh=is_fresh)
                opened.callback(self._lite.close)
                address, options = self._lite.address, {"grpc.enable_http_proxy": 0}
            with self._complaints("cannot be opened"):
                self._client = MilvusClient(
                    address, token=token, timeout=patience_s, dedicated=True, grpc_options=options
                )
            opened.callback(self._client.close)
            if is_fresh:
                self._empty()
            self._open_collection()
            self._opened = opened.pop_all()

    def add(self, rows: Sequence[StoreRow]) -> None:
        """Insert or replace rows; once this returns they survive the end of the process.

        Raises:
            StoreError: a vector has another length or holds NaN or infinity, or the store cannot be written.
        """
        documents = list({row.id: _document(row) for row in rows}.values())
        if rows and not self._dimensions:
            self._create(len(rows[0].vector))
        for row in rows:
            if len(row.vector) != self._dimensions:
                problem = f"chunk {row.chunk} has {len(row.vector)} dimensions, the store's have {self._dimensions}"
                raise StoreError(self._uri, problem, self._repair)
        for start in range(0, len(documents), BATCH_ROWS):
            with self._complaints("cannot be written"):
                self._client.upsert(_COLLECTION, documents[start : start + BATCH_ROWS], timeout=self._patience_s)

    def remove(self, recordings: Sequence[str]) -> int:
        """Delete every row of these recordings; returns how many there were."""
        removed = 0
        for start in range(0, len(recordings), _NAMED_AT_ONCE):
            where = f"recording in {json.dumps(recordings[start : start + _NAMED_AT_ONCE])}"
            while keys := [row["id"] for row in self._query(where, ["id"], limit=MAX_LIMIT)]:
                with self._complaints("cannot be written"):  # by key: what every version understands
                    self._client.delete(_COLLECTION, ids=keys, timeout=self._patience_s)
                removed += len(keys)
        return removed

    def search(self, queries: FloatArray, limit: int, where: StoreFilter) -> list[list[Match]]:
        """Find the rows with the largest inner product, best first, for each query; equal scores by rising id.

        Args:
            queries: [queries, dimensions].
            limit: rows per query, 1 to 16384.
            where: which rows may be returned.

        Raises:
            StoreError: the queries have another length or are not finite, the limit is out of range, or the store
                does not answer.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise StoreError(self._uri, f"cannot give {limit} rows per question", f"ask for 1 to {MAX_LIMIT}")
        if queries.ndim != 2 or not np.isfinite(queries).all():
            raise StoreError(self._uri, "a question is not a list of finite vectors")
        if not self._dimensions:
            return [[] for _ in queries]
        if queries.shape[1] != self._dimensions:
            problem = f"a question has {queries.shape[1]} dimensions, the store's rows have {self._dimensions}"
            raise StoreError(self._uri, problem, self._repair)
        with self._complaints("did not answer a search"):
            answers = self._client.search(
                _COLLECTION, data=list(queries), anns_field="vector", limit=limit, filter=_expression(where),
                output_fields=["recording", "chunk"], search_params={"metric_type": "IP"}, timeout=self._patience_s,
                **_STRONG,
            )  # fmt: skip
        return [
            [
                Match(hit["id"], hit["entity"]["recording"], hit["entity"]["chunk"], float(hit["distance"]))
                for hit in sorted(hits, key=lambda hit: (-hit["distance"], hit["id"]))
            ]
            for hits in answers
        ]

    def count(self) -> int:
        """Number of rows."""
        rows = self._query("", ["count(*)"])
        return int(rows[0]["count(*)"]) if rows else 0

    def recordings(self) -> dict[str, int]:
        """Number of rows by recording."""
        counts: Counter[str] = Counter()
        if self._dimensions:
            with self._complaints("did not answer"), contextlib.ExitStack() as reading:
                pages = self._client.query_iterator(
                    _COLLECTION, batch_size=MAX_LIMIT, filter="", output_fields=["recording"],
                    timeout=self._patience_s, **_STRONG,
                )  # fmt: skip
                reading.callback(pages.close)
                while page := pages.next():
                    counts.update(row["recording"] for row in page)
        return dict(counts)

    def close(self) -> None:
        """Close it, so that another process may open it."""
        self._opened.close()

    @property
    def _repair(self) -> str:
        return f"run `ensemble index repair --index {self._uri}`"

    def _open_collection(self) -> None:
        """Find this version's collection and bring it into memory."""
        with self._complaints("cannot be read"):
            names = self._client.list_collections(timeout=self._patience_s)
        if _COLLECTION in names:
            with self._complaints("cannot be loaded"):
                fields = self._client.describe_collection(_COLLECTION, timeout=self._patience_s)["fields"]
                self._client.load_collection(_COLLECTION, timeout=LOADING_PATIENCE * self._patience_s)
            self._dimensions = next(int(field["params"]["dim"]) for field in fields if field["name"] == "vector")
        elif found := [match for name in names if (match := _ANY_VERSION.fullmatch(name))]:
            versions = ", ".join(f"{match[1]}.{match[2]}" for match in found)
            problem = f"holds chunks of version {versions}, this release reads {SCHEMA_VERSION}.{DESCRIPTORS_VERSION}"
            raise StoreVersionError(self._uri, problem, self._repair)

    def _create(self, dimensions: int) -> None:
        """Create the collection, or open it if another client has just created it."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        schema.add_field("recording", DataType.VARCHAR, max_length=64)
        schema.add_field("chunk", DataType.INT64)
        for name in ("level_db", "low_db", "tempo_bpm", "remaining_s"):
            schema.add_field(name, DataType.FLOAT)
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        with self._complaints("cannot be written"):
            try:
                self._client.create_collection(_COLLECTION, schema=schema, index_params=index, timeout=self._patience_s)
            except MilvusException:
                self._open_collection()
                if not self._dimensions:
                    raise
            else:
                self._open_collection()

    def _empty(self) -> None:
        """Drop every version's collection."""
        with self._complaints("cannot be emptied"):
            for name in self._client.list_collections(timeout=self._patience_s):
                if _ANY_VERSION.fullmatch(name):
                    self._client.drop_collection(name, timeout=self._patience_s)

    def _query(self, where: str, columns: list[str], **limit: int) -> list[dict[str, Any]]:
        if not self._dimensions:
            return []
        with self._complaints("did not answer"):
            rows: list[dict[str, Any]] = self._client.query(
                _COLLECTION, filter=where, output_fields=columns, timeout=self._patience_s, **_STRONG, **limit
            )
        return rows

    @contextlib.contextmanager
    def _complaints(self, problem: str) -> Iterator[None]:
        """Turn an engine's error into a `StoreError` of one line."""
        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            raise self._complaint(problem, error) from error

    def _complaint(self, problem: str, error: Exception) -> StoreError:
        cause = error if isinstance(error, grpc.RpcError) else error.__cause__
        status = cause.code() if isinstance(cause, grpc.RpcError) else None
        said = " ".join(str(getattr(error, "message", "") or _details(error)).split())[:200]
        if status in _REFUSED or "auth check failure" in said or "unauthenticated" in said.lower():
            return StoreError(self._uri, "refuses the token", "set ENSEMBLE_MILVUS_TOKEN to user:password or a key")
        if is_address(self._uri):
            return self._server_complaint(problem, cause, said)
        return StoreError(self._uri, f"{problem} ({said})", self._repair)

    def _server_complaint(self, problem: str, cause: BaseException | None, said: str) -> StoreError:
        status, details = (cause.code(), _details(cause)) if isinstance(cause, grpc.RpcError) else (None, "")
        if self._uri.startswith("https:") and (refused := _tls_complaint(details)) is not None:
            return StoreError(self._uri, *refused)
        if status is grpc.StatusCode.DEADLINE_EXCEEDED:
            return StoreError(self._uri, f"did not answer within {self._patience_s:g} s", "see how the server does")
        if status is not None or "connect" in said.lower():
            return StoreError(self._uri, f"{problem}: nobody answers there", "start the server, or name another")
        return StoreError(self._uri, f"{problem} ({said})", self._repair)


def _tls_complaint(details: str) -> tuple[str, str] | None:
    """Problem and cure where TLS is to blame. Never to do without it: the token would be readable."""
    trust = "name your authority's certificates, a file in PEM, in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return "shows a certificate that is not trusted", trust
    if "Hostname Verification" in details:
        return "shows a certificate of another name", "use the name that stands in it"
    if "security handshaker" in details:
        return "cannot be trusted, the certificates of your authority are unreadable", trust
    if "WRONG_VERSION_NUMBER" in details:
        return "does not speak TLS", "turn TLS on there"
    if "handshake failed" in details or "ALPN" in details:
        return "does not agree on TLS", f"see what it asks for ({details.rpartition('SSL routines:')[2][:80]})"
    return None


def is_address(uri: str) -> bool:
    """Whether a uri names a server; otherwise it is a folder."""
    return "://" in uri


def _expression(where: StoreFilter) -> str:
    """A filter in the syntax that every version reads.

    Bounds are rounded to float32, as the columns are: then comparing as float32 or as float64 is the same.
    """
    bounds = (
        ("level_db >=", where.min_level_db),
        ("level_db <=", where.max_level_db),
        ("remaining_s >=", where.min_remaining_s),
    )
    return " and ".join(f"{column} {float(np.float32(bound))!r}" for column, bound in bounds if bound is not None)


def _document(row: StoreRow) -> dict[str, Any]:
    numbers = {name: getattr(row, name) for name in ("level_db", "low_db", "tempo_bpm", "remaining_s")}
    is_vector = row.vector.ndim == 1 and row.vector.dtype == np.float32 and len(row.vector) > 0
    if not (is_vector and np.isfinite(row.vector).all() and all(math.isfinite(value) for value in numbers.values())):
        problem = f"chunk {row.chunk} is not described by finite float32 numbers"
        raise StoreError(f"recording {row.recording[:12]}", problem, "describe it again")
    return {"id": row.id, "vector": row.vector, "recording": row.recording, "chunk": row.chunk} | numbers


def _details(error: BaseException) -> str:
    return str(error.details()) if isinstance(error, grpc.Call) else str(error)
