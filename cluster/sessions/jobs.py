"""A render as a Ray job: its files are sent along, its output is followed, its result is fetched."""

from __future__ import annotations

import asyncio
import logging
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from agents.environment import prepare_environment
from ensemble.errors import BandError, ConfigError, OutputError

SENT = {
    "leader": "",
    "band": "--band",
    "chords": "--chords",
    "retrieval": "--retrieval",
    "voice": "--voice",
    "arranger": "--arranger",
}
"""Arguments of `render` that may be files of this machine, and their options."""
FOLDER = "sent"
NOT_FOUND = 127
"""A shell's exit status for a command that is not on PATH."""
MAX_SENT_BYTES = 400 << 20
"""Ray takes 500 MiB."""


def submit(
    words: Sequence[str], parameters: dict[str, Any], address: str, say: Callable[[str], None], *, is_followed: bool
) -> str:
    """Let a cluster run `ensemble render`.

    Args:
        words: the command line after `render`.
        parameters: the same, parsed.
        address: of the cluster's dashboard, `http://HOST:PORT`.
        say: called with every line that the job prints.
        is_followed: stay until it is done.

    Returns:
        The job's id.

    Raises:
        ConfigError: a file cannot be sent, or --out is not a place that the cluster knows.
        BandError: the cluster does not take it, or it failed.
    """
    check_out(str(parameters["out"]), address)
    check_leader(parameters.get("leader"), address)
    prepare_environment()
    from ray.dashboard.modules import dashboard_sdk
    from ray.dashboard.modules.job import sdk
    from ray.job_submission import JobSubmissionClient

    for name in ("ray", dashboard_sdk.__name__, sdk.__name__):  # they log every package and connection
        logging.getLogger(name).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="ensemble-submit-") as folder:
        entrypoint = shlex.join(["ensemble", "render", *_sent_along(list(words), parameters, Path(folder))])
        try:
            client: Any = JobSubmissionClient(address)
            job: str = client.submit_job(entrypoint=entrypoint, runtime_env={"working_dir": folder})
        except Exception as error:  # Ray raises plain ones
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            cure = "is its dashboard there, and RAY_AUTH_TOKEN the cluster's?"
            raise BandError(f"the cluster at {address}", f"does not take the job ({reason})", cure) from error
    if is_followed:
        _follow(client, job, address, say)
    return job


def control(verb: str, job: str, address: str) -> str:
    """The command that follows a job (`logs --follow`) or stops it (`stop`)."""
    return f"RAY_AUTH_MODE=token ray job {verb} --address {address} {job}"


def check_out(out: str, address: str) -> None:
    """Make sure that --out is a URL, or a path that means the same on the cluster.

    Raises:
        ConfigError: it is relative, and the cluster is not this machine.
    """
    if "://" not in out and not PurePosixPath(out).is_absolute():
        cure = f"give {Path(out).absolute()}" if _is_here(address) else "name a folder that all nodes see, or a URL"
        raise ConfigError("--out", f"{out} is a path of this folder alone", cure)


def check_leader(leader: str | None, address: str) -> None:
    """Make sure that the leader is a file to send along, or something that the cluster can read.

    Raises:
        ConfigError: it is neither.
    """
    if leader is None:  # the bundled one is on every node
        return
    path = Path(leader)
    if "://" in leader or path.is_file() or (path.is_absolute() and (path.is_dir() or not _is_here(address))):
        return
    if path.is_dir():
        cure = f"give {path.absolute()}, if all nodes see it, or a URL"
        raise ConfigError(leader, "is a folder, and only files are sent along", cure)
    raise ConfigError(leader, "is not here", "check the path")


def _is_here(address: str) -> bool:
    """Whether a dashboard is on this machine."""
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def fetch(out: str, into: Path) -> None:
    """Copy a finished render to this machine.

    Raises:
        OutputError: it is not there, or something lies here already.
    """
    from ensemble.output.transfer import fetched_render

    if into.exists() and any(into.iterdir()):
        raise OutputError(str(into), "exists and is not empty", "name another folder")
    with fetched_render(out) as found:
        if not found.is_dir():
            raise OutputError(out, "cannot be seen from here", "let it be written to a URL, or a shared folder")
        shutil.copytree(found, into, dirs_exist_ok=True)


def _sent_along(words: list[str], parameters: dict[str, Any], folder: Path) -> list[str]:
    """The words, with every file of this machine replaced by its copy in `folder`."""
    size = 0
    (folder / FOLDER).mkdir()
    for name, option in SENT.items():
        given = parameters.get(name)
        path = Path(given) if given is not None and "://" not in str(given) else None
        if path is None or not path.is_file():
            continue
        size += path.stat().st_size
        if size > MAX_SENT_BYTES:
            cure = "put it where the nodes can read it (a shared folder, a URL)"
            raise ConfigError(str(path), f"is more than {MAX_SENT_BYTES >> 20} MiB to send", cure)
        copy = PurePosixPath(FOLDER) / f"{name}{path.suffix}" if option else PurePosixPath(FOLDER) / path.name
        shutil.copyfile(path, folder / copy)
        card = path.with_suffix(".json")
        if path.suffix == ".safetensors" and card.is_file():
            shutil.copyfile(card, (folder / copy).with_suffix(".json"))
        words = [_swapped(word, str(given), str(copy)) for word in words]
    return words


def _swapped(word: str, given: str, copy: str) -> str:
    option, equals, value = word.partition("=")
    if word == given:
        return copy
    return f"{option}={copy}" if equals and value == given else word


def _follow(client: Any, job: str, address: str, say: Callable[[str], None]) -> None:
    last = ""

    async def listen() -> None:
        nonlocal last
        async for lines in client.tail_job_logs(job):
            for line in lines.splitlines():
                say(line)
                last = line.strip() or last

    try:
        asyncio.run(listen())
        told = client.get_job_info(job)
    except Exception as error:  # Ray raises plain ones
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        problem = f"cannot be followed ({reason}), and may go on"
        raise BandError(f"job {job}", problem, f"`{control('logs --follow', job, address)}`") from error
    except BaseException:  # Ctrl-C
        say(f"job {job} goes on: `{control('logs --follow', job, address)}`, `{control('stop', job, address)}`")
        raise
    if told.driver_exit_code == NOT_FOUND:
        cure = "start Ray there with the environment of `ensemble` on PATH"
        raise BandError(f"job {job}", "found no `ensemble` on the cluster", cure)
    if told.status != "SUCCEEDED":
        problem = f"ended as {str(told.status).lower()} ({last[:200]})"
        raise BandError(f"job {job}", problem, f"see `{control('logs', job, address)}`")
