"""The TFLite interpreter behind every backend, from whichever runtime is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedet.accelerators import Options, TensorDetails
from edgedet.errors import ModelError, WorkerError

_RUNTIMES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    # Google's pycoral stands on tflite-runtime; on the CPU there is nothing else to it.
    "pycoral": "tflite_runtime.interpreter",
}
_AUTO = ("litert", "tflite_runtime")


def runtime_module(runtime: str) -> Any:
    """The interpreter module of the runtime that was asked for; `auto`: LiteRT, else tflite-runtime.

    Raises:
        WorkerError: none is installed, with the command that installs one.
    """
    names = list(_AUTO) if runtime == "auto" else [runtime]
    for name in names:
        if name not in _RUNTIMES:
            raise WorkerError(f"no runtime is called {name!r}", hint=f"There are: auto, {', '.join(_RUNTIMES)}.")
        try:
            return importlib.import_module(_RUNTIMES[name])
        except ModuleNotFoundError:
            continue
    raise WorkerError(
        f"no TFLite runtime in this interpreter (looked for {', '.join(names)})",
        hint="Install one: pip install ai-edge-litert",
    )


class TfliteAccelerator:
    """An interpreter with its tensors allocated."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        # Bound once: `tensor(i)` makes a new closure each time, and these are called for every frame.
        self._input = interpreter.tensor(interpreter.get_input_details()[0]["index"])
        details = interpreter.get_output_details()
        self._output_views = [interpreter.tensor(detail["index"]) for detail in details]
        self._outputs = tuple(
            TensorDetails(
                str(detail["name"]),
                tuple(int(side) for side in detail["shape"]),
                np.dtype(detail["dtype"]).name,
            )
            for detail in details
        )

    @property
    def outputs(self) -> tuple[TensorDetails, ...]:
        """The output tensors in the model's order."""
        return self._outputs

    def load(self, write: Callable[[NDArray[np.generic]], None]) -> None:
        """Let `write` fill the input tensor in place."""
        # The view must be gone before invoke(): the runtime refuses to run while somebody can see its memory.
        write(self._input())

    def invoke(self) -> None:
        """Run the model; see `Accelerator.invoke`."""
        self._interpreter.invoke()

    def read(self, outputs: Sequence[NDArray[np.generic]]) -> None:
        """Copy the outputs; see `Accelerator.read`."""
        for view, target in zip(self._output_views, outputs, strict=True):
            np.copyto(target, view())


def open_interpreter(
    options: Options,
    delegates: Sequence[object] = (),
    kind: type[TfliteAccelerator] = TfliteAccelerator,
) -> TfliteAccelerator:
    """Load the model and allocate its tensors.

    Raises:
        ModelError: the runtime cannot load this file.
        WorkerError: no runtime is installed.
    """
    module = runtime_module(options.runtime)
    arguments: dict[str, Any] = {"model_path": options.model, "num_threads": options.threads}
    if delegates:
        arguments["experimental_delegates"] = list(delegates)
    try:
        interpreter = module.Interpreter(**arguments)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{options.model}: the TFLite runtime refuses this file: {reason}",
            hint="`edgedet models inspect` says what the file is.",
        ) from error
    return kind(interpreter)
