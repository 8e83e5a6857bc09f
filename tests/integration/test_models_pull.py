"""`edgedet models pull` against a real web server that fails in every way that web servers do."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgedet.app.download import Patience, fetch
from edgedet.app.model_store import sums_of
from edgedet.errors import DownloadError
from edgedet.settings.model_choice import BUNDLED_MODEL, installed_models
from integration import with_tiny_model
from integration.broker import free_port
from integration.edgedet_process import PATIENCE_S, Finished
from integration.model_server import Site, serving
from integration.test_tls import Authority
from software_edgetpu.compiled import compiled_from

CPU, EDGETPU, LABELS = with_tiny_model.NAMES
PULLED = ["tiny.json", "tiny.tflite", "tiny.txt", "tiny_edgetpu.tflite"]
HALF = 600_000
"""Bytes, of the 1.3 MB of the larger file."""


@dataclass
class Puller:
    """`edgedet` with the model `tiny` in its catalogue, and a state directory of its own."""

    truth: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def visible(self) -> list[str]:
        return sorted(file.name for file in self.models.glob("[!.]*"))

    @property
    def hidden(self) -> list[str]:
        return sorted(file.name for file in self.models.glob(".*"))

    def start(self, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return subprocess.Popen(
            [sys.executable, with_tiny_model.__file__, str(self.truth), "models", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**kept, "STATE_DIRECTORY": str(self.state), **self.environment},
        )

    @property
    def part(self) -> Path:
        """What has come of the CPU's model so far."""
        return self.models / ".tiny.tflite.part"

    def start_and_stall(self, site: Site) -> subprocess.Popen[str]:
        """A pull that has half of the CPU's model and gets no more of it."""
        site.fail(only=CPU, stall=HALF)
        child = self.start("pull", "tiny", "--from", site.url)
        eventually(lambda: self.part.exists() and self.part.stat().st_size >= HALF)
        return child

    def run(self, *arguments: str) -> Finished:
        child = self.start(*arguments)
        out, err = child.communicate(timeout=PATIENCE_S)
        return Finished(child.returncode, out, err)

    def pull(self, address: str, *more: str) -> Finished:
        return self.run("pull", "tiny", "--from", address, *more)

    def holds_all_of_it(self) -> bool:
        return self.visible == PULLED and all(
            (self.models / here).read_bytes() == (self.truth / there).read_bytes()
            for here, there in (("tiny.tflite", CPU), ("tiny_edgetpu.tflite", EDGETPU), ("tiny.txt", LABELS))
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "site") as running:
        shutil.copy(BUNDLED_MODEL, running.files / CPU)
        compiled_from(BUNDLED_MODEL, running.files / EDGETPU)
        (running.files / LABELS).write_text("person\ncar\ndog\nbicycle\n")
        yield running


@pytest.fixture
def puller(site: Site, tmp_path: Path) -> Puller:
    shutil.copytree(site.files, tmp_path / "truth")
    return Puller(tmp_path / "truth", tmp_path / "state")


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def complaint(done: Finished) -> list[str]:
    """The lines that say what is wrong; there are one or two."""
    lines = done.err[done.err.index("edgedet: ") :].splitlines()
    assert len(lines) <= 2, done.err
    return lines


def test_the_pair_and_its_labels_come_whole_and_say_under_which_licence(site: Site, puller: Puller) -> None:
    done = puller.pull(site.url)
    assert done.code == 0, done.err
    assert done.err.splitlines()[:2] == ["tiny: a model for tests", "licence Apache-2.0; the tests"]
    assert puller.holds_all_of_it()
    assert puller.hidden == []
    sha256 = sums_of(puller.truth / CPU)[0]
    assert f"sha256 {sha256}" in done.out
    assert done.out.splitlines()[-1] == "tiny is ready: 256x256, 4 classes; the Edge TPU takes all of it"
    record = json.loads((puller.models / "tiny.json").read_text())
    assert (record["origin"], record["licence"]) == ("the tests", "Apache-2.0")
    assert record["files"]["tiny.tflite"] == {
        "bytes": BUNDLED_MODEL.stat().st_size,
        "sha256": sha256,
        "git_object": sums_of(puller.truth / CPU)[1],
    }
    assert {request["User-Agent"] for request in site.requests} == {"edgedet"}
    (line,) = [line for line in puller.run("list").out.splitlines() if line.startswith("tiny ")]
    assert line.split()[1:4] == ["installed", "256x256", "cpu+edgetpu+labels"]
    assert line.endswith("Apache-2.0              a model for tests")


def test_what_is_there_already_is_said_and_not_fetched_again(site: Site, puller: Puller) -> None:
    assert puller.pull(site.url).code == 0
    before = len(site.requests)
    done = puller.pull(site.url)
    assert (done.code, done.out) == (0, f"tiny is there already, unchanged: {puller.models}\n")
    assert len(site.requests) == before


