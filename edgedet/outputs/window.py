"""`--show`: annotated frames in a window, while detection goes on."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from edgedet.errors import UsageError

if TYPE_CHECKING:
    import tkinter as tk

    from PIL import Image, ImageTk

_INTERVAL_S = 0.015
"""Between two looks at the window's events: Tk has no descriptor that asyncio could wait on."""
_SHARE_OF_SCREEN = 0.9


class Window:
    """A window that shows the newest picture. Enter it, `show` pictures, leave it; `q`, Escape or its cross close it.

    Tk runs in the thread that entered (it must be the main one on some systems) and is served from the event loop:
    a picture appears as soon as the loop is free, and one that comes too quickly replaces the one before.
    """

    def __init__(self, title: str = "edgedet") -> None:
        self._title = title
        self.closed = asyncio.Event()
        """Set when the user has closed the window; `show` does nothing from then on."""
        self._waiting: Image.Image | None = None
        self._root: tk.Tk | None = None
        self._label: tk.Label | None = None
        self._shown: ImageTk.PhotoImage | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the window; it is to be seen with the first picture.

        Raises:
            UsageError: no display, or a Python without tkinter.
        """
        try:
            import tkinter as tk
        except ImportError as error:
            raise UsageError(
                "--show needs tkinter, which this Python does not have",
                hint="Install it (Debian and Raspberry Pi OS: apt install python3-tk), or use --save.",
            ) from error
        try:
            self._root = tk.Tk(className="edgedet")
        except tk.TclError as error:
            raise UsageError(
                f"--show finds no display: {error}",
                hint="Start it on a desktop (over ssh: ssh -X), or use --save.",
            ) from error
        self._root.title(self._title)
        self._root.withdraw()
        self._label = tk.Label(self._root, borderwidth=0, background="black")
        self._label.pack(expand=True, fill="both")
        for key in ("q", "Q", "<Escape>"):
            self._root.bind(key, self._on_close)
        self._root.protocol("WM_DELETE_WINDOW", self._on_close)
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="window")
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Take the window off the screen."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._destroy()

    @property
    def hungry(self) -> bool:
        """Whether the last picture has been put on the screen: before that, drawing another is wasted."""
        return self._waiting is None and not self.closed.is_set()

    def show(self, picture: Image.Image) -> None:
        """Have this picture shown next, in place of one that still waits."""
        if not self.closed.is_set():
            self._waiting = picture

    async def _serve(self) -> None:
        while self._root is not None and not self.closed.is_set():
            self._put_on_screen()
            self._handle_events()
            await asyncio.sleep(_INTERVAL_S)
        self._destroy()

    def _handle_events(self) -> None:
        import tkinter as tk

        try:
            if self._root is not None:
                self._root.update()
        except tk.TclError:  # the display has gone: the same as closing
            self.closed.set()

    def _put_on_screen(self) -> None:
        picture, self._waiting = self._waiting, None
        if picture is None or self._root is None or self._label is None:
            return
        from PIL import ImageTk

        root = self._root
        limit = (
            round(root.winfo_screenwidth() * _SHARE_OF_SCREEN),
            round(root.winfo_screenheight() * _SHARE_OF_SCREEN),
        )
        if picture.width > limit[0] or picture.height > limit[1]:
            picture = picture.copy()
            picture.thumbnail(limit)
        # Tk keeps no reference of its own: without ours the picture would vanish.
        self._shown = ImageTk.PhotoImage(picture, master=root)
        self._label.configure(image=self._shown)
        if root.state() == "withdrawn":
            root.deiconify()

    def _on_close(self, _event: Any = None) -> None:
        self.closed.set()

    def _destroy(self) -> None:
        root, self._root = self._root, None
        self._label = self._shown = None
        if root is None:
            return
        import tkinter as tk

        with contextlib.suppress(tk.TclError):
            root.destroy()
