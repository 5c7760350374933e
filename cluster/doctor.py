"""What is installed, what is missing, what would run where."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from agents.environment import BELOW_BYTES, SHARED_MEMORY
from agents.node_check import HOME, check_packages
from cluster.extras import extra_of, install_line, needed
from ensemble.errors import EnsembleError
from ensemble.files.private import socket_folder
from ensemble.settings.user_folder import user_folder


class Finding(NamedTuple):
    """One thing that was checked."""

    what: str
    verdict: Literal["ok", "note", "missing"]
    detail: str


def examine() -> list[Finding]:
    """Check everything that a render needs."""
    return [
        Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}"),
        *_packages(),
        _ours(),
        _torch(),
        _kernels(),
        _ffmpeg(),
        _machine(),
        _disk(),
        _sockets(),
        _shared_memory(),
        _cache(),
        _terminal(),
        _token(),
    ]


def _packages() -> list[Finding]:
    """Each package, and what brings those that are missing."""
    found = dict.fromkeys(one.package for one in needed())  # several extras may bring one
    return [_package(name) for name in found]


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        extra = extra_of(name)
        return Finding(name, "note" if extra else "missing", install_line(extra))


def _ours() -> Finding:
    try:
        check_packages()
    except EnsembleError as error:
        return Finding("ensemble, agents, cluster", "missing", str(error))
    return Finding("ensemble, agents, cluster", "ok", str(HOME))


def _torch() -> Finding:
    """Import torch, which takes seconds, only where a GPU driver is present."""
    if not (Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()):
        return Finding("voices", "ok", "on the CPU (numba kernels); no NVIDIA device on this machine")
    import torch

    if not torch.cuda.is_available():
        return Finding("voices", "note", "on the CPU; an NVIDIA device is present but this torch cannot use it")
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return Finding("voices", "ok", f"device: cuda plays on {names}; auto and cpu on the CPU")


def _kernels() -> Finding:
    from ensemble.play.warm import kernels_are_cached

    if kernels_are_cached():
        return Finding("kernels", "ok", "compiled for this machine")
    return Finding("kernels", "note", "not compiled yet: the first render takes some seconds longer")


def _ffmpeg() -> Finding:
    found = shutil.which("ffmpeg")
    if found:
        return Finding("ffmpeg", "ok", f"{found} (for .m4a and what libsndfile cannot read)")
    return Finding("ffmpeg", "note", "absent: .m4a and the like cannot be read (apt install ffmpeg)")


def _machine() -> Finding:
    memory = psutil.virtual_memory()
    return Finding(
        "machine", "ok" if memory.available > 2 << 30 else "note",
        f"{os.cpu_count()} cores, {memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
    )  # fmt: skip


def _disk() -> Finding:
    place = tempfile.gettempdir()
    free = shutil.disk_usage(place).free / 2**30
    return Finding("disk", "ok" if free > 2 else "note", f"{free:.1f} GiB free in {place}, where Ray keeps its session")


def _sockets() -> Finding:
    place = tempfile.gettempdir()
    try:
        folder = socket_folder("ensemble-doctor-", BELOW_BYTES)
    except OSError as error:
        return Finding("sockets", "missing", f"no place for them ({error.strerror}): set TMPDIR to a short path")
    folder.rmdir()
    if folder.parent == Path(place):
        return Finding("sockets", "ok", f"in {place}")
    return Finding("sockets", "note", f"in {folder.parent}: {place} is too long or cannot be written")


def _shared_memory() -> Finding:
    if not SHARED_MEMORY.is_dir():
        return Finding("shared memory", "note", f"{SHARED_MEMORY} is absent: Ray keeps its objects in files")
    free = shutil.disk_usage(SHARED_MEMORY).free / 2**30
    verdict: Literal["ok", "note"] = "ok" if free > 1 else "note"
    return Finding("shared memory", verdict, f"{free:.1f} GiB free in {SHARED_MEMORY}")


def _cache() -> Finding:
    try:
        folder = user_folder("cache")
    except OSError as error:
        return Finding("cache", "note", str(error.strerror))
    try:
        present = next(place for place in (folder, *folder.parents) if place.exists())
        tempfile.TemporaryDirectory(dir=present).cleanup()
    except OSError as error:
        cure = "set XDG_CACHE_HOME, which --extend and train need"
        return Finding("cache", "note", f"{folder} cannot be written ({error.strerror}): {cure}")
    return Finding("cache", "ok", str(folder))


def _terminal() -> Finding:
    encoding = sys.stdout.encoding or "ascii"
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("terminal", "ok", encoding)
    return Finding("terminal", "note", f"{encoding}: names are printed with escapes (set PYTHONIOENCODING=utf-8)")


def _token() -> Finding:
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode != "token":
        return Finding("Ray token", "note", f"RAY_AUTH_MODE={mode}: anyone on this machine can use our Ray")
    return Finding("Ray token", "ok", "asked for on every connection")
