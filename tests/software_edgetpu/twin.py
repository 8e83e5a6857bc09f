"""Computes on the CPU what an Edge TPU would answer: the uncompiled model, asked for tensors by their names.

The compiler keeps the names of the tensors at which its part of the graph ends, so what the custom operation gives is
what the twin computes inside. The answers are those of TFLite's own kernels; XNNPACK's differ by a rounding here and
there, as a real Edge TPU's do.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


class Twin:
    """Answers every software Edge TPU that connects to `path`; one invoke at a time."""

    def __init__(self, model: Path) -> None:
        self._model = model
        # Not in a test's own folder: the path of a socket has room for 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="twin-"))
        self.path = self._folder / "socket"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._lock = threading.Lock()
        self._interpreter: Any = None
        self._places: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._interpreter = Interpreter(
            model_path=str(self._model),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._places = {detail["name"]: detail["index"] for detail in self._interpreter.get_tensor_details()}
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self._folder)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Who asks may be killed in the middle of it.
        with connection, connection.makefile("rb") as asked, contextlib.suppress(ConnectionError):
            while line := asked.readline():
                size, *outputs = line.decode().rstrip("\n").split("\t")
                picture = asked.read(int(size))
                if len(picture) < int(size):
                    return
                connection.sendall(self._answer(picture, outputs))

    def _answer(self, asked: bytes, outputs: list[str]) -> bytes:
        (detail,) = self._interpreter.get_input_details()
        picture = np.frombuffer(asked, detail["dtype"]).reshape(detail["shape"])
        with self._lock:
            self._interpreter.set_tensor(detail["index"], picture)
            self._interpreter.invoke()
            names, sizes = outputs[::2], outputs[1::2]
            answers = [self._interpreter.get_tensor(self._places[name]).tobytes() for name in names]
        assert [len(answer) for answer in answers] == [int(each) for each in sizes]
        return b"".join(answers)
