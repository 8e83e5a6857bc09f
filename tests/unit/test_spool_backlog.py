from __future__ import annotations

from itertools import count

from edgedet.outputs.spool.backlog import Backlog
from edgedet.outputs.spool.entry import STEP, Entry, Missing, Policy, Times

TIMES = Times("boot", 0)


def make_gap(entry: Entry, missing: Missing) -> Entry:
    return Entry(entry.order + 1, entry.camera, "gap", TIMES, missing.last, missing)


class Filled:
    """A backlog with events of two cameras in turn."""

    def __init__(self, number: int, *, policy: Policy | None = None, keep: int = 1000) -> None:
        self.backlog = Backlog(policy or Policy(), make_gap, keep)
        self._places = count(STEP, STEP)
        self._seqs = {"porch": count(1), "yard": count(1)}
        self.entries = [self.add() for _ in range(number)]

    def add(self) -> Entry:
        place = next(self._places)
        camera = "porch" if place // STEP % 2 else "yard"
        entry = Entry(place, camera, "x" * 60, TIMES, next(self._seqs[camera]))
        self.backlog.add(entry)
        return entry

    def take(self, number: int) -> list[Entry]:
        taken = [self.backlog.next(stored_only=False) for _ in range(number)]
        return [entry for entry in taken if entry is not None]


def young(_entry: Entry) -> bool:
    return False


def test_what_was_under_way_when_the_link_broke_comes_first_and_in_order() -> None:
    filled = Filled(10)
    one, two, three = filled.take(3)
    filled.backlog.acknowledged(two)
    filled.backlog.link_lost()
    assert filled.take(3) == [one, three, filled.entries[3]]


def test_what_is_acknowledged_is_neither_waiting_nor_to_be_written() -> None:
    filled = Filled(2)
    for entry in filled.take(2):
        filled.backlog.acknowledged(entry)
    assert filled.backlog.waiting == 0
    assert not filled.backlog.unsaved
    assert not filled.backlog.deletes


def test_what_is_acknowledged_while_it_is_being_written_is_taken_from_the_disk_again() -> None:
    filled = Filled(1)
    (entry,) = filled.take(1)
    filled.backlog.acknowledged(entry)
    filled.backlog.saved([entry])
    assert filled.backlog.deletes == [entry.order]


def test_in_strict_nothing_is_sent_that_is_not_on_disk() -> None:
    filled = Filled(2)
    assert filled.backlog.next(stored_only=True) is None
    filled.backlog.saved(filled.entries[:1])
    assert filled.backlog.next(stored_only=True) is filled.entries[0]
    assert filled.backlog.next(stored_only=True) is None


def test_at_the_cap_the_oldest_go_and_one_gap_a_camera_names_them() -> None:
    filled = Filled(10, policy=Policy(max_events=4))
    filled.backlog.trim(young, None)
    assert filled.backlog.dropped == 6
    told = filled.take(10)
    assert [(entry.camera, entry.seq, entry.missing) for entry in told[:2]] == [
        ("porch", 3, Missing(1, 3, 3)),
        ("yard", 3, Missing(1, 3, 3)),
    ]
    assert told[2:] == filled.entries[6:]


def test_what_the_broker_may_have_is_not_dropped() -> None:
    filled = Filled(10, policy=Policy(max_events=4))
    sent = filled.take(2)
    filled.backlog.link_lost()
    filled.backlog.trim(young, None)
    assert filled.take(2) == sent


def test_the_cap_of_bytes_counts_what_is_on_disk_too() -> None:
    filled = Filled(10, policy=Policy(max_bytes=1000))
    filled.backlog.trim(young, None)
    assert filled.backlog.waiting == 5


def test_dropping_a_gap_keeps_what_it_told() -> None:
    filled = Filled(0, policy=Policy(max_events=1))
    gap = Entry(STEP, "porch", "gap", TIMES, 100, Missing(5, 100, None))
    filled.backlog.restore([gap], 1, gap.size, 0)
    filled.backlog.add(Entry(2 * STEP, "porch", "", TIMES, 101))
    filled.backlog.add(Entry(3 * STEP, "porch", "", TIMES, 102))
    filled.backlog.trim(young, None)
    assert [entry.missing for entry in filled.take(1)] == [Missing(5, 101, None)]
    assert filled.backlog.dropped == 1


def test_memory_is_bounded_by_what_lies_on_disk_and_the_order_is_kept() -> None:
    filled = Filled(100, keep=20)
    filled.backlog.saved(filled.entries)
    filled.backlog.evict()
    assert filled.backlog.in_memory == 10
    assert filled.backlog.waiting == 100
    newest = [filled.add() for _ in range(5)]
    assert filled.backlog.wanted_page == (filled.entries[9].order, newest[0].order)
    assert filled.take(20) == filled.entries[:10]
    filled.backlog.page(filled.entries[10:60], more=True)
    filled.backlog.page(filled.entries[60:], more=False)
    assert filled.take(200) == filled.entries[10:] + newest
    assert filled.backlog.wanted_page is None


def test_of_a_lost_file_the_memory_is_written_again_and_a_gap_tells_of_the_rest() -> None:
    filled = Filled(100, keep=20)
    filled.backlog.saved(filled.entries)
    filled.backlog.evict()
    newest = filled.add()
    filled.backlog.disk_lost({"porch": 52, "yard": 51}.__getitem__, ["porch", "yard"])
    told = filled.take(100)
    assert told[:10] == filled.entries[:10]
    assert [entry.missing for entry in told[10:12]] == [Missing(6, 50, 45), Missing(6, 50, 45)]
    assert told[12:] == [newest]
    assert [entry.order for entry in filled.backlog.unsaved.values()] == [entry.order for entry in told]
