"""A device that comes back with an empty state directory, on a new card say, to a broker that remembers it."""

from __future__ import annotations

from pathlib import Path

from edgedet.outputs.connection import Connection
from edgedet.outputs.left_behind import left_behind
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon

BASE = "edgedet/dev"
GONE = ("garden/state", "garden/objects/person", "garden/zones/lawn/all", "porch/lines/gate/in", "porch/objects/cat")
"""Of a camera and a line that the configuration does not have, and a count that nobody has counted now."""
COMMAND = "porch/detect/set"
OTHERS = "edgedet/other/garden/state"


def configuration(folder: Path, broker: Broker) -> Path:
    file = folder / "edgedet.yaml"
    file.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\nmqtt: {{url: '{broker.url}'}}\n"
        "detector: {model: demo_model, accelerators: [cpu]}\n"
        "cameras:\n  porch: {source: {type: synthetic, size: [320, 240], fps: 5}}\n"
    )
    return file


async def test_a_camera_of_an_earlier_installation_does_not_stay_watching_on_the_broker(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Subscriber(broker.port) as heard:
        for topic in (*GONE, COMMAND):
            heard.publish(f"{BASE}/{topic}", "1", retain=True)
        heard.publish(OTHERS, "watching", retain=True)
        with RunningDaemon(configuration(tmp_path, broker), tmp_path / "log") as daemon:
            await heard.until(lambda: all(heard.last(f"{BASE}/{topic}") == b"" for topic in GONE))
            await heard.until(lambda: heard.last(f"{BASE}/porch/state") == b"watching")
            assert daemon.stop() == 0
        assert "Took 5 topics away that an earlier installation had left" in daemon.log
        kept = await left_behind(Connection(host="127.0.0.1", port=broker.port), Topics("dev"))
        assert f"{BASE}/porch/state" in kept
        assert not {f"{BASE}/{topic}" for topic in GONE} & set(kept)
        with Subscriber(broker.port) as later:
            await later.until(lambda: later.last(f"{BASE}/{COMMAND}") == b"1" and later.last(OTHERS) == b"watching")


async def test_the_broker_is_asked_once_and_not_again_by_the_next_start(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Subscriber(broker.port) as heard:
        config = configuration(tmp_path, broker)
        for _ in range(2):
            begun = len(heard.of(f"{BASE}/porch/state"))
            with RunningDaemon(config, tmp_path / "log") as daemon:
                await heard.until(lambda begun=begun: b"watching" in heard.of(f"{BASE}/porch/state")[begun:])
                await heard.until(lambda: "edgedet-dev-left-behind disconnected" in broker.log)
                assert daemon.stop() == 0
        assert broker.log.count("as edgedet-dev-left-behind") == 1
