from __future__ import annotations

from edgedet.outputs.messages import Publication
from edgedet.outputs.outbox import Outbox


def message(text: str) -> Publication:
    return Publication("events", text.encode(), qos=1)


def drain(outbox: Outbox) -> list[tuple[str, bytes]]:
    """Send everything and have it acknowledged."""
    sent = []
    while (item := outbox.next()) is not None:
        outbox.sent(len(sent), item)
        outbox.acknowledged(len(sent))
        sent.append((item.topic, item.payload))
    return sent


def test_of_a_state_that_changes_while_nobody_listens_only_the_newest_is_sent() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.put_state("count", b"%d" % number)
    assert outbox.waiting == 1
    assert drain(outbox) == [("count", b"999")]


def test_a_state_that_the_broker_has_is_not_sent_again() -> None:
    outbox = Outbox()
    outbox.put_state("count", b"1")
    drain(outbox)
    outbox.put_state("count", b"1")
    assert outbox.waiting == 0


def test_after_a_lost_link_every_state_is_sent_again_and_what_was_under_way_comes_first_and_in_order() -> None:
    outbox = Outbox()
    outbox.put_state("health", b"ok")
    drain(outbox)
    for text in ("a", "b", "c"):
        outbox.put(message(text))
    for number in (1, 2):
        item = outbox.next()
        assert item is not None
        outbox.sent(number, item)
    outbox.link_lost()
    assert drain(outbox) == [("health", b"ok"), ("events", b"a"), ("events", b"b"), ("events", b"c")]


def test_a_state_that_is_set_again_goes_behind_those_that_wait() -> None:
    outbox = Outbox()
    outbox.put_state("availability", b"online")
    outbox.put_state("health", b"ok")
    outbox.put_state("availability", b"online")
    assert drain(outbox) == [("health", b"ok"), ("availability", b"online")]


def test_a_full_queue_gives_up_its_oldest_and_counts_it() -> None:
    outbox = Outbox(max_queued=2)
    for text in ("a", "b", "c"):
        outbox.put(message(text))
    assert outbox.dropped == 1
    assert drain(outbox) == [("events", b"b"), ("events", b"c")]


def test_an_emptied_state_is_sent_once_and_then_forgotten() -> None:
    outbox = Outbox()
    outbox.put_state("gone", b"1")
    drain(outbox)
    outbox.put_state("gone", b"")
    assert drain(outbox) == [("gone", b"")]
    outbox.link_lost()
    assert outbox.waiting == 0
