"""The real picamera2 takes a Debian root: minutes to make, 700 MB to keep, root's rights to use. So it is asked for:

EDGEDET_CAMERA_ROOT=~/.cache/edgedet-tests/trixie python -m pytest tests/hardware
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from picamera2_root import Picamera2Root

_VARIABLE = "EDGEDET_CAMERA_ROOT"


@pytest.fixture(scope="session")
def picamera2_root(tmp_path_factory: pytest.TempPathFactory) -> Picamera2Root:
    folder = os.environ.get(_VARIABLE)
    if not folder:
        pytest.skip(f"{_VARIABLE} is not set: it names the folder for a Debian root with the real picamera2")
    if os.geteuid() != 0:
        pytest.skip("the root with the real picamera2 is made and entered by root only")
    for program in ("mmdebstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: it makes or enters the root with the real picamera2")
    path = Path(folder).expanduser().resolve()
    subprocess.run([str(Path(__file__).with_name("build-camera-root")), str(path)], check=True)
    return Picamera2Root.enter(path, tmp_path_factory.mktemp("interpreter") / "python-with-picamera2")
