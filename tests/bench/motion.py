"""What `detect.motion` saves: processor time of the daemon and its workers, over a clip in which little happens.

    python tests/bench/motion.py                                    # the bundled model, a drawn street
    python tests/bench/motion.py --model yolov8n_320_full_integer_quant.tflite \\
        --clip one-by-one-person-detection.mp4 --empty 0:5.5 --visit 5.5:20.5

The clip is a minute long, with one visit; of a clip of one's own the empty part is shown to and fro before the visit.
Off and on are measured by turns. Processor time hardly depends on what else the machine does; the load is given.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edgedet.bench import processes
from edgedet.settings.model_choice import BUNDLED_MODEL

sys.path.insert(0, str(Path(__file__).parents[1]))

from visits import street

_LENGTH_S = 60.0
_SETTLED_S = 4.0
_TICKS = os.sysconf("SC_CLK_TCK")
_CONFIG = """\
version: 1
device: bench
state_dir: {folder}/state
mqtt: {{url: "mqtt://127.0.0.1:9", homeassistant: {{enabled: false}}}}   # nobody listens: what is told costs little
detector: {{model: bench, accelerators: [cpu], cpu: {{threads: 1, instances: 1}}}}
models: {{bench: {{cpu: {model}}}}}
cameras:
  clip:
    source: {{type: video, path: {clip}, loop: true, realtime: true}}
    detect: {{fps: {fps:g}, motion: {motion}}}
"""


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="edgedet-bench-") as scratch:
        folder = Path(scratch)
        clip = _drawn(folder / "street.mp4") if arguments.clip is None else _composed(arguments, folder / "own.mp4")
        shares: dict[str, list[float]] = {"off": [], "on": []}
        memory: dict[str, list[float]] = {"off": [], "on": []}
        for _ in range(arguments.rounds):
            for state, motion in (("off", "{}"), ("on", f"{{enabled: true, idle_fps: {arguments.idle_fps:g}}}")):
                config = folder / f"{state}.yaml"
                config.write_text(
                    _CONFIG.format(folder=folder, model=arguments.model, clip=clip, fps=arguments.fps, motion=motion)
                )
                share, megabytes = _measured(config)
                shares[state].append(share)
                memory[state].append(megabytes)
                print(f"{state:>3}: {share:5.1f} % of a core, {megabytes:4.0f} MB", flush=True)
    off, on = statistics.median(shares["off"]), statistics.median(shares["on"])
    print(
        f"\n{arguments.model.name}, {arguments.fps:g} fps, idle {arguments.idle_fps:g} fps; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
        f"without the gate: {off:.1f} % of a core   with it: {on:.1f} %   ratio {on / off:.2f}\n"
        f"memory: {statistics.median(memory['off']):.0f} MB and {statistics.median(memory['on']):.0f} MB"
    )
    return 0


def _measured(config: Path) -> tuple[float, float]:
    """Per cent of one core over a whole round of the clip, and MB, of the daemon with everything it has started."""
    with processes.running([sys.executable, "-m", "edgedet", "run", "-c", str(config)]) as daemon:
        time.sleep(_SETTLED_S)
        before, begun = _cpu_s(daemon.pid), time.monotonic()
        time.sleep(_LENGTH_S)
        used, passed = _cpu_s(daemon.pid) - before, time.monotonic() - begun
        if daemon.poll() is not None or len(processes.family(daemon.pid)) < 3:
            raise SystemExit("the daemon does not work; try `edgedet run` with a configuration of your own")
        return 100.0 * used / passed, processes.pss_mb(daemon.pid)


def _cpu_s(pid: int) -> float:
    total = 0
    for each in processes.family(pid):
        # After the name, which may hold anything; fields 14 and 15 of proc(5) are user and system time.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _drawn(path: Path) -> Path:
    scene = street([_LENGTH_S - 20.0], (640, 480))
    return _encoded(path, (scene.render(number / 15) for number in range(round(_LENGTH_S * 15))), 15)


def _composed(arguments: argparse.Namespace, path: Path) -> Path:
    with av.open(str(arguments.clip)) as container:
        rate = round(container.streams.video[0].average_rate or 25)
        frames = [(frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    empty = [picture for at_s, picture in frames if arguments.empty[0] <= at_s < arguments.empty[1]]
    visit = [picture for at_s, picture in frames if arguments.visit[0] <= at_s < arguments.visit[1]]
    if len(empty) < 2 or not visit:
        raise SystemExit("--empty and --visit must name stretches of the clip: START:END in seconds")
    there_and_back = [*empty, *empty[-2:0:-1]]
    waiting = max(0, round(_LENGTH_S * rate) - len(visit))
    pictures = [there_and_back[number % len(there_and_back)] for number in range(waiting)]
    return _encoded(path, iter([*pictures, *visit]), rate)


def _encoded(path: Path, pictures: Iterator[NDArray[np.uint8]], rate: int) -> Path:
    with av.open(str(path), "w") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = container.add_stream(codec, rate=rate)
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=lambda text: Path(text).resolve(), default=BUNDLED_MODEL)
    parser.add_argument("--clip", type=Path, help="a recording of your own")
    parser.add_argument("--empty", type=_stretch, default=(0.0, 5.0), help="seconds of it in which nobody is there")
    parser.add_argument("--visit", type=_stretch, default=(5.0, 20.0), help="seconds of it in which somebody is")
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--idle-fps", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def _stretch(text: str) -> tuple[float, float]:
    start, _, end = text.partition(":")
    return float(start), float(end)


if __name__ == "__main__":
    raise SystemExit(main())
