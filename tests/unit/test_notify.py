"""What systemd hears: on a real socket, as it opens one."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.service.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(manager: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_the_start_the_state_and_the_end_are_told(manager: socket.socket) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("ok: 1 of 1 cameras watching")
    notifier.alive()
    notifier.status("blind")
    notifier.stopping()
    assert heard(manager) == [
        "READY=1\nSTATUS=ok: 1 of 1 cameras watching",
        "WATCHDOG=1",
        "STATUS=blind",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_the_same_status_is_told_once(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    notifier.ready("ok")
    notifier.status("ok")
    notifier.status("ok")
    assert heard(manager) == ["READY=1\nSTATUS=ok"]


def test_a_status_of_several_lines_cannot_say_anything_else(manager: socket.socket) -> None:
    Notifier(manager.getsockname()).status("wrong\nREADY=1")
    assert heard(manager) == ["STATUS=wrong READY=1"]


def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0edgedet-test-notify")
        Notifier("@edgedet-test-notify").alive()
        assert listening.recv(100) == b"WATCHDOG=1"


def test_without_a_service_manager_nobody_is_told_and_nothing_is_complained_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier = Notifier.from_environment({})
    notifier.ready("ok")
    notifier.alive()
    assert caplog.records == []


def test_a_manager_that_has_gone_is_complained_about_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        notifier.alive()
        notifier.alive()
    assert len(caplog.records) == 1


def test_a_manager_that_does_not_read_holds_nothing_up(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for _ in range(2000):
        notifier.alive()
    assert heard(manager)
