"""The real picamera2 takes a Debian root: a minute to make, 700 MB to keep, root's rights to use. So it is asked for:

make test-hardware
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from picamera2_root import Picamera2Root

_VARIABLE = "EDGEDET_CAMERA_ROOT"
_NO_MIRROR = 69


@pytest.fixture(scope="session")
def picamera2_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Picamera2Root]:
    folder = os.environ.get(_VARIABLE)
    if not folder:
        pytest.skip(f"{_VARIABLE} is not set: it names the folder for a Debian root with the real picamera2")
    if os.geteuid() != 0:
        pytest.skip("the root with the real picamera2 is made and entered by root only")
    for program in ("mmdebstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: it makes or enters the root with the real picamera2")
    path = Path(folder).expanduser().resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    # One run at a time: the pictures that the camera shows lie in the root.
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run([str(Path(__file__).with_name("build-camera-root")), str(path)], check=False)
        if built.returncode == _NO_MIRROR:
            pytest.skip("the root with the real picamera2 cannot be made: no mirror with Debian trixie answers")
        assert built.returncode == 0, f"build-camera-root ended with {built.returncode}"
        yield Picamera2Root.enter(path, tmp_path_factory.mktemp("interpreter") / "python-with-picamera2")
