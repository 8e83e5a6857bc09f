"""Builds the library, and scripts what one copy of it does while a program runs on it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("software_edgetpu.c")


def compiler() -> str | None:
    """The C compiler; None where there is none."""
    return shutil.which("gcc") or shutil.which("cc")


def build(folder: Path, compiler: str) -> Path:
    library = folder / "software_edgetpu.so"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run([compiler, *flags, "-o", str(library), str(SOURCE), "-ldl"], check=True, timeout=60)
    return library


class SoftwareEdgeTpu:
    """One copy of the library, with the devices that hang on it. See software_edgetpu.c for the keys of the script."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.library = folder / "libedgetpu.so.1"
        shutil.copy(built, self.library)
        self._script: dict[str, str] = {}

    def script(self, **keys: str | int) -> None:
        """Change what it does from its next step on; keys that were given before stay."""
        self._script |= {key: str(value) for key, value in keys.items()}
        text = "".join(f"{key} {value}\n" for key, value in self._script.items())
        control = self._beside("control")
        written = control.with_suffix(".new")
        written.write_text(text)
        written.replace(control)

    def unplug(self) -> None:
        """No device is attached any more."""
        self.script(devices="")

    def plug_in(self, *devices: str) -> None:
        """These devices are attached: `usb:0`, `pci:0`, …"""
        self.script(devices=" ".join(devices))

    @property
    def opened(self) -> list[str]:
        """Every attempt to open a device: what was asked for, what came of it, which options took effect."""
        log = self._beside("log")
        return log.read_text().splitlines() if log.exists() else []

    def _beside(self, suffix: str) -> Path:
        return self.library.with_name(f"{self.library.name}.{suffix}")
