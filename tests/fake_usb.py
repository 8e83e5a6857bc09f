"""A sysfs tree with USB devices, root's reset helper on it, and a program in the place of uhubctl."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

HELPER = Path(__file__).parents[1] / "systemd" / "reset_edgetpu.py"
EDGE_TPU, EDGE_TPU_FRESH, KEYBOARD = ("18d1", "9302"), ("1a6e", "089a"), ("046d", "c31c")


class FakeUsb:
    """`root` is to be taken for `/`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.devices = self.root / "sys/bus/usb/devices"
        self.devices.mkdir(parents=True)
        self.uhubctl = folder / "uhubctl"
        self.switched = folder / "uhubctl.log"

    def plug_in(self, port: str, ids: tuple[str, str] = EDGE_TPU, address: int = 3) -> Path:
        """A device at `2-1`, `1-1.4`; the folder in which it is described."""
        device = self.devices / port
        device.mkdir()
        told = {"idVendor": ids[0], "idProduct": ids[1], "busnum": port.partition("-")[0], "devnum": str(address)}
        for name, text in {**told, "speed": "5000", "authorized": "1"}.items():
            (device / name).write_text(f"{text}\n")
        return device

    def install_uhubctl(self, then: str = "") -> None:
        """It writes down what it was asked for, and does `then`, lines of shell."""
        self.uhubctl.write_text(f'#!/bin/sh\necho "$@" >> {self.switched}\n{then}\n')
        self.uhubctl.chmod(0o755)

    def ask(self, request: str) -> tuple[int, str, str]:
        """The helper by itself: its status, its answer and what it told the journal."""
        done = subprocess.run(self._helper(), input=request, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    @contextlib.contextmanager
    def helper_listening(self, path: Path) -> Iterator[None]:
        """The helper behind a socket, started for each connection as systemd does with Accept=yes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                subprocess.run(self._helper(), stdin=connection, stdout=connection, timeout=30, check=False)

    def _helper(self) -> list[str]:
        return [sys.executable, "-I", str(HELPER), "--root", str(self.root), "--uhubctl", str(self.uhubctl)]
