from __future__ import annotations

import asyncio
import socket

import pytest

from edgedet.workers.process import ChildSpec, WorkerProcess


@pytest.mark.parametrize("sends_after_the_end", [False, True])
async def test_what_a_child_said_before_it_ended_is_heard_though_it_left_our_messages_unread(
    sends_after_the_end: bool,
) -> None:
    heard: list[bytes] = []
    process = WorkerProcess(ChildSpec("child", "edgedet.workers.camera_child", 4096, None), heard.append, pytest.fail)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    process._socket = ours
    asyncio.get_running_loop().add_reader(ours.fileno(), process._on_readable)
    process.send(b"a frame's slot is free")
    theirs.send(b"a frame")
    theirs.send(b"the end")
    theirs.close()
    if sends_after_the_end:
        process.send(b"another slot is free")
    while process._socket is not None:
        await asyncio.sleep(0.01)
    assert heard == [b"a frame", b"the end"]
    await process.close()
