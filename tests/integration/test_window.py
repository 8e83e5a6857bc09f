"""The window of `--show`, on a real (virtual) display."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgedet.errors import UsageError
from edgedet.outputs.window import Window

pytest.importorskip("tkinter")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    program = shutil.which("Xvfb")
    assert program, "Xvfb is missing: tests/install-system-packages installs it"
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [program, "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb gave no display"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def on_display(display: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISPLAY", display)
    return display


def xdotool(*words: str) -> str:
    return subprocess.run(["xdotool", *words], check=True, capture_output=True, text=True, timeout=10).stdout.strip()


async def until_seen(title: str) -> str:
    """The window's id, once it is on the screen."""
    return await asyncio.to_thread(xdotool, "search", "--sync", "--onlyvisible", "--name", title)


async def test_a_picture_appears_in_its_size_while_the_loop_goes_on(on_display: str) -> None:
    async with Window("appears") as window:
        window.show(Image.new("RGB", (320, 200), (250, 10, 20)))
        number = await until_seen("appears")
        geometry = await asyncio.to_thread(xdotool, "getwindowgeometry", "--shell", number)
        assert "WIDTH=320" in geometry
        assert "HEIGHT=200" in geometry
        assert window.hungry


async def test_a_picture_larger_than_the_screen_is_shrunk(on_display: str) -> None:
    async with Window("large") as window:
        window.show(Image.new("RGB", (3840, 2160)))
        number = await until_seen("large")
        geometry = await asyncio.to_thread(xdotool, "getwindowgeometry", "--shell", number)
        assert "WIDTH=720" in geometry


@pytest.mark.parametrize("key", ["q", "Escape"])
async def test_a_key_closes_the_window(on_display: str, key: str) -> None:
    async with Window(f"key-{key}") as window:
        window.show(Image.new("RGB", (100, 100)))
        number = await until_seen(f"key-{key}")
        await asyncio.to_thread(xdotool, "windowfocus", "--sync", number, "key", key)
        await asyncio.wait_for(window.closed.wait(), 10)
        window.show(Image.new("RGB", (100, 100)))
        assert not window.hungry


async def test_the_newest_of_several_pictures_wins(on_display: str) -> None:
    async with Window("newest") as window:
        for side in (100, 110, 120, 130):
            window.show(Image.new("RGB", (side, side)))
        assert not window.hungry
        number = await until_seen("newest")
        geometry = await asyncio.to_thread(xdotool, "getwindowgeometry", "--shell", number)
        assert "WIDTH=130" in geometry


async def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match="no display") as caught:
        async with Window():
            pass
    assert "--save" in str(caught.value)


def test_a_still_picture_stays_until_q_and_then_the_command_ends_well(on_display: str, tmp_path: Path) -> None:
    picture = tmp_path / "grey.png"
    Image.new("RGB", (320, 240), (90, 90, 90)).save(picture)
    command = [sys.executable, "-m", "edgedet", "detect", str(picture), "--show", "--format", "none"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as shown:
        number = xdotool("search", "--sync", "--onlyvisible", "--name", "edgedet").splitlines()[0]
        time.sleep(1.0)
        assert shown.poll() is None
        xdotool("windowfocus", "--sync", number)
        xdotool("key", "q")
        assert shown.wait(30) == 0
        assert shown.stderr is not None
        assert shown.stderr.read().startswith("1 frames in")
