"""The daemon on a live source at 30 frames a second, with a real broker: what it adds to the inference."""

from __future__ import annotations

import itertools
import json
import queue
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
from figures import Figure
from paho.mqtt.enums import CallbackAPIVersion

from edgedet.bench import clips, processes

_SETTLED_S = 3.0
_CONFIG = """\
version: 1
device: bench
state_dir: {folder}/state
mqtt: {{url: "mqtt://127.0.0.1:{port}", homeassistant: {{enabled: false}}}}
detector: {{model: bench, accelerators: [cpu], cpu: {{threads: 1, instances: 1}}}}
models: {{bench: {{cpu: {model}}}}}
cameras:
  clip:
    source: {{type: video, path: {clip}, loop: true, realtime: true}}
    detect: {{fps: {fps}, min_score: 0.25}}
    publish: {{detections: all}}
"""


def latency(model: Path, folder: Path, seconds: float) -> Iterator[Figure]:
    """Capture to publish, less the inference, as the daemon itself says in each message."""
    clip = clips.render(folder / "live.mp4", 300)
    with _daemon(model, clip.path, folder, fps=60) as (_, messages):
        _drain_for(messages, _SETTLED_S)
        bodies = _drain_for(messages, seconds)
    beyond = sorted(body["latency_ms"] - body["inference_ms"] for body in bodies)
    gaps = [later["frame"] - earlier["frame"] for earlier, later in itertools.pairwise(bodies)]
    note = f"{len(bodies)} messages in {seconds:.0f} s, {sum(gap - 1 for gap in gaps if gap > 1)} frames passed over"
    inference = sorted(body["inference_ms"] for body in bodies)
    yield Figure("live 30 fps: capture to publish beyond inference, p50", _at(beyond, 0.5), "ms", "<", 1.5, note)
    yield Figure("live 30 fps: the same, p99", _at(beyond, 0.99), "ms", "<", 4.0)
    yield Figure("live 30 fps: inference, p50", _at(inference, 0.5), "ms")


def memory(model: Path, folder: Path, minutes: float) -> Iterator[Figure]:
    """PSS of the daemon and its workers over a 720p source."""
    clip = clips.render(folder / "hd.mp4", 120, size=(1280, 720))
    with _daemon(model, clip.path, folder, fps=30) as (daemon, messages):
        _drain_for(messages, _SETTLED_S)
        samples: list[float] = []
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            samples.append(processes.pss_mb(daemon))
            _drain_for(messages, 2.0)
        count = len(processes.family(daemon))
    quarter = max(1, len(samples) // 4)
    early, late = sorted(samples[:quarter])[quarter // 2], sorted(samples[-quarter:])[quarter // 2]
    note = f"{count} processes, {len(samples)} samples in {minutes:g} min"
    yield Figure("memory of `edgedet run`, 320 int8, 720p: highest PSS", max(samples), "MB", "<", 160, note)
    yield Figure("the same: last quarter less first", late - early, "MB", "<", 3.0)


@contextmanager
def _daemon(model: Path, clip: Path, folder: Path, *, fps: int) -> Iterator[tuple[int, queue.SimpleQueue[dict]]]:
    """`edgedet run` and mosquitto; gives the daemon's id and what it says about detections."""
    port = _free_port()
    config = folder / "live.yaml"
    config.write_text(_CONFIG.format(folder=folder, port=port, model=model, clip=clip, fps=fps))
    broker_config = folder / "mosquitto.conf"
    broker_config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    mosquitto = shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/usr/bin:/usr/local/bin") or "mosquitto"
    broker = subprocess.Popen([mosquitto, "-c", str(broker_config)], stderr=subprocess.DEVNULL)
    messages: queue.SimpleQueue[dict] = queue.SimpleQueue()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: messages.put(json.loads(message.payload))
    client.on_connect = lambda client, *_: client.subscribe("edgedet/bench/clip/detections")
    try:
        _connect(client, port)
        client.loop_start()
        argv = [sys.executable, "-m", "edgedet", "run", "-c", str(config)]
        with processes.running(argv) as daemon:
            yield daemon.pid, messages
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon has ended: {daemon.stderr.read().decode() if daemon.stderr else ''}")
    finally:
        client.loop_stop()
        broker.terminate()
        broker.wait()


def _drain_for(messages: queue.SimpleQueue[dict], seconds: float) -> list[dict]:
    found, end = [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            found.append(messages.get(timeout=left))
        except queue.Empty:
            break
    return found


def _connect(client: paho.Client, port: int) -> None:
    for _ in range(50):
        try:
            client.connect("127.0.0.1", port)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("mosquitto does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _at(ordered: list[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
