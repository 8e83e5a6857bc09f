"""`--save`: pictures with their detections drawn in, as one image, a folder of images or a video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgedet.errors import EdgedetError, UsageError
from edgedet.paths import seen

if TYPE_CHECKING:
    from PIL import Image

    from edgedet.types import Detection, FrameStamp, PixelFormat

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".webm", ".mov")
_JPEG_QUALITY = 92
_FORBIDDEN = "Give another place, or run the command again with sudo."
_Found = TypeVar("_Found")


class Saver(Protocol):
    """Somewhere to put annotated frames. Blocks while it encodes and writes: call it in a thread."""

    def save(
        self,
        source: str,
        stamp: FrameStamp,
        full: memoryview,
        pixel_format: PixelFormat,
        detections: Sequence[Detection],
    ) -> None:
        """Draw the detections into the full view and write it; `source` is as the user gave it.

        Raises:
            UsageError: this frame does not go where `--save` points.
            EdgedetError: it cannot be written.
        """


@contextmanager
def open_saver(target: str | Path, sources: Sequence[str] = ()) -> Iterator[Saver]:
    """Choose by the target: a folder (there already, ends in `/`, or has no extension), an image, or a video.

    With the `sources` at hand, what cannot work is refused before the work begins. Leaving finishes the video, also
    after an error: what was written until then can be played.

    Raises:
        UsageError: no such kind of file, no such folder, no right to write there, or the source itself.
    """
    path = Path(target)
    suffix = path.suffix.lower()
    if _means_folder(target):
        _refuse_sources_in(path, sources)
        _make_folder(path)
        yield _Folder(path)
    elif suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
        for source in sources:
            refuse_source(path, source)
        _check_writable(path)
        if suffix in IMAGE_SUFFIXES:
            _refuse_many(path, sources)
            yield _ImageFile(path)
        else:
            from edgedet.outputs.save_video import VideoSaver  # PyAV's muxers, which only this needs

            with VideoSaver(path) as video:
                yield video
    else:
        raise UsageError(
            f"--save {path}: {suffix} is no kind of file that pictures are saved in",
            hint=f"Give a folder, an image ({' '.join(IMAGE_SUFFIXES)}) or a video ({' '.join(VIDEO_SUFFIXES)}).",
        )


def is_one_picture(target: str | Path) -> bool:
    """Whether `--save` names a file that holds one picture.

    Raises:
        UsageError: an empty name, or one in a folder that is closed to us.
    """
    return not _means_folder(target) and Path(target).suffix.lower() in IMAGE_SUFFIXES


def _means_folder(target: str | Path) -> bool:
    if not os.fspath(target):
        # As a path it would be the current folder, which nobody means who wrote "$FOUND".
        raise UsageError("--save: an empty name", hint="Give a folder, an image or a video.")
    path = Path(target)
    return _with_reason(path, path.is_dir) or os.fspath(target).endswith("/") or not path.suffix


def refuse_source(target: Path, source: str) -> None:
    """Protect what is being looked at.

    Raises:
        UsageError: the target is the source's own file.
    """
    try:
        same = target.samefile(source)
    except (OSError, ValueError):
        return
    if same:
        raise UsageError(f"--save {target}: that is the source itself", hint="Give another name or another folder.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system says into one line.

    Raises:
        EdgedetError: the disk is full, the folder is gone, …
    """
    try:
        yield
    except OSError as error:
        raise EdgedetError(
            f"--save: {path} cannot be written: {error.strerror or error}",
            hint="Look at the space and the rights there, or save somewhere else.",
        ) from error


