"""Makes the bundled model again, from nothing: render, train, export, evaluate. Goes on where it was stopped."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLED = HERE.parents[1] / "edgedet" / "data" / "demo_model.tflite"
_PICTURES_A_SHARD = 500


def run(script: str, *arguments: str | Path) -> None:
    """Run one step of the recipe and say how long it took."""
    print(f"== {script} {' '.join(map(str, arguments))}", flush=True)
    began = time.monotonic()
    environment_of_this_one = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(environment_of_this_one, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed with status {done.returncode}; what was done so far is kept")
    print(f"== {script}: {time.monotonic() - began:.0f} s", flush=True)


def smoke() -> None:
    """A few pictures, one step of training, an export: whether the recipe still works, not what comes out of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("render.py", folder / "data", "--shards", "1", "--pictures", "8")
        run("train.py", folder / "data", folder / "run", "--steps", "1", "--batch", "4")
        weights = folder / "run" / "averaged.weights.h5"
        run("export.py", weights, folder / "data", folder / "smoke.tflite", "--calibrate-on", "8")
    print("one step of training: done")


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "build", help="pictures, weights and exports")
    parser.add_argument("--pictures", type=int, default=15_000, help="training pictures; 200 kB each on disk")
    parser.add_argument("--minutes", type=float, default=60.0, help="of training; on two cores an hour is enough")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="float32", help="mixed_bfloat16 on a processor with AVX512-BF16")
    parser.add_argument("--head", choices=("split", "single"), default="split")
    parser.add_argument("--evaluate-on", type=int, default=300, help="pictures")
    parser.add_argument("--smoke", action="store_true", help="one step of everything in a temporary folder")
    options = parser.parse_args()
    if options.smoke:
        smoke()
        return
    data, trained = options.work / "data", options.work / "run"
    run("render.py", data, "--shards", str(-(-options.pictures // _PICTURES_A_SHARD)),
        "--pictures", str(_PICTURES_A_SHARD))  # fmt: skip
    run("train.py", data, trained, "--minutes", str(options.minutes), "--threads", str(options.threads),
        "--precision", options.precision)  # fmt: skip
    weights = trained / "averaged.weights.h5"
    exact, quantised = options.work / "float32.tflite", options.work / "int8.tflite"
    run("export.py", weights, data, exact, "--head", options.head, "--float")
    run("export.py", weights, data, quantised, "--head", options.head)
    for model in (exact, quantised):
        for pool in ("trained", "unseen"):
            run("evaluate.py", model, "--pictures", str(options.evaluate_on), "--pool", pool)
    BUNDLED.parent.mkdir(exist_ok=True)
    shutil.copyfile(quantised, BUNDLED)
    print(f"{BUNDLED}: {BUNDLED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
