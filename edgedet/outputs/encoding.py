"""Payloads as bytes.

Detections go out once a frame, so they are put together by hand; everything else is a dict through `json`.
Scores and corners carry five decimals: a hundredth of a pixel at 1280, and the contract asks for four at least.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgedet.clock import Stamp
    from edgedet.types import Detection, FrameResult

SCHEMA_VERSION = 1
"""Of the payloads. Not imported from where their classes are: making those costs `edgedet detect` 11 ms."""
_NS_PER_MS = 1e6


def encode(device: str, stamp: Stamp, body: Mapping[str, object]) -> bytes:
    """Return a JSON payload: the head that all share, then `body`.

    Raises:
        ValueError: a number that is not finite.
    """
    head = {
        "schema": SCHEMA_VERSION,
        "device": device,
        "ts": stamp.ts,
        "boot_id": stamp.boot_id,
        "mono_ns": stamp.mono_ns,
        "time_synced": stamp.time_synced,
    }
    text = json.dumps({**head, **body}, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A file name that is no UTF-8 arrives in a message with lone surrogates; this makes JSON escapes of them.
    return text.encode("utf-8", "backslashreplace")


def encode_detections(
    device: str,
    stamp: Stamp,
    camera: str,
    result: FrameResult,
    track_ids: Sequence[int | None] | None = None,
) -> bytes:
    """Return the payload of `<camera>/detections`.

    `track_ids` has one entry a detection, in the same order; without it all are null. The latency is counted from
    the capture to `stamp`, so take the stamp right before publishing.

    Raises:
        ValueError: a number that is not finite.
    """
    entries = detection_entries(result.detections)
    if track_ids is None:
        listed = ",".join([f'{entry},"track_id":null}}' for entry in entries])
    else:
        listed = ",".join(
            [
                f'{entry},"track_id":{"null" if track is None else track}}}'
                for entry, track in zip(entries, track_ids, strict=True)
            ]
        )
    seen, cost = result.stamp, result.inference
    latency_ms = (stamp.mono_ns - seen.captured_ns) / _NS_PER_MS
    return (
        f'{{"schema":{SCHEMA_VERSION},"device":{quoted(device)},"ts":"{stamp.ts}","boot_id":"{stamp.boot_id}",'
        f'"mono_ns":{stamp.mono_ns},"time_synced":{"true" if stamp.time_synced else "false"},'
        f'"camera":{quoted(camera)},"frame":{seen.seq},"width":{seen.width},"height":{seen.height},'
        f'"captured_ns":{seen.captured_ns},"backend":"{cost.backend}",'
        f'"inference_ms":{cost.invoke_ms:.3f},"latency_ms":{latency_ms:.3f},"detections":[{listed}]}}'
    ).encode()


def detection_entries(detections: Sequence[Detection]) -> list[str]:
    """Return each detection as a JSON object without its closing brace, so that a caller can add keys.

    Raises:
        ValueError: a number that is not finite.
    """
    entries = []
    for found in detections:
        box = found.box
        if not isfinite(found.score + box.x1 + box.y1 + box.x2 + box.y2):
            raise ValueError(f"{found} has a number that is not finite: JSON has no word for it")
        entries.append(
            f'{{"label":{quoted(found.label)},"class_id":{found.class_id},"score":{found.score:.5f},'
            f'"box":[{box.x1:.5f},{box.y1:.5f},{box.x2:.5f},{box.y2:.5f}]'
        )
    return entries


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """Return `text` as a JSON string. Remembered, since labels and sources come again with every frame."""
    # A file name that is no UTF-8 arrives with lone surrogates, which only the escaped form can carry.
    readable = text.isprintable()
    return json.dumps(text, ensure_ascii=not readable)
