"""The image: built and run with the documented commands, on a real container engine, against a broker on the host."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.broker import Broker, Subscriber
from system.booted import until
from system.engine import Engine, EngineUnavailable
from system.packages import SOURCE
from system.roots import MACHINE, RootUnavailable, debian_root

pytestmark = pytest.mark.timeout(300)

BASE = "edgedet/dev"
SLIM = "tzdata"
"""About what is in Debian's own slim image: neither Python nor systemd, so that the build has to fetch them."""


def blocks() -> list[list[str]]:
    """The blocks of commands in the documentation's section, a command an entry."""
    text = (SOURCE / "docs/installation.md").read_text(encoding="utf-8")
    section = text.partition("\n## A container\n")[2].partition("\n## ")[0]
    found = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [block.replace("\\\n", " ").strip().splitlines() for block in found]


@dataclass(frozen=True, slots=True)
class Kitchen:
    """An engine that has the image, and what the user has on the host."""

    engine: Engine
    checkout: Path
    config: Path

    def typed(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """What the user sees who types a command at the top of the checkout."""
        return self.engine.run("bash", "-c", command, check=check, cwd=self.checkout)

    def inspect(self, field: str) -> str:
        return self.typed(f"podman inspect --format '{{{{{field}}}}}' edgedet").stdout.strip()

    def remove(self) -> None:
        self.typed("podman rm --force --time 5 --ignore edgedet")


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory, own_package: Callable[[str], Path]) -> Iterator[Kitchen]:
    """Until after `podman build`, with this source's package in `dist`."""
    folder = tmp_path_factory.mktemp("container")
    checkout = folder / "checkout"
    shutil.copytree(SOURCE / "config", checkout / "config")
    shutil.copytree(SOURCE / "deploy/oci", checkout / "deploy/oci")
    (base,) = re.findall("^FROM (.*)$", (SOURCE / "deploy/oci/Containerfile").read_text(), re.MULTILINE)
    (make, build), _ = blocks()
    assert make.startswith("make deb ")
    try:
        root = debian_root("trixie", SLIM)
        with Engine(folder / "engine") as engine:
            engine.load(root, base)
            (checkout / "dist").mkdir()
            shutil.copy(own_package("trixie"), checkout / "dist")
            made = Kitchen(engine, checkout, folder / "engine/edgedet/edgedet.yaml")
            _build(made, build)
            yield made
    except (RootUnavailable, EngineUnavailable) as error:
        pytest.skip(str(error))


def _build(kitchen: Kitchen, command: str) -> None:
    built = kitchen.typed(command, check=False)
    if re.search(r"^E: Failed to fetch|Temporary failure resolving", built.stderr, re.MULTILINE):
        raise RootUnavailable(f"no mirror with Debian trixie answers: {built.stderr[-200:]}")
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def start(kitchen: Kitchen, broker: Broker) -> Iterator[str]:
    """The command that starts the container; the configuration is the documented one, with this test's broker."""
    _, (*prepare, check, start, _follow) = blocks()
    for command in prepare:
        kitchen.typed(command)
    with kitchen.config.open("a") as config:
        config.write(f"\ndevice: dev\nmqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n")
    assert "/etc/edgedet/edgedet.yaml: ok" in kitchen.typed(check).stdout
    yield start
    kitchen.remove()
    kitchen.typed("podman volume rm --force edgedet")
    shutil.rmtree(kitchen.config.parent)


