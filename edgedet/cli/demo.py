"""`edgedet demo`: the daemon at work, with nothing to set up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet demo --seconds 60\n"
    "  edgedet demo --source /dev/video0 --model yolov8n.tflite\n"
    "  edgedet demo --url mqtt://homeassistant.local"
)
@click.option("--seconds", type=click.FloatRange(min=1), help="End after so long; else q or Ctrl-C ends it.")
@click.option("--url", help="An MQTT broker that runs already; else the demo brings its own.")
@click.option("--source", help="A video, /dev/video0 or rtsp://…; else a synthetic scene, whose truth is known.")
@click.option(
    "-m", "--model", type=click.Path(path_type=Path, readable=False), help="Your own detector; else the bundled one."
)
def command(seconds: float | None, url: str | None, source: str | None, model: Path | None) -> int:
    """Show the daemon at work in the terminal, without a camera, a broker or a configuration.

    After some seconds things go wrong for real: the detector hangs, the camera stalls, the broker is killed. The
    summary at the end says which promises held; if one did not, the exit status is 1.
    """
    from edgedet.demo.setting import Options
    from edgedet.demo.show import run_demo

    return asyncio.run(run_demo(Options(seconds, url, source, model)))
