"""What edgedet promises about speed and size, measured: one table of figure, target, measured, met or not.

    EDGEDET_TEST_DATA=../shared/data python tests/bench/run.py
    python tests/bench/run.py --only speed --model "320 int8" --rounds 9
    python tests/bench/run.py --only memory --minutes 10
    chrt -r 1 python tests/bench/run.py --only edgetpu   # on a machine that others use: what sleeps is woken in time

On a quiet machine: it says so at the end if it was not one. The program that edgedet grew from needs an environment of
its own (tests/bench/requirements-ultralytics.txt, in .venv-bench); without it that part is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import edgetpu
import footprint_720p
import live
import speed
from figures import Figure, conditions, table

HERE = Path(__file__).parent
PARTS = ("postprocess", "speed", "edgetpu", "live", "footprint", "memory")
INT8_320 = "yolov8n_320_full_integer_quant.tflite"


def main() -> int:
    arguments = _arguments()
    data = os.environ.get("EDGEDET_TEST_DATA")
    if not data:
        raise SystemExit("EDGEDET_TEST_DATA is not set: it names the folder of real models and clips")
    folder = Path(data).resolve()
    before = conditions()
    with tempfile.TemporaryDirectory(prefix="edgedet-bench-") as scratch:
        found = list(_figures(arguments, folder, Path(scratch)))
    print(f"before: {before}\nafter:  {conditions()}\n\n{table(found)}")
    return int(any(each.verdict == "NOT MET" for each in found))


def _figures(arguments: argparse.Namespace, data: Path, scratch: Path) -> Iterator[Figure]:
    models, clip = data / "models", arguments.clip or data / "videos" / "one-by-one-person-detection.mp4"
    program = arguments.program.absolute() if arguments.program.exists() else None
    if program is None and {"postprocess", "speed"}.intersection(arguments.only):
        print(f"{arguments.program} is not there: Ultralytics is left out", file=sys.stderr)
    if "postprocess" in arguments.only:
        yield from _postprocessing(program or Path(sys.executable))
    if "speed" in arguments.only:
        yield from speed.figures(
            models,
            clip,
            scratch,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            program=program,
            only=arguments.model,
        )
    if "edgetpu" in arguments.only:
        yield from edgetpu.worker(models / INT8_320, arguments.rounds, arguments.seconds)
        yield from edgetpu.pipeline(models / INT8_320, clip, scratch, arguments.rounds, arguments.seconds)
    if "live" in arguments.only:
        yield from live.latency(models / INT8_320, scratch, arguments.live_seconds)
    if "footprint" in arguments.only:
        yield from footprint_720p.figures(models / INT8_320, clip, scratch, seconds=10.0, starts=9)
    if "memory" in arguments.only:
        yield from live.memory(models / INT8_320, scratch, arguments.minutes)


def _postprocessing(python: Path) -> Iterator[Figure]:
    """In the other environment, since both sides must run in one process."""
    code = (
        "import json, dataclasses, bench_postprocess as b;"
        "print(json.dumps([dataclasses.asdict(each) for each in b.measure(200)]))"
    )
    done = subprocess.run([str(python), "-c", code], cwd=HERE, check=True, capture_output=True, text=True)
    for each in json.loads(done.stdout.splitlines()[-1]):
        found = Figure(**each)
        yield replace(found, name=f"post-processing: {found.name.strip()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--model", default="", help='part of "640 float32", "640 int8", "320 int8"')
    parser.add_argument("--clip", type=Path, help="in place of one-by-one-person-detection.mp4")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run in a round")
    parser.add_argument("--live-seconds", type=float, default=30.0)
    parser.add_argument(
        "--minutes", type=float, default=0.5, help="of watching the daemon's memory; the promise says 10"
    )
    parser.add_argument(
        "--program", type=Path, default=Path(".venv-bench/bin/python"), help="interpreter with Ultralytics"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
