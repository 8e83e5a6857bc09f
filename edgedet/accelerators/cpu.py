"""The CPU through TFLite's XNNPACK kernels.

Several interpreters of one thread beat one interpreter of several threads (YOLOv8n 320 int8 on two cores: 541 against
405 frames a second), so a CPU backend is a list of instances.
"""

from __future__ import annotations

from edgedet.accelerators import Accelerator, Options
from edgedet.accelerators._interpreter import open_interpreter


def open_accelerator(options: Options) -> Accelerator:
    """One interpreter on the CPU.

    Raises:
        ModelError: the runtime cannot load this file.
        WorkerError: no runtime is installed.
    """
    return open_interpreter(options)
