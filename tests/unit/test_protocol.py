import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.types import FrameStamp, PixelFormat
from edgedet.workers import memory
from edgedet.workers.protocol import (
    Kind,
    Limits,
    RawResult,
    Submission,
    Ticket,
    bitmap_of,
    classes_of,
    detections_of,
    pack_attend,
    pack_ended,
    pack_json,
    pack_release,
    pack_result,
    pack_submit,
    pack_ticket,
    unpack_attend,
    unpack_ended,
    unpack_json,
    unpack_release,
    unpack_result,
    unpack_submit,
    unpack_ticket,
)

u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
fraction = st.floats(0, 1, width=32)


@given(
    st.builds(
        Ticket,
        u16,
        st.sampled_from(PixelFormat),
        st.builds(
            FrameStamp,
            u64,
            u64,
            st.floats(0, 1e9),
            u32,
            u32,
            st.text(max_size=300).map(lambda name: name.encode("utf-8", "ignore").decode()),
            st.booleans(),
            st.booleans(),
        ),
    )
)
def test_a_ticket_arrives_as_it_was_sent(ticket: Ticket) -> None:
    assert unpack_ticket(pack_ticket(ticket)) == ticket


@pytest.mark.parametrize("following", [True, False])
def test_what_is_followed_arrives_as_it_was_said(*, following: bool) -> None:
    assert unpack_attend(pack_attend(following=following)) is following


def test_a_file_name_that_is_no_utf8_survives_the_way() -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    ticket = Ticket(0, PixelFormat.NONE, FrameStamp(0, 0, 0.0, 1, 1, name))
    assert unpack_ticket(pack_ticket(ticket)).stamp.name == name


@given(u16, u64, u32, u32, fraction, fraction, u32, st.binary(max_size=64))
def test_a_submission_arrives_as_it_was_sent(
    slot: int, ticket: int, width: int, height: int, score: float, iou: float, most: int, bitmap: bytes
) -> None:
    submission = Submission(slot, ticket, width, height, Limits(score, iou, most, bitmap))
    assert unpack_submit(pack_submit(submission)) == submission


@given(u16, u64, u32, u64, st.integers(0, 50))
def test_a_result_arrives_as_it_was_sent(instance: int, ticket: int, invalid: int, ns: int, count: int) -> None:
    result = RawResult(instance, ticket, invalid, ns, ns, ns, bytes(24 * count))
    assert unpack_result(pack_result(result)) == result


def test_a_result_that_was_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match="1 detections with 23 bytes"):
        unpack_result(pack_result(RawResult(0, 1, 0, 0, 0, 0, bytes(24)))[:-1])


@given(st.sets(st.integers(0, 200)))
def test_wanted_classes_survive_as_a_bitmap(classes: set[int]) -> None:
    assert classes_of(bitmap_of(frozenset(classes))) == classes


def test_no_bitmap_means_every_class() -> None:
    assert classes_of(b"") is None


@given(u16, u64)
def test_short_messages_arrive_as_they_were_sent(slot: int, frames: int) -> None:
    assert unpack_release(pack_release(slot)) == slot
    assert unpack_ended(pack_ended(frames)) == frames


def test_json_messages_must_be_objects() -> None:
    assert unpack_json(pack_json(Kind.START, {"a": [1, None, "b"]})) == {"a": [1, None, "b"]}
    with pytest.raises(ValueError, match="no JSON object"):
        unpack_json(bytes((Kind.START,)) + b"[1]")


def test_a_class_without_a_name_gets_its_number() -> None:
    packed = b"".join((b"\x05\0\0\0", b"\0\0\0\x3f" * 5))
    (found,) = detections_of(packed, ("person",))
    assert (found.label, found.class_id, found.score) == ("class_5", 5, 0.5)


@given(st.integers(1, 8), st.integers(1, 10_000), st.integers(0, 20_000))
def test_slots_never_overlap_and_stay_inside(slots: int, detect: int, full: int) -> None:
    layout = memory.Layout(slots, detect, full)
    spans = [(memory.PAGE, memory.PAGE)]
    for slot in range(slots):
        spans.append((layout.detect_at(slot), layout.detect_at(slot) + detect))
        spans.append((layout.full_at(slot), layout.full_at(slot) + full))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert spans[-1][1] <= layout.total


def test_a_slot_that_does_not_exist_is_refused() -> None:
    with pytest.raises(IndexError):
        memory.Layout(2, 10, 0).detect_at(2)