def test_only_what_is_missing_is_fetched(site: Site, puller: Puller) -> None:
    assert puller.pull(site.url).code == 0
    (puller.models / "tiny_edgetpu.tflite").unlink()
    before = len(site.requests)
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()
    assert [request["path"] for request in site.requests[before:]] == [f"/{EDGETPU}"]


def test_a_killed_pull_leaves_nothing_that_is_a_model_and_the_next_goes_on_from_there(
    site: Site, puller: Puller
) -> None:
    child = puller.start_and_stall(site)
    child.kill()
    child.communicate()
    assert puller.visible == []
    assert installed_models(puller.state) == {}
    site.fail()
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()
    assert puller.hidden == []
    last = site.requests_of(CPU)[-1]
    assert last["Range"] == f"bytes={HALF}-"
    assert last["If-Range"]
    assert len(site.requests_of(LABELS)) == 1


def test_a_link_that_somebody_laid_in_the_place_of_what_has_come_is_refused_and_not_written_through(
    site: Site, puller: Puller, tmp_path: Path
) -> None:
    child = puller.start_and_stall(site)
    child.kill()
    child.communicate()
    other = puller.part.rename(tmp_path / "other")
    puller.part.symlink_to(other)
    site.fail()
    done = puller.pull(site.url)
    assert done.code == 1
    assert f"{puller.part}: a link, or no plain file" in done.err
    assert "Traceback" not in done.err
    assert other.stat().st_size == HALF
    assert puller.visible == []
    puller.part.unlink()
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()


def test_ctrl_c_keeps_what_has_come(site: Site, puller: Puller) -> None:
    child = puller.start_and_stall(site)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert puller.part.stat().st_size == HALF


def test_a_file_that_has_changed_on_the_server_begins_again(site: Site, puller: Puller) -> None:
    good = (site.files / CPU).read_bytes()
    (site.files / CPU).write_bytes(bytes(len(good)))
    child = puller.start_and_stall(site)
    child.kill()
    child.communicate()
    (site.files / CPU).write_bytes(good)
    site.fail()
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"cut": HALF}, id="truncated"),
        pytest.param({"reset": HALF}, id="reset"),
        pytest.param({"cut": HALF, "ranges": False}, id="truncated-without-ranges"),
        pytest.param({"cut": HALF, "etag": False}, id="truncated-without-a-version"),
        pytest.param({"status": 503}, id="unavailable"),
        pytest.param({"chunk_s": 0.02}, id="slow"),
    ],
)
def test_a_line_that_breaks_off_once_is_no_reason_to_give_up(
    site: Site, puller: Puller, faults: dict[str, object]
) -> None:
    site.fail(only=CPU, times=1, **faults)
    done = puller.pull(site.url)
    assert done.code == 0, done.err
    assert puller.holds_all_of_it()
    ranges = [request["Range"] for request in site.requests_of(CPU)]
    if "cut" in faults:
        # Without a version, nothing says that the rest would be of the same file.
        assert ranges[1] == (None if faults.get("etag") is False else f"bytes={HALF}-")


def test_bytes_of_before_that_were_wrong_cost_one_more_download_and_nothing_else(site: Site, puller: Puller) -> None:
    child = puller.start_and_stall(site)
    child.kill()
    child.communicate()
    puller.part.write_bytes(bytes(HALF))  # a power cut: the size was written, the content was not
    site.fail()
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()
    assert [request["Range"] for request in site.requests_of(CPU)] == [None, f"bytes={HALF}-", None]


def test_other_bytes_than_the_catalogue_s_get_no_name(site: Site, puller: Puller) -> None:
    site.fail(only=CPU, wrong=True)
    done = puller.pull(site.url)
    what, advice = complaint(done)
    assert done.code == 1
    assert what.startswith(f"edgedet: {site.url}/{CPU}: not the file of the catalogue")
    assert "nothing was changed" in advice
    assert puller.visible == []
    assert not puller.part.exists()


def test_a_file_of_the_same_git_object_but_another_sha_256_than_the_first_gets_no_name(
    site: Site, puller: Puller
) -> None:
    assert puller.pull(site.url).code == 0
    record = json.loads((puller.models / "tiny.json").read_text())
    record["files"]["tiny.tflite"]["sha256"] = "f" * 64
    (puller.models / "tiny.json").write_text(json.dumps(record))
    (puller.models / "tiny.tflite").unlink()
    done = puller.pull(site.url)
    assert done.code == 1
    assert "is not that of the first download, ffffffffffff" in complaint(done)[0]
    assert not (puller.models / "tiny.tflite").exists()


