"""Looks at paths that may lie in a folder which is closed to this user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seen(look: Callable[[], bool]) -> bool:
    """What a look such as `path.is_dir` says; no, where it is closed to us: who opens the path can say why."""
    try:
        return look()
    except OSError:
        return False
