"""`--save` and `--show`: frames with their boxes drawn in. Drawing and encoding run in a thread beside the pipeline."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from edgedet.outputs.drawing import annotate
from edgedet.outputs.save import Saver, open_saver
from edgedet.outputs.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from edgedet.app.sources import NamedSource
    from edgedet.pipeline import Seen


class SaveSink:
    """Writes each frame, annotated, to a picture, a folder or a video."""

    def __init__(self, target: str, sources: Sequence[NamedSource]) -> None:
        self._target = target
        self._sources = [source.given for source in sources]
        self._stack = ExitStack()
        self._saver: Saver | None = None

    def __enter__(self) -> Self:
        """Refuse what cannot work before the work begins.

        Raises:
            UsageError: see `open_saver`.
        """
        self._saver = self._stack.enter_context(open_saver(self._target, self._sources))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """See `Sink.write`."""
        full, saver = seen.frame.full, self._saver
        if full is None or saver is None:
            return
        await asyncio.to_thread(
            saver.save, source.given, seen.result.stamp, full, seen.frame.pixel_format, seen.result.detections
        )


class WindowSink:
    """Shows each frame, annotated; closing the window, or `q`, ends the job."""

    def __init__(self) -> None:
        self._window = Window()

    async def __aenter__(self) -> Self:
        """Open the window.

        Raises:
            UsageError: there is no display, or no tkinter.
        """
        await self._window.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._window.__aexit__(kind, error, traceback)

    @property
    def closed(self) -> asyncio.Event:
        """Set when the user is done."""
        return self._window.closed

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """See `Sink.write`. Of what moves, only as many frames are drawn as the screen takes."""
        full, stamp = seen.frame.full, seen.result.stamp
        if full is None or self._window.closed.is_set() or not (source.is_still or self._window.hungry):
            return
        image = await asyncio.to_thread(
            annotate, full, seen.frame.pixel_format, stamp.width, stamp.height, seen.result.detections
        )
        self._window.show(image)
