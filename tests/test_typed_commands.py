"""What the pages tell a newcomer to type runs: every line, in its order, in one folder, as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ensemble
from ensemble.audio.files import read_clip, write_clip
from ensemble.leaders import leader_path
from ensemble.types.music import AudioClip

ROOT = Path(__file__).parents[1]
OTHER_PAGES = (
    "ensemble/rendering/README.md", "ensemble/retrieve/README.md", "configs/README.md", "cluster/README.md",
)  # fmt: skip
"""They take minutes: `make pages` runs them, too."""
PAGES = ("README.md", *(OTHER_PAGES if os.environ.get("EVERY_PAGE") else ()))
NOT_RUN = {
    "--watch": "goes on until it is interrupted",
    "live --out": "needs a sound card",
    "s3://": "needs a cloud store",
    "http://127.0.0.1:19530": "needs a Milvus server",
    "data compose": "takes minutes, as what follows it: tests/data and tests/train do it with less",
    "data inspect": "",
    "train player": "",
    "evaluate player": "",
    "voices add": "",
}
"""Words of lines that are left out, and why."""
SECONDS = 6
PROGRAMS = ("ensemble ", "cp ")


def commands(text: str) -> list[str]:
    """The commands in a page's blocks of shell, in order, without their comments."""
    lines = "".join(re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).splitlines()
    typed = [re.sub(r"\s+#.*", "", line) for line in lines if line.startswith(PROGRAMS)]
    return [line for line in typed if not any(words in line for words in NOT_RUN)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A user's own, with a Ray that is up, so that no command waits for one."""
    home = tmp_path_factory.mktemp("home")
    places = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("STATE", "CONFIG")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | places | {"PATH": path, "PYTHONPATH": str(ROOT)}
    environment.pop("RAY_ADDRESS", None)
    subprocess.run(["ensemble", "up"], env=environment, check=True, capture_output=True)
    yield environment
    subprocess.run(["ensemble", "down"], env=environment, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a newcomer is: recordings of their own, and a checkout."""
    guitar = read_clip(leader_path())
    samples = np.ascontiguousarray(guitar.samples[:, : SECONDS * guitar.sample_rate])
    for name in (
        "my-guitar.wav",
        "song.wav",
        "leader.wav",
        "recordings/one.wav",
        "recordings/two.wav",
        "my-recordings/one.wav",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_clip(tmp_path / name, AudioClip(samples=samples, sample_rate=guitar.sample_rate))
    subprocess.run(["ffmpeg", "-v", "error", "-i", "my-guitar.wav", "my-violin.flac"], cwd=tmp_path, check=True)
    (tmp_path / "list.yaml").write_text("- {leader: my-guitar.wav, name: first, band: quartet, seed: 7}\n")
    (tmp_path / "ensemble").symlink_to(ROOT / "ensemble")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_to_type_runs(page: str, folder: Path, environment: dict[str, str]) -> None:
    text = (ROOT / page).read_text()
    for yaml in re.findall(r"^```yaml\nname: trio\n.*?^```", text, re.MULTILINE | re.DOTALL):
        (folder / "trio.yaml").write_text(yaml.removeprefix("```yaml\n").removesuffix("```"))
    typed = commands(text)
    assert len(typed) >= 4
    for line in typed:
        here = line.replace("/shared/", f"{folder}/shared/")
        here += " --fast" * here.startswith("ensemble live --file")  # beside other tests it would be refused: too busy
        done = subprocess.run(
            ["bash", "-c", here], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}"


def test_the_python_of_the_readme_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    names = {"samples": read_clip(folder / "my-guitar.wav").samples}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  our own page
    assert isinstance(names["take"], ensemble.Render)
