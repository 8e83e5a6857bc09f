"""Names that become levels of MQTT topics."""

from __future__ import annotations

import re

RESERVED = frozenset({"all", "active", "cmd", "health", "stats", "availability"})
"""Levels that edgedet's own topics use beside or below the names that a user chooses."""

_NAME = re.compile(r"[a-z0-9_-]{1,32}")

NAME_PATTERN = f"^(?!({'|'.join(sorted(RESERVED))})$)[a-z0-9_-]{{1,32}}$"
"""The same as one regular expression, for programs that read the JSON Schema."""


def check_name(name: str) -> str:
    """Return `name` if it can be a device, a camera, a zone or a line.

    Raises:
        ValueError: it cannot; the message proposes one that can.
    """
    if name in RESERVED:
        taken = ", ".join(sorted(RESERVED))
        raise ValueError(f"{name!r} is reserved for edgedet's own topics ({taken}); choose another name")
    if not _NAME.fullmatch(name):
        proposal = clean_name(name)
        advice = f"such as {proposal!r}" if proposal else "such as 'porch'"
        raise ValueError(f"{name[:40]!r} is no name; use 1 to 32 of a-z, 0-9, - and _, {advice}")
    return name


def clean_name(text: str) -> str:
    """The nearest thing to `text` that fits the pattern of names; empty if nothing is left of it."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:32]


def check_topic(topic: str) -> str:
    """Return `topic` if it can stand before other levels of an MQTT topic.

    Raises:
        ValueError: it is empty, holds a wildcard, begins with `$`, or has an empty level.
    """
    if not topic or topic.startswith("$") or re.search(r"[+#\x00-\x1f]", topic) or "" in topic.split("/"):
        raise ValueError(
            f"{topic[:40]!r} cannot begin a topic; use levels joined by single slashes, without + # or a leading $"
        )
    return topic
