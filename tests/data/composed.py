"""What the composer's tests share: whether it can render here, and short pieces."""

from __future__ import annotations

import shutil

import pytest

from ensemble.data.compose.fluidsynth import SOUNDFONT

SHORT_S = (7.0, 9.0)
needs_renderer = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(),
    reason="SKIPPED LOUDLY: FluidSynth or FluidR3_GM.sf2 is missing (apt install fluidsynth fluid-soundfont-gm)",
)