def test_it_tells_what_it_sees_as_a_user_without_rights_on_a_root_that_is_read_only(
    kitchen: Kitchen, broker: Broker, start: str
):
    with Subscriber(broker.port) as heard:
        kitchen.typed(start)
        until(lambda: re.search(rb'"label":"\w+"', heard.last(f"{BASE}/street/detections") or b""), "detections come")
        assert heard.last(f"{BASE}/availability") == b"online"
        assert b'"backend":"cpu"' in (heard.last(f"{BASE}/street/detections") or b"")
    status = kitchen.typed("podman exec edgedet cat /proc/1/status").stdout
    assert re.search(r"^Uid:\s+900\s", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert kitchen.typed("podman exec --user root edgedet touch /etc/new", check=False).returncode != 0
    until(lambda: "is there (score" in kitchen.typed("podman logs edgedet 2>&1").stdout, "the log tells who comes")
    examined = kitchen.typed("podman exec edgedet edgedet doctor").stdout
    assert not re.search("^(problem|warning) ", examined, re.MULTILINE), examined


def test_the_machine_s_id_is_the_host_s_and_none_is_in_the_image(kitchen: Kitchen):
    assert kitchen.typed("podman run --rm --entrypoint cat edgedet /etc/machine-id").stdout == ""


def test_what_was_switched_off_stays_off_in_a_new_container_on_the_same_volume(
    kitchen: Kitchen, broker: Broker, start: str
):
    with Subscriber(broker.port) as heard:
        kitchen.typed(start)
        until(lambda: heard.last(f"{BASE}/street/state") == b"watching", "the camera watches")
        heard.publish(f"{BASE}/street/detect/set", "OFF")
        until(lambda: heard.last(f"{BASE}/street/detect/state") == b"OFF", "it is switched off")
    kitchen.typed("podman stop edgedet")
    kitchen.remove()
    broker.stop()
    broker.start()  # it remembers nothing: what is heard now comes from the volume
    with Subscriber(broker.port) as heard:
        kitchen.typed(start)
        until(lambda: heard.last(f"{BASE}/street/state") == b"off", "it comes up switched off")
        assert heard.of(f"{BASE}/street/detect/state") == [b"OFF"]


def test_a_stop_leaves_offline_on_the_broker_and_ends_with_0(kitchen: Kitchen, broker: Broker, start: str):
    with Subscriber(broker.port) as heard:
        kitchen.typed(start)
        until(lambda: heard.last(f"{BASE}/street/state") == b"watching", "the camera watches")
    began = time.monotonic()
    kitchen.typed("podman stop edgedet")
    assert time.monotonic() - began < 10  # after which podman kills
    assert (kitchen.inspect(".State.Status"), kitchen.inspect(".State.ExitCode")) == ("exited", "0")
    with Subscriber(broker.port) as later:
        until(lambda: later.last(f"{BASE}/availability"), "the availability is retained")
        assert later.last(f"{BASE}/availability") == b"offline"


def test_sighup_takes_a_configuration_that_an_editor_has_put_in_the_old_one_s_place(
    kitchen: Kitchen, broker: Broker, start: str
):
    with Subscriber(broker.port) as heard:
        kitchen.typed(start)
        until(lambda: heard.last(f"{BASE}/street/state") == b"watching", "the camera watches")
        changed = kitchen.config.with_suffix(".new")
        changed.write_text(kitchen.config.read_text().replace("  street:", "  alley:"))
        changed.replace(kitchen.config)
        kitchen.typed("podman kill --signal HUP edgedet")
        until(lambda: heard.last(f"{BASE}/alley/state") == b"watching", "the other camera watches")


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ("sed -i 's/source:/sauce:/'", ":10:5: cameras.street.sauce: unknown key"),
        ("chmod 600", ": this user may not read it\\n.*let user 900 read the file"),
        ("rm", ": there is no such configuration file"),
    ],
    ids=["wrong", "unreadable", "missing"],
)
def test_a_configuration_that_will_not_do_is_told_with_its_place_and_ends_it_with_78(
    kitchen: Kitchen, start: str, spoilt: str, told: str
):
    kitchen.typed(f"{spoilt} ~/edgedet/edgedet.yaml")
    once = start.replace("--detach", "--rm").replace("--restart on-failure:5", "")
    ended = kitchen.typed(once, check=False)
    assert ended.returncode == 78
    assert re.search(f"/etc/edgedet/edgedet.yaml{told}", ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_of_two_versions_neither_is_taken_by_chance(kitchen: Kitchen):
    (_, build), _ = blocks()
    other = kitchen.checkout / f"dist/edgedet_0.0.9+deb13_{MACHINE}.deb"
    other.touch()
    try:
        refused = kitchen.typed(build, check=False)
    finally:
        other.unlink()
    assert refused.returncode != 0
    assert "one package is wanted" in refused.stderr
    assert other.name in refused.stderr


def test_without_a_package_it_says_what_makes_one(kitchen: Kitchen):
    (_, build), _ = blocks()
    refused = kitchen.typed(build.removesuffix("dist") + "config", check=False)
    assert refused.returncode != 0
    assert f"_{MACHINE}.deb: make deb" in refused.stderr
