"""Asks root's helper to reset an Edge TPU: the daemon itself may not, and shall not be able to do more than ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgedet.errors import AcceleratorError

SOCKET = Path("/run/edgedet-reset-edgetpu.socket")
"""Where systemd listens for it (systemd/edgedet-reset-edgetpu.socket)."""
_PATIENCE_S = 30.0
"""Switching a port off and on takes some five seconds."""
_MAX_ANSWER = 1024


class ResetHelper:
    """The helper behind a socket: one line asks, one line answers."""

    def __init__(self, socket: Path = SOCKET, patience_s: float = _PATIENCE_S) -> None:
        """Assign only."""
        self._socket = socket
        self._patience_s = patience_s

    async def ask(self, way: str, device: str) -> None:
        """Have one device reset; returns when that is done.

        Args:
            way: `authorized`: the kernel gives the device up and takes it again; `uhubctl`: its port's power goes off
                and on.
            device: `usb:N`.

        Raises:
            AcceleratorError: nobody is there who could, or the helper refused; the message says why.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                answer = await self._exchange(f"{way} {device}\n")
        except (OSError, TimeoutError) as error:
            raise AcceleratorError(
                f"the Edge TPU {device} cannot be reset: {self._socket}: {_words(error)}",
                hint="Install the reset helper (docs/edge-tpu-recovery.md), or set detector.edgetpu.reset: off.",
            ) from error
        if answer != "ok":
            reason = answer or "it ended without an answer"
            raise AcceleratorError(
                f"the Edge TPU {device} was not reset: {reason}", hint="`journalctl -u 'edgedet-reset-edgetpu@*'`"
            )

    async def _exchange(self, line: str) -> str:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(line.encode())
            writer.write_eof()
            await writer.drain()
            answer = await reader.read(_MAX_ANSWER)
        finally:
            writer.close()
        return " ".join(answer.decode(errors="replace").split())


def _words(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
