"""Cameras that give a picture every five seconds: they watch, none of them has stalled, and one that does is found."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from clips import colourful
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon
from rtsp import RtspServer, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PAUSE_S = 5
WATCHED_S = 24.0
"""More than four pauses: their rate is known then, and has been the measure for some of them."""
SLACK_S = 2.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a picture every five seconds."""
    file = tmp_path_factory.mktemp("clip") / "slow.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(1, PAUSE_S))
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(colourful(128, 96, phase=number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with serving(fps=f"1/{PAUSE_S}") as running:
        yield running


def states(heard: Subscriber, camera: str) -> list[str]:
    return [told.decode() for told in heard.of(f"edgedet/dev/{camera}/state")]


def codes(heard: Subscriber) -> set[str]:
    return {r["code"] for told in heard.of("edgedet/dev/health") for r in json.loads(told)["reasons"]} - {"starting"}


async def test_slow_cameras_and_one_that_is_rarely_looked_at_watch_and_one_that_stalls_is_found_by_its_own_rate(
    tmp_path: Path, clip: Path, server: RtspServer
) -> None:
    sources = {
        "stated": f"{{type: synthetic, size: [320, 240], fps: {1 / PAUSE_S}}}",
        "recorded": f"{{type: video, path: {clip}, realtime: true}}",
        # The server begins when it is asked, and that takes two of its pictures.
        "network": f"{{type: rtsp, url: '{server.url}', open_timeout_s: 20}}",
        "rarely": "{type: synthetic, size: [320, 240], fps: 15}",
    }
    looks = dict.fromkeys(sources, 5.0) | {"rarely": 1 / PAUSE_S}
    config = tmp_path / "edgedet.yaml"
    with Broker(tmp_path) as broker:
        config.write_text(
            f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\ncameras:\n"
            + "".join(
                f"  {name}: {{source: {source}, detect: {{fps: {looks[name]}}}, publish: {{detections: all}}}}\n"
                for name, source in sources.items()
            )
        )
        with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
            await eventually(lambda: all(states(heard, name)[-1:] == ["watching"] for name in sources))
            await asyncio.sleep(WATCHED_S)
            assert {name: states(heard, name)[-1] for name in sources} == dict.fromkeys(sources, "watching")
            assert not {name for name in sources if "blind" in states(heard, name)}
            assert codes(heard) == set()
            looked_at = {name: len(heard.of(f"edgedet/dev/{name}/detections")) for name in sources}
            assert all(4 <= looked_at[name] <= 8 for name in sources), looked_at

            server.process.send_signal(signal.SIGSTOP)
            stopped_s = time.monotonic()
            await eventually(lambda: states(heard, "network")[-1] == "blind")
            assert 2 * PAUSE_S - SLACK_S < time.monotonic() - stopped_s < 3 * PAUSE_S + SLACK_S
            assert codes(heard) <= {"camera_stalled"}
            server.process.send_signal(signal.SIGCONT)
            await eventually(lambda: states(heard, "network")[-1] == "watching")
            assert run.stop() == 0
