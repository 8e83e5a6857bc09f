"""Snapshots on disk: names, limits, restarts, and disks that do not do what they should."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgedet.outputs.snapshots import SnapshotFiles, SnapshotLimits

NOON_S = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


class WallClock:
    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


PLENTY = SnapshotLimits()


def files_in(state: Path, limits: SnapshotLimits = PLENTY, clock: WallClock | None = None) -> SnapshotFiles:
    return SnapshotFiles(state, "porch", limits, clock or WallClock())


def names(files: SnapshotFiles) -> list[str]:
    return sorted(path.name for path in files.folder.iterdir())


def test_a_file_is_named_by_time_and_number_only(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    assert files.write(b"one") == "20260131T120000Z-000001.jpg"
    assert files.write(b"two") == "20260131T120000Z-000002.jpg"
    assert files.folder == tmp_path / "snapshots" / "porch"
    assert (files.folder / "20260131T120000Z-000001.jpg").read_bytes() == b"one"
    assert files.trouble is None


def test_a_better_picture_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    name = files.write(b"first")
    assert files.write(b"better", name) == name
    assert names(files) == [name]
    assert (files.folder / str(name)).read_bytes() == b"better"


def test_a_picture_that_was_pruned_meanwhile_comes_back_under_a_name_of_its_own(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_files=1))
    first = files.write(b"first")
    files.write(b"second")
    assert files.write(b"first, better", first) == "20260131T120000Z-000003.jpg"
    assert names(files) == ["20260131T120000Z-000003.jpg"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "x.jpg", "20260131T120000Z-000009.jpg/../../x"])
def test_a_name_that_is_not_kept_is_never_written_to(tmp_path: Path, name: str) -> None:
    files = files_in(tmp_path)
    assert files.write(b"one", name) == "20260131T120000Z-000001.jpg"


def test_a_file_may_be_read_by_its_group_and_by_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files = files_in(tmp_path)
        name = files.write(b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((files.folder / str(name)).stat().st_mode) == 0o640
    before = os.umask(0o000)
    try:
        other = SnapshotFiles(tmp_path, "garden", SnapshotLimits())
        name = other.write(b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((other.folder / str(name)).stat().st_mode) == 0o640
    assert stat.S_IMODE(other.folder.stat().st_mode) == 0o750


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_files=3))
    for number in range(10):
        files.write(b"%d" % number)
        assert len(names(files)) == min(number + 1, 3)
    assert [(files.folder / name).read_bytes() for name in names(files)] == [b"7", b"8", b"9"]


def test_there_are_never_more_bytes_than_allowed(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_mb=0.001))
    for size in (400, 400, 400, 900, 100, 1000):
        assert files.write(bytes(size)) is not None
        assert sum(path.stat().st_size for path in files.folder.iterdir()) <= 1000
    assert len(names(files)) == 1


def test_a_picture_that_grows_makes_the_others_go_and_not_itself(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_mb=0.001))
    first = files.write(bytes(300))
    files.write(bytes(300))
    assert files.write(bytes(900), first) == first
    assert names(files) == [first]


def test_a_picture_larger_than_everything_allowed_is_not_kept_and_costs_no_other(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_mb=0.001))
    name = files.write(bytes(300))
    assert files.write(bytes(1001)) is None
    assert names(files) == [name]


def test_old_pictures_go_at_the_next_write_and_at_the_start(tmp_path: Path) -> None:
    clock = WallClock()
    files = files_in(tmp_path, SnapshotLimits(max_age_d=2.0), clock)
    files.write(b"old")
    clock.now_s += 1.5 * DAY_S
    files.write(b"newer")
    assert len(names(files)) == 2
    clock.now_s += 1.0 * DAY_S
    files.write(b"newest")
    assert [(files.folder / name).read_bytes() for name in names(files)] == [b"newer", b"newest"]
    clock.now_s += 10 * DAY_S
    files_in(tmp_path, SnapshotLimits(max_age_d=2.0), clock).tidy()
    assert names(files) == []


def test_numbers_go_on_and_limits_hold_after_a_restart(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    for _ in range(5):
        files.write(b"x")
    again = files_in(tmp_path, SnapshotLimits(max_files=3))
    again.tidy()
    assert len(names(files)) == 3
    assert again.write(b"y") == "20260131T120000Z-000006.jpg"
    assert len(names(files)) == 3


def test_the_number_says_which_is_older_where_the_clock_went_back(tmp_path: Path) -> None:
    clock = WallClock()
    files = files_in(tmp_path, SnapshotLimits(max_files=2, max_age_d=3650.0), clock)
    files.write(b"first")
    clock.now_s -= 100 * DAY_S
    files.write(b"second")
    files.write(b"third")
    assert sorted((files.folder / name).read_bytes() for name in names(files)) == [b"second", b"third"]


def test_what_is_not_ours_stays_and_what_was_left_half_written_goes(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_files=1, max_age_d=0.001))
    files.folder.mkdir(parents=True)
    (files.folder / "holiday.jpg").write_bytes(bytes(5000))
    (files.folder / ".20260131T120000Z-000004.jpg.part").write_bytes(b"half")
    (files.folder / "20200131T120000Z-000003.jpg").mkdir()
    files.tidy()
    files.write(b"one")
    files.write(b"two")
    assert names(files) == ["20200131T120000Z-000003.jpg", "20260131T120000Z-000002.jpg", "holiday.jpg"]


def test_somebody_else_may_delete_pictures(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_files=2))
    first = files.write(b"one")
    (files.folder / str(first)).unlink()
    for _ in range(4):
        assert files.write(b"more") is not None
    assert len(names(files)) == 2
    assert files.trouble is None


@pytest.mark.parametrize("which", ["snapshots", "snapshots/porch"])
def test_a_link_does_not_lead_out_of_the_state_directory(tmp_path: Path, which: str) -> None:
    outside, state = tmp_path / "outside", tmp_path / "state"
    outside.mkdir()
    link = state / which
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    files = files_in(state)
    assert files.write(b"one") is None
    assert files.trouble is not None
    assert str(files.folder) in files.trouble
    assert list(outside.iterdir()) == []


def test_a_link_among_the_pictures_is_neither_followed_nor_removed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    files = files_in(tmp_path, SnapshotLimits(max_files=1))
    files.folder.mkdir(parents=True)
    (files.folder / "20200131T120000Z-000003.jpg").symlink_to(target)
    files.write(b"one")
    files.write(b"two")
    assert target.read_bytes() == b"precious"
    assert (files.folder / "20200131T120000Z-000003.jpg").is_symlink()


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[Path]:
    """A real file system of that size."""
    at.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs needs root, which this process is not")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def test_a_full_disk_is_told_about_leaves_nothing_half_written_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        files = files_in(disk)
        name = files.write(bytes(60_000))
        (disk / "other").write_bytes(bytes(150_000))
        assert files.write(bytes(100_000)) is None
        assert files.trouble is not None
        assert re.search("No space left", files.trouble)
        assert names(files) == [name]
        (disk / "other").unlink()
        assert files.write(bytes(100_000)) == "20260131T120000Z-000003.jpg"
        assert files.trouble is None


def test_trouble_lasts_until_a_picture_would_fit_again_also_where_none_comes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        files = files_in(disk)
        files.tidy()
        (disk / "other").write_bytes(bytes(200_000))
        assert files.write(bytes(100_000)) is None
        files.tidy()
        assert "No space left" in str(files.trouble)
        (disk / "other").unlink()
        files.tidy()
        assert files.trouble is None
        assert names(files) == []


def test_a_disk_that_becomes_read_only_is_told_about_and_is_over_when_it_is_not_any_more(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        files = files_in(disk)
        files.tidy()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert files.write(b"one") is None
        assert "Read-only" in str(files.trouble)
        files.tidy()
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert files.write(b"one") is not None
        assert files.trouble is None


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    name = files.write(b"one")
    (files.folder / str(name)).unlink()
    files.folder.rmdir()
    assert files.write(b"two") == "20260131T120000Z-000002.jpg"


def test_a_file_costs_as_many_calls_among_thousands_as_among_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = files_in(tmp_path, SnapshotLimits(max_files=5000))
    full.folder.mkdir(parents=True)
    for number in range(1, 5001):
        (full.folder / f"20260131T110000Z-{number:06d}.jpg").touch()
    full.tidy()
    calls: list[str] = []

    def counted(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object, **more: object) -> object:
            calls.append(name)
            return real(*args, **more)

        return call

    for name in ("scandir", "stat", "unlink", "open", "rename"):
        monkeypatch.setattr(os, name, counted(name))
    full.write(b"one")
    assert "scandir" not in calls
    assert len(calls) <= 8
    assert full.write(b"two") == "20260131T120000Z-005002.jpg"


def test_several_threads_may_write_at_once(tmp_path: Path) -> None:
    files = files_in(tmp_path, SnapshotLimits(max_files=20))
    threads = [threading.Thread(target=lambda: [files.write(b"x") for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(files)) == 20
    assert names(files)[-1] == "20260131T120000Z-000040.jpg"
