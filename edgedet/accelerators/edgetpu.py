"""The Coral Edge TPU: libedgetpu as a delegate of the TFLite runtime. Loaded in a worker only, for three reasons.

Loading it keeps the GIL for as long as the device takes (`ctypes.pydll`), a run can block for ever (the library's own
watchdog is off), and a failed USB transfer ends the process (15 `LOG(FATAL)` in libedgetpu's usb_driver.cc).
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module, metadata
from typing import Any

from edgedet.accelerators import Accelerator, Options, devices
from edgedet.accelerators._interpreter import TfliteAccelerator, open_interpreter, runtime_module
from edgedet.errors import AcceleratorError, ModelError, WorkerError

_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}
_RUNTIME_VERSION = re.compile(r"RuntimeVersion\((\d+)\)")
_INSTALL_HINT = "Install libedgetpu as docs/edge-tpu.md says, or name the library under detector.edgetpu.library."


class EdgeTpuAccelerator(TfliteAccelerator):
    """An interpreter whose compiled part runs on an Edge TPU."""

    def invoke(self) -> None:
        """Run the model; see `Accelerator.invoke`.

        Raises:
            AcceleratorError: the device did not do it.
        """
        try:
            super().invoke()
        except RuntimeError as error:
            raise AcceleratorError(
                f"the Edge TPU failed in a run: {_line(error)}",
                hint="Look at its cable, port and power supply.",
                code="edgetpu_lost",
            ) from error


def open_accelerator(options: Options) -> Accelerator:
    """The compiled model on the device that `options.device` names.

    Raises:
        AcceleratorError: no library, no device, one that may not be opened or is in use, or a library that does not go
            with the model; `code` says which.
        ModelError: the model holds nothing for an Edge TPU.
        WorkerError: no runtime is installed.
    """
    module = runtime_module(options.runtime)
    _require_runtime(_loaded(options.library), options)
    coral = _pycoral() if options.runtime == "pycoral" else None
    load = partial(module.load_delegate, options.library) if coral is None else coral.load_edgetpu_delegate
    delegate = _open_device(load, options)
    try:
        if coral is not None:
            return _with_pycoral(coral, delegate, options)
        return open_interpreter(options, [delegate], EdgeTpuAccelerator)
    except ModelError as error:
        raise AcceleratorError(
            f"{options.library} does not take {options.model}: {_line(error.__cause__ or error)}",
            hint="Its version must be as new as the compiler that made the file; `edgedet models inspect` says which.",
            code="edgetpu_runtime_mismatch",
        ) from error


def versions(options: Options) -> Iterator[str]:
    """The runtime and the library that go together here, in words, for when loading them ends the process.

    That can happen at every step, so they come in two: without the library's own version, and with it.
    """
    runtime = runtime_module(options.runtime).__name__.partition(".")[0]
    try:
        version = metadata.version(_PACKAGES[runtime])
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    pair = f"{_PACKAGES[runtime]} {version} and {options.library}"
    yield pair
    number = _runtime_version(_loaded(options.library))
    if number is not None:
        yield f"{pair} (Edge TPU runtime version {number})"


def delegate_options(device: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the library is told.

    It drops every option but `device`, without a word, unless the device has an index: `usb` takes none of them,
    `usb:0` does (libedgetpu, tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc). So it always gets one.
    """
    wish = device or given.get("device", "")
    return {**given, "device": wish if ":" in wish else f"{wish}:0"}


