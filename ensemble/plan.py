"""The request and the receipt: `RenderPlan` says everything that decides the bytes, `Manifest` what came of it."""

from __future__ import annotations

import json
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import Field, ValidationError

from ensemble.config import BandSettings, Settings, first_complaint
from ensemble.continuations import Hop
from ensemble.errors import VerifyError
from ensemble.listen.overrides import Overrides
from ensemble.retrieve.settings import RetrieveSettings

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
MIN_EXTEND_S, MAX_EXTEND_S = 0.1, 600.0
LIBRARIES = (
    "numpy", "scipy", "numba", "llvmlite", "torch", "swift-f0", "onnxruntime", "soundfile", "soxr", "pyloudnorm",
    "mido", "python-stretch",
)  # fmt: skip
SWITCHES = ("OPENBLAS_CORETYPE", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NPY_DISABLE_CPU_FEATURES")
"""Environment variables that change which machine code runs."""


class Extension(Settings):
    """How the leader is wanted to go on after its end."""

    extend_s: float = Field(ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    top_k: int = Field(default=2, ge=1, le=16)
    retrieve: RetrieveSettings = RetrieveSettings()


class ContinuationPlan(Settings):
    """How it goes on in one take: the choice that retrieval made. Its sound is kept as the take's `leader.wav`."""

    leader_sha256: str
    """Of that file's samples."""
    begin_sample: int = Field(ge=0)
    """Where the new sound begins, with the cross-fade out of the leader."""
    beats_s: tuple[float, ...]
    """Of the new sound, in seconds of the whole."""
    total: float
    hops: tuple[Hop, ...]


class RenderPlan(Settings):
    """Everything that decides the bytes: two renders of one plan on one fingerprint are equal.

    Block size, number of actors and where they sit are not part of it.
    """

    leader_sha256: str
    """Of the leader's samples, as `leader.wav` holds them."""
    score_sha256: str | None = None
    """Of the score that the leader was played from, kept beside it as `leader.krn` or `leader.mid`; None where the
    leader is a recording and has to be heard."""
    sample_rate: int = 48_000
    seed: int = 0
    band: BandSettings
    tail_s: float = Field(default=1.0, ge=0.0, le=30.0)
    """How long the band may ring after the leader's end."""
    weights_sha256: dict[str, str] = {}
    """Of every voice file, by part; of the conductor's and the arranger's as `conductor` and `arranger`."""
    overrides: Overrides = Overrides()
    """What the player said of the recording, in place of what is heard."""
    extension: Extension | None = None
    """What was asked for; None where the band ends with the leader."""
    continuations: tuple[ContinuationPlan, ...] = ()
    """What was found, best first: take-01, take-02 and so on."""


class HeardSummary(Settings):
    """What was heard, for people."""

    tempo_bpm: float
    beats_per_bar: int
    num_beats: int
    key: str
    tuning_cents: float
    chords: tuple[str, ...]
    warnings: tuple[str, ...]


class FileReceipt(Settings):
    """One written file. sha256 is of the file; samples_sha256, where it is sound, of its decoded samples."""

    sha256: str
    samples_sha256: str | None = None


class StemFacts(Settings):
    """Measured facts of one stem or mix. click_ratio: largest second difference at a block join over the local 99.9th
    percentile (1 or less is as smooth as the sound itself); None where the file has no joins inside.
    """

    peak_dbfs: float
    true_peak_dbtp: float
    loudness_lufs: float | None
    click_ratio: float | None = None
    clipped_samples: int = 0


class TakeReceipt(Settings):
    """One take: its files by path inside the take's folder, and the measured facts by stem (`mix` is the mix)."""

    files: dict[str, FileReceipt]
    facts: dict[str, StemFacts]
    mix_gain_db: float


class Incident(Settings):
    """One loss during a render: who, what happened, what was done about it, and when (seconds from the seating)."""

    who: str
    cause: str
    action: str
    at_s: float


class Execution(Settings):
    """How it was rendered: never part of the plan, always worth knowing."""

    band_kind: str
    """local or ray."""
    block_frames: int
    actors: int
    restarts: int
    replays: dict[str, int] = {}
    """Blocks that were worked on again after a loss, by part (and `conductor`): at most one for each loss."""
    incidents: tuple[Incident, ...] = ()
    is_resumed: bool = False
    """Whether an earlier process had begun it; what follows is of the last one."""
    duration_s: float
    seconds: dict[str, float]
    """Wall time per stage; `total` is everything from the call to the manifest."""
    busy_s: dict[str, float] = {}
    """Seconds of work per worker."""
    shared_s: float = 0.0
    """Music that all takes begin with, conducted and played once."""


class Manifest(Settings):
    """The receipt of a render; `verify` plays it again."""

    version: int = MANIFEST_VERSION
    ensemble_version: str
    plan: RenderPlan
    source: str
    """The leader's file name as given (no folders)."""
    source_sha256: str
    heard: HeardSummary
    leader: FileReceipt
    takes: dict[str, TakeReceipt]
    execution: Execution
    fingerprint: dict[str, str]
    exact: bool = True
    """Whether every player sat on this fingerprint."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            VerifyError: there is none, or it is not one of this version.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise VerifyError(str(path), problem, "name a folder that render wrote") from error
        return Manifest.parse(content, str(path))

    @staticmethod
    def parse(content: bytes, what: str) -> Manifest:
        """Read what `write` wrote; `what` is the file's name in messages.

        Raises:
            VerifyError: it is not a manifest of this version.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise VerifyError(what, "is not JSON", "render again") from error
        found = document.get("version") if isinstance(document, dict) else None
        if found != MANIFEST_VERSION:
            raise VerifyError(what, f"is of manifest version {found}", f"this release reads {MANIFEST_VERSION}")
        try:
            return Manifest.model_validate(document)
        except ValidationError as error:
            place, problem = first_complaint(error)
            raise VerifyError(what, f"{place}: {problem}", "render again") from error


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _cpu() -> tuple[str, str]:
    """Model name and the vector features that decide which code runs."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), ""
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    vector = {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512dq", "avx512bw", "asimd", "sve"}
    features = sorted(vector & set((named.get("flags") or named.get("Features") or "").split()))
    return named.get("model name", platform.machine()), " ".join(features)


def _gpu() -> str:
    """Models and driver of the NVIDIA GPUs, as the kernel tells them; empty where there are none."""
    driver = Path("/proc/driver/nvidia/version")
    if not driver.exists():
        return ""
    cards = [path.read_text(errors="replace") for path in sorted(driver.parent.glob("gpus/*/information"))]
    models = [line.split(":", 1)[1].strip() for card in cards for line in card.splitlines() if line.startswith("Model")]
    return "; ".join([*models, driver.read_text(errors="replace").splitlines()[0]])


@cache
def fingerprint() -> dict[str, str]:
    """The kind of machine: equal bytes are promised between machines of equal fingerprint."""
    model, features = _cpu()
    machine = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": model,
        "cpu_features": features,
        "gpu": _gpu(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "switches": " ".join(f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ),
    }
    return machine | {package: _installed(package) for package in LIBRARIES}


def ensemble_version() -> str:
    """The installed release."""
    return _installed("ray-ensemble")
