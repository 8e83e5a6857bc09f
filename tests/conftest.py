"""What every folder of tests shares: the test data, and what CI does about skipped tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from scripted_camera import Script
from skip_policy import DATA_VARIABLE, SkipPolicy, load_allowed
from software_edgetpu.library import SoftwareEdgeTpu, build, compiler


def pytest_configure(config: pytest.Config) -> None:
    # No deadline: a unit test never measures time. In CI the examples are the same in every run, so that a change is
    # not refused for what it did not do; a contributor's runs go on exploring.
    settings.register_profile("edgedet", deadline=None, derandomize=os.environ.get("CI") == "true")
    settings.load_profile("edgedet")
    # A shell without job control starts what runs in the background deaf to SIGINT, and so would be every child that a
    # test presses Ctrl-C on.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # So does nohup with SIGHUP, and a shell that was begun so cannot even trap it. A handler is not inherited.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    # With pytest-xdist the reporting process keeps the book; its workers only mark their reports.
    if os.environ.get("CI") == "true":
        allowed = load_allowed(Path(__file__).with_name("skips.toml"))
        config.pluginmanager.register(SkipPolicy(allowed, os.environ), "skip-policy")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models, pictures and clips; skips where ``EDGEDET_TEST_DATA`` is not set."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names the folder of real models, pictures and clips")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"{DATA_VARIABLE} is set to {folder}, which is not a folder", pytrace=False)
    return path


@pytest.fixture(scope="session")
def built_edgetpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of the software Edge TPU; skips where there is no C compiler."""
    found = compiler()
    if found is None:
        pytest.skip("no C compiler on this machine: the software Edge TPU cannot be built (apt install gcc libc6-dev)")
    return build(tmp_path_factory.mktemp("edgetpu"), found)


@pytest.fixture
def edgetpu(built_edgetpu: Path, tmp_path: Path) -> SoftwareEdgeTpu:
    """A software Edge TPU of this test's own, with one device on USB."""
    return SoftwareEdgeTpu(built_edgetpu, tmp_path)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the next scripted Picamera2 of this test and its children does."""
    file = tmp_path / "script.json"
    monkeypatch.setenv("EDGEDET_SCRIPTED_CAMERA", str(file))
    return Script(file)