def test_a_damaged_note_of_a_model_does_no_harm(site: Site, puller: Puller) -> None:
    assert puller.pull(site.url).code == 0
    for damage in ("", "[]", '{"files": {"tiny.tflite": 1}}'):
        (puller.models / "tiny.json").write_text(damage)
        assert puller.pull(site.url).code == 0
        assert puller.holds_all_of_it()


def test_a_file_that_is_gone_is_said_with_its_address(site: Site, puller: Puller) -> None:
    site.fail(only=EDGETPU, status=404)
    done = puller.pull(site.url)
    assert done.code == 1
    assert complaint(done)[0] == f"edgedet: {site.url}/{EDGETPU}: the server answers 404 Not Found"
    assert puller.visible == []


def test_a_login_page_is_told_for_what_it_is(site: Site, puller: Puller) -> None:
    site.fail(page=True)
    done = puller.pull(site.url)
    assert done.code == 1
    assert "a web page came in place of the file" in complaint(done)[0]
    assert "login page" in complaint(done)[1]


def test_a_redirection_is_followed_to_web_servers_only(site: Site, puller: Puller, tmp_path: Path) -> None:
    site.fail(only=CPU, redirect=f"/elsewhere/{CPU}", times=1)
    assert puller.pull(site.url).code == 0
    assert puller.holds_all_of_it()
    shutil.rmtree(puller.models)
    site.fail(only=CPU, redirect=f"file://{puller.truth / CPU}")
    done = puller.pull(site.url)
    assert done.code == 1
    assert len(complaint(done)) <= 2
    assert puller.visible == []


def test_without_a_network_two_lines_say_so_at_once(puller: Puller) -> None:
    begun = time.monotonic()
    done = puller.pull(f"http://127.0.0.1:{free_port()}")
    assert done.code == 1
    assert complaint(done) == [
        "edgedet: 127.0.0.1 cannot be reached: Connection refused",
        "Is there a network? On another machine's, get the files there and use `edgedet models add`.",
    ]
    assert time.monotonic() - begun < 15
    assert installed_models(puller.state) == {}


def test_the_proxy_of_the_environment_is_taken_and_no_proxy_leaves_it_out(
    site: Site, puller: Puller, tmp_path: Path
) -> None:
    with serving(tmp_path / "proxy", "proxy") as proxy:
        puller.environment = {"http_proxy": f"http://user:secret@127.0.0.1:{proxy.port}"}
        assert puller.pull(f"http://models.invalid:{site.port}").code == 0
        assert puller.holds_all_of_it()
        assert [request["path"] for request in proxy.requests][-1].startswith("http://models.invalid:")
        shutil.rmtree(puller.models)
        before = len(proxy.requests)
        puller.environment |= {"no_proxy": "127.0.0.1"}
        assert puller.pull(site.url).code == 0
        assert len(proxy.requests) == before


def test_a_proxy_that_is_not_there_is_named_without_its_password(puller: Puller) -> None:
    port = free_port()
    puller.environment = {"https_proxy": f"http://user:secret@127.0.0.1:{port}"}
    done = puller.pull("https://models.invalid")
    assert done.code == 1
    what, advice = complaint(done)
    assert f"models.invalid cannot be reached through the proxy http://…@127.0.0.1:{port}: Connection refused" in what
    assert "no_proxy" in advice
    assert "secret" not in done.err


def test_https_goes_through_the_proxy_s_tunnel_and_only_to_a_server_whose_certificate_is_good(
    site: Site, puller: Puller, tmp_path: Path
) -> None:
    folder = tmp_path / "authority"
    folder.mkdir()
    authority = Authority(folder)
    authority.make()
    tls = authority.issue("models.invalid", "DNS:models.invalid")
    secure_folder = tmp_path / "secure"
    shutil.copytree(site.files, secure_folder / "files")
    with (
        serving(secure_folder, "files", tls.certificate, tls.key) as secure,
        serving(tmp_path / "proxy", "proxy") as proxy,
    ):
        address = f"https://models.invalid:{secure.port}"
        puller.environment = {"https_proxy": proxy.url}
        refused = puller.pull(address)
        assert refused.code == 1
        assert "certificate is not accepted" in complaint(refused)[0]
        assert "clock" in complaint(refused)[1]
        assert puller.visible == []
        puller.environment |= {"SSL_CERT_FILE": str(authority.certificate)}
        assert puller.pull(address).code == 0
        assert puller.holds_all_of_it()
        assert {request["method"] for request in proxy.requests} == {"CONNECT"}


