"""What is kept of an abnormal end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgedet.service.crash import Ended, Ring, delay_s, keep, last_lines, stacks_of_tasks

KILLED = Ended("signal", "killed", "KILL")


def fill(ring: Ring, count: int) -> None:
    ring.setFormatter(logging.Formatter("%(message)s"))
    for number in range(count):
        ring.handle(logging.LogRecord("edgedet", logging.INFO, __file__, 1, f"line {number}", None, None))


def kept(ended: Ended, runtime: Path, state: Path) -> Path | None:
    return keep(ended, runtime, state, version="1.2.3", boot_id="boot")


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    return folder


def test_the_ring_holds_the_last_lines_however_many_were_said(runtime: Path) -> None:
    fill(Ring(runtime), 1234)
    assert last_lines(runtime) == [f"line {number}" for number in range(1034, 1234)]
    assert sum(len(file.read_text().splitlines()) for file in runtime.iterdir()) <= 400


def test_a_few_lines_are_all_there(runtime: Path) -> None:
    fill(Ring(runtime), 3)
    assert last_lines(runtime) == ["line 0", "line 1", "line 2"]


def test_lines_are_there_without_the_process_having_a_chance_to_write_them(runtime: Path) -> None:
    code = (
        "import logging, os, pathlib, signal, sys\n"
        "from edgedet.service.crash import Ring\n"
        "logging.getLogger().addHandler(Ring(pathlib.Path(sys.argv[1])))\n"
        "logging.warning('the last word')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, runtime], check=False).returncode == -signal.SIGKILL
    assert last_lines(runtime) == ["the last word"]


def test_a_folder_that_has_gone_ends_nothing(runtime: Path) -> None:
    ring = Ring(runtime)
    runtime.rmdir()
    fill(ring, 3)
    assert last_lines(runtime) == []


def test_an_abort_leaves_the_stacks_of_all_threads(runtime: Path) -> None:
    code = (
        "import os, pathlib, signal, sys, threading, time\n"
        "from edgedet.service.crash import stacks_into\n"
        "def waits_elsewhere(): time.sleep(60)\n"
        "def waits_here():\n"
        "    os.kill(os.getpid(), signal.SIGABRT)\n"
        "    time.sleep(60)\n"
        "with stacks_into(pathlib.Path(sys.argv[1])):\n"
        "    threading.Thread(target=waits_elsewhere, daemon=True).start()\n"
        "    time.sleep(0.2)\n"
        "    waits_here()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, runtime], check=False, preexec_fn=_no_core)
    assert done.returncode == -signal.SIGABRT
    stacks = (runtime / "stacks").read_text()
    assert "waits_here" in stacks
    assert "waits_elsewhere" in stacks


def _no_core() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def test_the_stack_of_a_task_says_where_it_waits() -> None:
    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(waits_for_ever(), name="stuck")
    await asyncio.sleep(0)
    (text,) = [text for text in stacks_of_tasks() if text.startswith("stuck: ")]
    task.cancel()
    assert "waits_for_ever" in text


def test_the_last_words_say_how_it_ended_and_what_was_said(runtime: Path, state: Path) -> None:
    fill(Ring(runtime), 2)
    (runtime / "stacks").write_text("Thread 0x1\n  File x in hangs\n")
    file = kept(Ended("watchdog", "killed", "ABRT"), runtime, state)
    assert file is not None
    text = file.read_text()
    assert text.startswith("edgedet 1.2.3 ended: watchdog (killed ABRT)\n")
    assert "in hangs" in text
    assert text.endswith("line 0\nline 1\n")


def test_the_next_life_is_not_told_by_the_lines_of_the_one_before(runtime: Path, state: Path) -> None:
    fill(Ring(runtime), 2)
    kept(KILLED, runtime, state)
    again = kept(KILLED, runtime, state)
    assert again is not None
    assert "line 0" not in again.read_text()


@pytest.mark.parametrize("ended", [Ended("success", "exited", "0"), Ended("exit-code", "exited", "78")])
def test_nothing_is_kept_of_a_clean_end_or_a_wrong_configuration(ended: Ended, runtime: Path, state: Path) -> None:
    fill(Ring(runtime), 2)
    assert kept(ended, runtime, state) is None
    assert list(state.iterdir()) == []


def test_only_the_newest_five_are_kept(runtime: Path, state: Path) -> None:
    files = [kept(KILLED, runtime, state) for _ in range(8)]
    assert sorted((state / "last-words").iterdir()) == files[3:]


def test_how_it_ended_is_read_from_what_systemd_tells() -> None:
    told = {"SERVICE_RESULT": "watchdog", "EXIT_CODE": "killed", "EXIT_STATUS": "ABRT"}
    assert Ended.from_environment(told) == Ended("watchdog", "killed", "ABRT")


def test_pauses_grow_with_ends_that_follow_each_other_up_to_a_minute(runtime: Path, state: Path) -> None:
    delays = [delay_s(runtime)]
    for _ in range(10):
        kept(KILLED, runtime, state)
        delays.append(delay_s(runtime))
    assert delays == [0.0, 0.0, 0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_stop_forgets_the_ends_before(runtime: Path, state: Path) -> None:
    for _ in range(5):
        kept(KILLED, runtime, state)
    kept(Ended("success", "exited", "0"), runtime, state)
    assert delay_s(runtime) == 0.0


def test_ends_of_long_ago_do_not_count(runtime: Path) -> None:
    (runtime / "ends").write_text("10.0\n20.0\n30.0\n5000.0\n")
    assert delay_s(runtime, 5001.0) == 0.0
    assert delay_s(runtime, 40.0) == 2.0


def test_a_list_of_ends_that_is_damaged_delays_nothing(runtime: Path) -> None:
    (runtime / "ends").write_bytes(os.urandom(64))
    assert delay_s(runtime) == 0.0
