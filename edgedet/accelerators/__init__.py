"""What runs a model: one file per backend, used inside the detector worker only.

A backend module holds `open_accelerator(options)`, which returns one `Accelerator`; it is called once for each instance
that shall run side by side. It imports the standard library, numpy and its runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from edgedet.errors import AcceleratorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Options:
    """What every backend is told."""

    model: str
    """Path of the .tflite file."""
    threads: int = 1
    """Threads of one interpreter."""
    runtime: str = "auto"
    """`auto`, `litert`, `tflite_runtime` or `pycoral`."""
    library: str = "libedgetpu.so.1"
    """What holds the Edge TPU's delegate: a path, or a name that the dynamic linker finds."""
    device: str = ""
    """Which Edge TPU: `usb:0`, `pci:0`; empty: the first of any kind."""
    delegate: Mapping[str, str] = field(default_factory=dict)
    """The delegate's own options."""
    edgetpu_runtime: int | None = None
    """The least version of the Edge TPU's runtime that the model asks for; None: it does not say."""


@dataclass(frozen=True, slots=True)
class TensorDetails:
    """A tensor as the runtime allocated it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """numpy's name."""


class Accelerator(Protocol):
    """One interpreter. Not safe for two threads at once; `invoke` releases the GIL."""

    @property
    def outputs(self) -> tuple[TensorDetails, ...]:
        """The output tensors in the model's order."""

    def load(self, write: Callable[[NDArray[np.generic]], None]) -> None:
        """Let `write` fill the input tensor, of the model's own shape and type, without a copy between."""

    def invoke(self) -> None:
        """Run the model. Blocks, for ever if the hardware does.

        Raises:
            RuntimeError: the runtime says no.
        """

    def read(self, outputs: Sequence[NDArray[np.generic]]) -> None:
        """Copy the output tensors into arrays of the same shapes and types."""


def open_those_there(
    open_one: Callable[[Options], Accelerator], wishes: Sequence[Options]
) -> tuple[list[Accelerator], list[str]]:
    """Open one for each wish, and do without those that are absent or taken; why, is the second of what is returned.

    Raises:
        AcceleratorError: none can be had.
        ModelError: see `open_one`.
    """
    opened: list[Accelerator] = []
    refused: list[AcceleratorError] = []
    for options in wishes:
        try:
            opened.append(open_one(options))
        except AcceleratorError as error:
            refused.append(error)
    if not opened:
        raise refused[0]
    return opened, [error.message for error in refused]