def test_of_two_pulls_at_once_the_second_waits_and_finds_it_done(site: Site, puller: Puller) -> None:
    site.fail(only=CPU, hold=HALF)
    first = puller.start("pull", "tiny", "--from", site.url)
    eventually(lambda: puller.part.exists() and puller.part.stat().st_size > 0)
    second = puller.start("pull", "tiny", "--from", site.url)
    assert second.stderr is not None
    told = [second.stderr.readline() for _ in range(3)]
    assert told[2] == f"another edgedet is putting a model into {puller.models}; waiting for it\n"
    (site.folder / "go").touch()
    first.communicate(timeout=PATIENCE_S)
    out, _ = second.communicate(timeout=PATIENCE_S)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "is there already, unchanged" in out
    assert len(site.requests_of(CPU)) == 1
    assert puller.holds_all_of_it()


def test_another_model_of_the_same_name_is_replaced_only_when_that_is_said(site: Site, puller: Puller) -> None:
    puller.models.mkdir(parents=True)
    (puller.models / "tiny.tflite").write_bytes(b"mine")
    done = puller.pull(site.url)
    assert done.code == 2
    assert "tiny.tflite is there and is not the catalogue's tiny" in complaint(done)[0]
    assert "--replace" in complaint(done)[1]
    assert (puller.models / "tiny.tflite").read_bytes() == b"mine"
    assert puller.pull(site.url, "--replace").code == 0
    assert puller.holds_all_of_it()


def test_a_second_model_is_told_to_make_auto_ambiguous(site: Site, puller: Puller) -> None:
    puller.models.mkdir(parents=True)
    shutil.copy(BUNDLED_MODEL, puller.models / "mine.tflite")
    done = puller.pull(site.url)
    assert done.code == 0
    assert "there are 2 models now (mine, tiny)" in done.err
    assert "detector: {model: tiny}" in done.err


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        pytest.param({}, "the disk is full: 1.3 MB are to come, 1.0 MB are free", id="before-it-begins"),
        pytest.param({"length": False}, "the disk is full: No space left on device", id="in-the-middle"),
    ],
)
def test_a_full_disk_is_said_and_not_made_worse(
    site: Site, puller: Puller, faults: dict[str, object], said: str
) -> None:
    puller.state.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "edgedet-test", str(puller.state)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"only root may mount a file system of its own: {mounted.stderr.strip()}")
    try:
        site.fail(only=CPU, **faults)
        done = puller.pull(site.url)
        assert done.code == 1
        assert complaint(done) == [f"edgedet: {puller.models}: {said}", "Make room there, then try again."]
        assert puller.visible == []
        assert not puller.part.exists()
    finally:
        subprocess.run(["umount", "-l", str(puller.state)], check=True)


def test_a_line_that_always_breaks_at_the_same_place_is_given_up(site: Site, tmp_path: Path) -> None:
    site.fail(cut=HALF, ranges=False)
    with pytest.raises(DownloadError, match=r"the connection ended after 600000 of \d+ bytes, 3 times in a row"):
        fetch(f"{site.url}/{CPU}", tmp_path / "part", lambda *_: None, Patience(attempts=3, pause_s=0.01))
    assert len(site.requests_of(CPU)) == 4


def test_a_server_that_falls_silent_is_left_and_asked_again(site: Site, tmp_path: Path) -> None:
    site.fail(stall=HALF, times=1)
    seen: list[int] = []
    fetch(
        f"{site.url}/{CPU}",
        tmp_path / "part",
        lambda done, _: seen.append(done),
        Patience(silence_s=0.5, attempts=2, pause_s=0.01),
    )
    assert (tmp_path / "part").read_bytes() == BUNDLED_MODEL.read_bytes()
    assert seen == sorted(seen)


def test_a_terminal_gets_a_bar(site: Site, puller: Puller) -> None:
    site.fail(only=CPU, chunk_s=0.02)
    ours, theirs = pty.openpty()
    child = puller.start("pull", "tiny", "--from", site.url, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # the terminal's other end was closed
    os.close(ours)
    child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0
    assert "━".encode() in shown
    assert CPU.encode() in shown
    assert b"/1.3 MB" in shown


def test_a_model_under_the_agpl_is_not_fetched_and_who_wants_it_is_told_how(puller: Puller) -> None:
    done = puller.run("pull", "yolov8n")
    assert done.code == 1
    assert complaint(done)[0] == "edgedet: yolov8n is not fetched: its weights are under AGPL-3.0"
    assert "edgedet models add yolov8n" in complaint(done)[1]


def test_a_slip_of_the_pen_is_answered_with_what_there_is(puller: Puller) -> None:
    done = puller.run("pull", "mobildet")
    assert done.code == 2
    assert "Near it: mobiledet" in complaint(done)[1]
    done = puller.run("pull", "tiny", "--from", "ftp://there")
    assert done.code == 2
    assert "http://" in complaint(done)[1]