def explain(reason: str, wish: str, seen: tuple[devices.EdgeTpu, ...]) -> AcceleratorError:
    """Why no device was opened. The library gives an empty reason, so sysfs has to say it.

    Args:
        reason: the library's words, if any.
        wish: the `device` that was asked for.
        seen: the Edge TPUs that the kernel sees.
    """
    words = f" ({reason})" if reason else ""
    kind, _, place = wish.partition(":")
    suited = [tpu for tpu in seen if tpu.name.startswith(kind)]
    number = int(place) if place.isdigit() else 0
    if number >= len(suited):
        there = f"the kernel sees {', '.join(tpu.name for tpu in seen)}" if seen else "the kernel sees none"
        name = "Edge TPU" if wish == ":0" else f"Edge TPU {wish}"
        return AcceleratorError(
            f"no {name}: {there}{words}",
            hint="Look at its cable and power; `lsusb` shows 1a6e:089a or 18d1:9302 when it is there.",
            code="edgetpu_absent",
        )
    tpu = suited[number]
    may_open = devices.may_open(tpu)
    if not may_open and devices.is_permitted(tpu):
        return AcceleratorError(
            f"the Edge TPU {tpu.name} is closed to this process, though the permissions of {tpu.node} are not{words}",
            hint="The service began before its driver: `sudo systemctl restart edgedet`. A container needs `--device`.",
            code="edgetpu_no_permission",
        )
    if not may_open:
        return AcceleratorError(
            f"the Edge TPU {tpu.name} may not be opened: no permission for {tpu.node}{words}",
            hint="Put the user into the group that udev gives it: plugdev for USB, apex for PCIe; then log in again.",
            code="edgetpu_no_permission",
        )
    holder = devices.holder_of(tpu)
    if holder is not None:
        return AcceleratorError(
            f"the Edge TPU {tpu.name} is in use by {holder.name} (process {holder.pid}){words}",
            hint="One program at a time can have it.",
            code="edgetpu_busy",
        )
    return AcceleratorError(
        f"the Edge TPU {tpu.name} is there but does not open{words}" + (f"; {tpu.fault}" if tpu.fault else ""),
        hint="Unplug it and plug it in again; look at its power supply.",
        code="edgetpu_lost",
    )


def _loaded(library: str) -> ctypes.CDLL:
    """The library by itself, before the runtime gets at it: what the runtime says when it is missing is a riddle."""
    try:
        return ctypes.CDLL(library)
    except OSError as error:
        there = "No such file" not in str(error)
        message = f"cannot be loaded: {_line(error)}" if there else "is not installed"
        raise AcceleratorError(
            f"the Edge TPU's library {library} {message}",
            hint="It must be built for this machine and system." if there else _INSTALL_HINT,
            code="edgetpu_runtime_mismatch" if there else "edgetpu_absent",
        ) from error


def _runtime_version(library: ctypes.CDLL) -> int | None:
    """Of the Edge TPU's runtime, which models are compiled for; None: it does not say."""
    try:
        told = library.edgetpu_version
    except AttributeError:
        return None
    told.restype = ctypes.c_char_p
    found = _RUNTIME_VERSION.search((told() or b"").decode(errors="replace"))
    return int(found[1]) if found else None


def _require_runtime(library: ctypes.CDLL, options: Options) -> None:
    number = _runtime_version(library)
    if number is None or options.edgetpu_runtime is None or number >= options.edgetpu_runtime:
        return
    raise AcceleratorError(
        f"{options.model} needs an Edge TPU runtime of version {options.edgetpu_runtime}, "
        f"{options.library} has {number}",
        hint="Install a newer libedgetpu, or compile the model with --min_runtime_version.",
        code="edgetpu_runtime_mismatch",
    )


def _pycoral() -> Any:
    """Google's pycoral, which loads the library by itself (`pycoral.utils.edgetpu`)."""
    try:
        module = import_module("pycoral.utils.edgetpu")
    except ImportError as error:
        raise WorkerError(
            f"detector.runtime: pycoral, and this interpreter has none: {_line(error)}",
            hint="Google's is not on PyPI, where another project has its name; or write runtime: auto.",
        ) from error
    return module


def _with_pycoral(coral: Any, delegate: object, options: Options) -> Accelerator:
    try:
        interpreter = coral.make_interpreter(options.model, delegate=delegate)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(_line(error)) from error
    return EdgeTpuAccelerator(interpreter)


def _open_device(load: Callable[[dict[str, str]], object], options: Options) -> object:
    wishes = delegate_options(options.device, options.delegate)
    try:
        return load(wishes)
    except ValueError as error:
        # "Failed to load delegate from LIBRARY", and after it what the library said, which is mostly nothing.
        reason = _line(error).partition(options.library)[2].strip()
        raise explain(reason, wishes["device"], devices.find()) from error
    except (OSError, AttributeError) as error:
        raise AcceleratorError(
            f"{options.library} is no library for an Edge TPU: {_line(error)}",
            hint=_INSTALL_HINT,
            code="edgetpu_runtime_mismatch",
        ) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
