"""No event from a scene without objects: streets, trees, houses and lamps, by day, by night and in the rain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import pytest

from edgedet.cameras.synthetic import Settings, scene_of

SECONDS = 8
FPS = 10


def recorded(path: Path, settings: Settings) -> Path:
    scene = scene_of(settings)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = settings.size
        stream.pix_fmt = "yuv420p"
        for number in range(SECONDS * FPS):
            picture = av.VideoFrame.from_ndarray(scene.render(number / FPS), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("seed", "night", "rain"),
    [(1, False, False), (2, True, False), (3, False, True), (4, False, False), (5, True, True)],
)
def test_an_empty_street_tells_nothing(tmp_path: Path, seed: int, night: bool, rain: bool) -> None:
    clip = recorded(tmp_path / "empty.mp4", Settings(seed=seed, objects=0, night=night, rain=rain))
    command = [sys.executable, "-m", "edgedet", "detect", "--events", str(clip), "--format", "jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"{SECONDS * FPS} frames in ")
    assert done.stdout == ""
