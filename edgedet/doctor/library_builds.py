"""Which build of libedgetpu goes with today's runtimes on this system, and what installs it."""

from __future__ import annotations

import platform
from pathlib import Path

from edgedet.doctor.finding import Cure, as_root

_RELEASE = "https://github.com/feranick/libedgetpu/releases/download/16.0TF2.19.1-1"
_SUMS = {
    "trixie_arm64": "df9e9b16c802f4e4ad6fd8d9d0866d25eff8ddef989813f398794546d267bd11",
    "bookworm_arm64": "46ab47310d6de120bda4678febe5eb6143f5c7d7dd17c0d017ae5f6cd67dfec5",
    "bookworm_amd64": "23be53c72eff4d44afc2f727700da185791d3ca0867bd0b5e082ec3a0de21925",
}
"""SHA-256 of the packages whose sums others have pinned; see docs/edge-tpu.md."""
_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
_SHOW = "dpkg-query -W 'libedgetpu1-*'; ldconfig -p | grep edgetpu"


def right_build() -> Cure:
    """What puts the right one in the place of none or of a wrong one."""
    system = _system()
    if system not in _SUMS:
        return Cure(_none_for(system), _SHOW)
    file = f"libedgetpu1-std_16.0tf2.19.1-1.{system}.deb"
    steps = ["cd /tmp", f"wget {_RELEASE}/{file}", f"echo '{_SUMS[system]}  {file}' | sha256sum -c"]
    return Cure("", " && ".join([*steps, as_root(f"apt-get install -y ./{file}")]))


def instead_of(package: str) -> Cure:
    """What replaces an installed package that crashes or, where no build is known to be right, takes it away."""
    right = right_build()
    return Cure(right.advice, as_root(f"apt-get remove -y {package}")) if right.advice else right


def _none_for(system: str) -> str:
    return (
        f"No command installs one: of {system.replace('_', ' on ')} no build is known that goes with today's runtimes "
        "(Google's own 16.0 crashes). docs/edge-tpu.md has those that are; `accelerators: [cpu]` does without."
    )


def _system() -> str:
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "") if Path("/etc/os-release").exists() else ""
    machine = platform.machine()
    return f"{release or 'this system'}_{_ARCHITECTURES.get(machine, machine)}"
