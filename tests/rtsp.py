"""An RTSP server for the tests: a child on a free loopback port, run by the system's Python, where GStreamer is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PYTHON = Path("/usr/bin/python3")
_SCRIPT = Path(__file__).with_name("integration") / "rtsp_server.py"
_NEEDS = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [name for name in ("videotestsrc", "x264enc", "rtph264pay") if Gst.ElementFactory.find(name) is None]
raise SystemExit(f"GStreamer has no {', '.join(missing)}" if missing else 0)
"""


@dataclass(frozen=True, slots=True)
class RtspServer:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"


@contextmanager
def serving(
    *, size: tuple[int, int] = (160, 120), fps: str = "15/1", credentials: str | None = None
) -> Iterator[RtspServer]:
    """A server with a moving ball under `url`; skips the test where nothing can run it. `fps` is a fraction."""
    _skip_without_gstreamer()
    command = [str(_PYTHON), str(_SCRIPT), *map(str, size), fps, *([credentials] if credentials else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield RtspServer(process, int(process.stdout.readline()))
        finally:
            # SIGKILL ends a stopped process as well.
            process.kill()


def _skip_without_gstreamer() -> None:
    if not _PYTHON.exists():
        pytest.skip(f"no RTSP server: there is no {_PYTHON}")
    check = subprocess.run([str(_PYTHON), "-c", _NEEDS], capture_output=True, text=True, check=False)
    if check.returncode:
        reason = check.stderr.strip().splitlines()[-1] if check.stderr.strip() else "it does not start"
        pytest.skip(f"no RTSP server (tests/install-system-packages installs it): {reason}")