class _ImageFile:
    """One picture, in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def save(
        self,
        source: str,
        stamp: FrameStamp,
        full: memoryview,
        pixel_format: PixelFormat,
        detections: Sequence[Detection],
    ) -> None:
        """See `Saver`; the second picture is refused."""
        if self._written:
            raise _one_file_for_many(self._path)
        refuse_source(self._path, source)
        _write(_annotated(stamp, full, pixel_format, detections), self._path)
        self._written = True


class _Folder:
    """A file for each frame: a picture keeps its name, a frame of a stream is `frame_000123.jpg`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()

    def save(
        self,
        source: str,
        stamp: FrameStamp,
        full: memoryview,
        pixel_format: PixelFormat,
        detections: Sequence[Detection],
    ) -> None:
        """See `Saver`."""
        path = self._folder / self._free_name(source, stamp)
        refuse_source(path, stamp.name or source)
        refuse_source(path, source)
        _write(_annotated(stamp, full, pixel_format, detections), path)

    def _free_name(self, source: str, stamp: FrameStamp) -> str:
        picture = Path(stamp.name or source)
        if stamp.name or picture.suffix.lower() in IMAGE_SUFFIXES:
            suffix = picture.suffix if picture.suffix.lower() in IMAGE_SUFFIXES else ".jpg"
            stem = picture.stem
        else:
            stem, suffix = f"frame_{stamp.seq:06d}", ".jpg"
            if f"{stem}{suffix}".lower() in self._taken:
                stem = f"{picture.stem}_{stem}"
        name, number = f"{stem}{suffix}", 2
        # Compared in lower case: on some file systems A.jpg and a.jpg are one file.
        while name.lower() in self._taken:
            name, number = f"{stem}-{number}{suffix}", number + 1
        self._taken.add(name.lower())
        return name


def _annotated(
    stamp: FrameStamp, full: memoryview, pixel_format: PixelFormat, detections: Sequence[Detection]
) -> Image.Image:
    from edgedet.outputs.drawing import annotate  # Pillow and PyAV: not before there is something to draw

    return annotate(full, pixel_format, stamp.width, stamp.height, detections)


def _write(picture: Image.Image, path: Path) -> None:
    with writing(path):
        try:
            picture.save(path, quality=_JPEG_QUALITY)
        except BaseException:
            # A torn-off picture is worse than none.
            path.unlink(missing_ok=True)
            raise


def _one_file_for_many(path: Path) -> UsageError:
    return UsageError(
        f"--save {path}: one image cannot hold several pictures",
        hint=f"Give a folder, such as {path.with_suffix('')}/, or a video, such as {path.with_suffix('.mp4')}.",
    )


def _refuse_many(path: Path, sources: Sequence[str]) -> None:
    """A camera is none: one picture of it is the first."""
    files = [Path(source) for source in sources if "://" not in source]
    if len(sources) > 1 or any(seen(file.is_dir) or file.suffix.lower() in VIDEO_SUFFIXES for file in files):
        raise _one_file_for_many(path)


def _refuse_sources_in(folder: Path, sources: Sequence[str]) -> None:
    """Pictures keep their names, so they cannot go where they come from."""
    for source in map(Path, sources):
        is_folder = seen(source.is_dir)
        home = source if is_folder else source.parent
        keeps_name = is_folder or source.suffix.lower() in IMAGE_SUFFIXES
        if keeps_name and seen(source.exists) and folder.is_dir() and folder.samefile(home):
            raise UsageError(
                f"--save {folder}: that is where {source} is, and would be written over",
                hint="Give another folder.",
            )


def _make_folder(folder: Path) -> None:
    _with_reason(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--save {folder}: no right to write there", hint=_FORBIDDEN)


def _check_writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError(
            f"--save {path}: there is no folder {path.parent}", hint="Make it first, or give another place."
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--save {path}: no right to write there", hint=_FORBIDDEN)


def _with_reason(path: Path, step: Callable[[], _Found]) -> _Found:
    try:
        return step()
    except OSError as error:
        hint = _FORBIDDEN if isinstance(error, PermissionError) else "Give another place."
        raise UsageError(f"--save {path}: {error.strerror or error}", hint=hint) from error
