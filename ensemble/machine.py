"""The fingerprint of this machine: renders of one plan have equal bytes on machines of equal fingerprint."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "numpy", "scipy", "numba", "llvmlite", "swift-f0", "onnxruntime", "soundfile", "soxr",
    "mido", "python-stretch",
)  # fmt: skip
SWITCHES = ("OPENBLAS_CORETYPE", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NPY_DISABLE_CPU_FEATURES")
"""Environment variables that change which machine code runs."""


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _cpu() -> tuple[str, str]:
    """The CPU's model name, and the vector instructions that decide which machine code runs."""
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
    """Models and driver version of the NVIDIA GPUs, as Linux lists them; empty where there are none."""
    driver = Path("/proc/driver/nvidia/version")
    if not driver.exists():
        return ""
    cards = [path.read_text(errors="replace") for path in sorted(driver.parent.glob("gpus/*/information"))]
    models = [line.split(":", 1)[1].strip() for card in cards for line in card.splitlines() if line.startswith("Model")]
    return "; ".join([*models, driver.read_text(errors="replace").splitlines()[0]])


@cache
def fingerprint() -> dict[str, str]:
    """CPU, GPU, system and library versions: everything that may change the bytes of a render."""
    model, features = _cpu()
    gpu = _gpu()
    libraries = (*LIBRARIES, "torch") if gpu else LIBRARIES  # no CPU plays with torch
    machine = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": model,
        "cpu_features": features,
        "gpu": gpu,
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "switches": " ".join(f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ),
    }
    return machine | {package: _installed(package) for package in libraries}


def ensemble_version() -> str:
    """The version of this project that is installed."""
    return _installed("ray-ensemble")
