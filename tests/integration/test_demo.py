"""`edgedet demo` as a user starts it: in a pipe, on a terminal, against somebody's broker, and ended early."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from integration.broker import Broker, Subscriber, free_port
from integration.edgedet_process import run_edgedet

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def children_of(pid: int) -> list[str]:
    """Command lines of what that process started and what is still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


class OnTerminal:
    """The demo on a terminal of its own, as large as is wanted."""

    def __init__(self, *arguments: str, columns: int = 80, rows: int = 24, term: str = "xterm-256color") -> None:
        self._arguments = arguments
        self._term = term
        self._ours, self._theirs = pty.openpty()
        self.output = b""
        self.resize(columns, rows)

    def __enter__(self) -> Self:
        environment = {**os.environ, "TERM": self._term, "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        environment.pop("NO_COLOR", None)
        self.child = subprocess.Popen(
            # The terminal must be its own, for Ctrl-C and for the keyboard.
            ["setsid", "--ctty", sys.executable, "-m", "edgedet", "demo", *self._arguments],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            env=environment,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait(10)
        os.close(self._ours)
        os.close(self._theirs)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def read_until(self, holds: Callable[[bytes], bool], timeout_s: float = 60.0) -> bytes:
        """What came since the last call, once it `holds`."""
        start, deadline = len(self.output), time.monotonic() + timeout_s
        while not holds(self.output[start:]):
            assert time.monotonic() < deadline, self.output[start:][-2000:]
            if select.select([self._ours], [], [], 0.2)[0]:
                self.output += os.read(self._ours, 65536)
        return self.output[start:]

    def wait(self, timeout_s: float = 30.0) -> int:
        deadline = time.monotonic() + timeout_s
        while self.child.poll() is None:
            assert time.monotonic() < deadline, self.output[-2000:]
            if select.select([self._ours], [], [], 0.1)[0]:
                self.output += os.read(self._ours, 65536)
        while select.select([self._ours], [], [], 0.1)[0]:
            self.output += os.read(self._ours, 65536)
        return self.child.returncode


def lowest_row(output: bytes) -> int:
    return max(int(row) for row in re.findall(rb"\x1b\[(\d+);1H", output))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_in_a_minute_every_promise_is_put_to_the_test_and_kept() -> None:
    done = run_edgedet("demo", "--seconds", "60", timeout_s=120)
    assert done.code == 0, done.out + done.err
    assert done.err == ""
    assert "\x1b" not in done.out
    assert "stopping the detector worker (SIGSTOP" in done.out
    assert "stopping the camera worker (SIGSTOP" in done.out
    assert "killing the broker" in done.out
    summary = done.out[done.out.rindex("frames looked at, ") :]
    assert len(re.findall(r"^  kept ", summary, re.MULTILINE)) == 5
    assert "BROKEN" not in summary
    assert "not shown" not in summary
    assert re.search(r"what is there is found: truth [\d,]+, found [\d,]+, false [\d,]+", summary)
    assert re.search(r"blind after [\d.]+ s, objects/all stays [1-9]", summary)


def test_on_somebodys_broker_it_is_a_guest_that_leaves_nothing_behind(broker: Broker) -> None:
    with Subscriber(broker.port) as before:
        code, out = ended_while_watching("--url", broker.url, number=signal.SIGINT)
    assert code == 0, out
    topics = {message.topic for message in before.messages}
    assert topics
    assert all(re.match(r"edgedet/demo-[0-9a-f]{4}/", topic) for topic in topics), topics
    assert any(topic.endswith("/yard/detections") for topic in topics)
    with Subscriber(broker.port) as after:
        time.sleep(0.5)
    assert after.messages == []
    assert re.search(r"[1-9]\d* retained topics were cleared", out)


def test_a_broker_that_is_not_there_is_said_at_once() -> None:
    done = run_edgedet("demo", "--seconds", "30", "--url", f"mqtt://127.0.0.1:{free_port()}", timeout_s=20)
    assert done.code == 1
    assert "Connection refused" in done.err
    assert "leave --url out" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--url", "http://broker"], 2, "--url"),
        (["--source", "missing.mp4"], 1, "there is no such file"),
        (["--source", "."], 2, "Give a video or a camera"),
        (["--model", "missing.tflite"], 1, "missing.tflite"),
        (["--seconds", "0"], 2, "--seconds"),
    ],
)
def test_what_cannot_be_shown_is_one_plain_error(arguments: list[str], code: int, said: str) -> None:
    done = run_edgedet("demo", *arguments, timeout_s=20)
    assert (done.code, said in done.err, done.out) == (code, True, ""), done.err
    assert "Traceback" not in done.err


def test_a_source_that_gives_nothing_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    done = run_edgedet("demo", "--seconds", "8", "--source", tmp_path / "junk.mp4")
    assert done.code == 1
    assert "BROKEN  there is something to look at" in done.out
    assert "camera_absent" in done.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_summary_and_nothing_stays_behind(number: signal.Signals) -> None:
    started: list[str] = []
    code, out = ended_while_watching(number=number, children=started)
    assert code == 0, out
    assert len(started) == 3, started
    assert "frames looked at" in out
    assert "`offline` was published" in out
    deadline = time.monotonic() + 10
    while any(line in started for line in running_commands()):
        assert time.monotonic() < deadline, "something was left running"
        time.sleep(0.1)


def ended_while_watching(*arguments: str, number: signal.Signals, children: list[str] | None = None) -> tuple[int, str]:
    """Exit code and output of a demo that gets the signal a moment after it has begun to look."""
    child = subprocess.Popen([sys.executable, "-m", "edgedet", "demo", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if "is watching" in line:
                break
        time.sleep(1.0)
        if children is not None:
            children += children_of(child.pid)
        child.send_signal(number)
        lines += child.stdout.readlines()
        return child.wait(20), "".join(lines)
    finally:
        child.kill()


def running_commands() -> set[str]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.add((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_on_a_terminal_it_shows_a_picture_follows_the_size_and_gives_the_screen_back() -> None:
    with OnTerminal(columns=80, rows=24) as demo:
        shown = demo.read_until(lambda output: b"truth" in output and b"38;2;" in output and b"detections" in output)
        assert shown.startswith(ENTER)
        assert lowest_row(shown) <= 24
        assert not demo.echoes()
        demo.resize(150, 50)
        demo.read_until(lambda output: b"\x1b[50;1H" in output)
        demo.resize(30, 5)
        demo.read_until(lambda output: output.rfind(b"\x1b[2J") >= 0 and len(output) > 200)
        small = demo.read_until(lambda output: b"\x1b[5;1H" in output or b"\x1b[4;1H" in output)
        assert lowest_row(small) <= 5
        demo.type(b"q")
        assert demo.wait() == 0
        assert demo.echoes()
        summary = demo.output[demo.output.rindex(LEAVE) :]
        assert b"frames looked at" in summary
        assert b"Traceback" not in demo.output


def test_ctrl_c_on_a_terminal_is_a_clean_end() -> None:
    with OnTerminal() as demo:
        demo.read_until(lambda output: b"watching" in output)
        demo.type(b"\x03")
        assert demo.wait() == 0
        summary = demo.output[demo.output.rindex(LEAVE) :]
        assert b"`offline` was published" in summary


def test_a_dumb_terminal_gets_plain_lines() -> None:
    with OnTerminal(term="dumb") as demo:
        demo.read_until(lambda output: b"is watching" in output)
        demo.type(b"\x03")
        assert demo.wait() == 0
        assert b"\x1b" not in demo.output
