"""Finding and decoding pictures."""

from __future__ import annotations

import io
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from edgedet.cameras._bilinear import scale
from edgedet.cameras._files import FORBIDDEN, refuse_unreadable
from edgedet.errors import SourceError
from edgedet.types import PixelFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from edgedet.cameras.images import Settings

_ENDINGS = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".avif",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".ico",
        ".jp2",
        ".tga",
    )
) | frozenset((".pbm", ".pgm", ".pnm", ".ppm"))
"""A folder's files are taken for pictures by these endings; a file that is named is tried whatever it is called."""
_GIVE_PICTURE = "Give a JPEG, PNG, WebP, BMP, GIF or TIFF picture, or a folder of them."
_EXIF_ORIENTATION = 0x0112


class Picture:
    """A decoded picture, upright."""

    __slots__ = ("_pixels", "captured_ns", "height", "name", "pts_s", "width")

    def __init__(self, pixels: NDArray[np.uint8], name: str, captured_ns: int) -> None:
        self._pixels = pixels
        self.name = name
        self.captured_ns = captured_ns
        self.pts_s = 0.0
        self.height: int = pixels.shape[0]
        self.width: int = pixels.shape[1]

    def draw_detect(self, window: NDArray[np.uint8]) -> None:
        """See `edgedet.cameras.Shot`."""
        scale(self._pixels, window)

    def draw_full(self, memory: NDArray[np.uint8]) -> PixelFormat:
        """See `edgedet.cameras.Shot`."""
        memory[: self._pixels.size].reshape(self._pixels.shape)[...] = self._pixels
        return PixelFormat.RGB24


class PictureCamera:
    """Implements `edgedet.cameras.Camera` for pictures."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.path
        self._names: list[str] = []
        self._notes: list[str] = []

    @property
    def live(self) -> bool:
        """Never: pictures wait."""
        return False

    @property
    def expected_frames(self) -> int | None:
        """How many pictures there are, damaged ones among them."""
        return len(self._names) or 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What was passed over; damaged pictures are added as they are come upon."""
        return tuple(self._notes)

    def __enter__(self) -> Self:
        """Look for the pictures; decodes none of them.

        Raises:
            SourceError: there are none.
        """
        refuse_unreadable(self._path)
        if Path(self._path).is_dir():
            self._names = self._pictures_of_folder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing is held open between pictures."""

    def frames(self) -> Iterator[Picture]:
        """See `edgedet.cameras.Camera`. A damaged picture of a folder is noted and passed over."""
        if not self._names:
            pixels = decode(Path(self._path), self._path)
            yield Picture(pixels, "", time.monotonic_ns())
            return
        given = 0
        for file_name in self._names:
            # The name as it was given, so that a line of output can be found again by who asked.
            name = f"{self._path.rstrip('/')}/{file_name}"
            try:
                pixels = decode(Path(self._path, file_name), name)
            except SourceError as error:
                self._notes.append(f"{error.message}; passed over")
                continue
            given += 1
            yield Picture(pixels, name, time.monotonic_ns())
        if not given:
            first = self._notes[-len(self._names)].removesuffix("; passed over")
            raise SourceError(
                f"{self._path}: none of its {len(self._names)} pictures can be read: {first}", hint=_GIVE_PICTURE
            )

    def _pictures_of_folder(self) -> list[str]:
        try:
            entries = sorted(Path(self._path).iterdir(), key=lambda entry: entry.name)
            files = [entry for entry in entries if entry.is_file()]
        except OSError as error:
            raise SourceError(f"{self._path}: {error.strerror}", hint=FORBIDDEN) from None
        names = [entry.name for entry in files if entry.suffix.lower() in _ENDINGS]
        folders = len(entries) - len(files)
        if not names:
            inside = f", but {_counted(folders, 'folder')}" if folders else ""
            raise SourceError(f"{self._path}: there are no pictures in this folder{inside}", hint=_GIVE_PICTURE)
        if len(names) < len(files):
            others = _counted(len(files) - len(names), "other file")
            self._notes.append(f"{self._path}: {others} passed over")
        if folders:
            self._notes.append(f"{self._path}: {_counted(folders, 'folder')} inside not entered")
        return names


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def decode(path: Path, name: str) -> NDArray[np.uint8]:
    """A picture file as RGB of shape (height, width, 3), turned upright by its EXIF orientation.

    Alpha is dropped, 16 bits are cut to 8, and of an animation the first picture is taken, all as OpenCV does.

    Raises:
        SourceError: it cannot be read, is damaged or cut off, or is no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{name}: {error.strerror}", hint="Check the path.") from None
    if not data:
        raise SourceError(f"{name} is an empty file", hint=_GIVE_PICTURE)
    try:
        # Pillow warns of sizes that it does not refuse yet, of odd metadata and of palettes: nothing to act on.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _upright(data)
    except UnidentifiedImageError:
        raise SourceError(f"{name} is no picture of a known format", hint=_GIVE_PICTURE) from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise SourceError(f"{name} has more than {limit} million pixels", hint="Scale it down first.") from None
    # Pillow's decoders fail in many ways on damaged files: OSError, SyntaxError, ValueError, struct.error, EOFError…
    except Exception as error:  # noqa: BLE001 - as said above
        reason = str(error) or type(error).__name__
        raise SourceError(f"{name} is a damaged picture: {reason}", hint="Copy or record it again.") from None


def _upright(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
            pixels = _decode_jpeg(data)
        else:
            pixels = _convert(image)
    return np.ascontiguousarray(_turn(pixels, orientation))


def _decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    # simplejpeg interpolates chroma and transforms exactly, as what detectors are trained with does; another decoder
    # cost an int8 model 0.02 mAP.
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB")
    except ValueError as error:
        # The rest of a picture that was cut off comes out grey: that is not looked at, so it is not to be shown.
        # Other irregularities, such as stray bytes before a marker, harm nothing that can be seen.
        if "premature end" in str(error).lower():
            raise
        pixels = simplejpeg.decode_jpeg(data, "RGB", strict=False)
    return pixels


def _convert(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        # Sixteen bits in one channel: Pillow would clip them to white instead of scaling them.
        grey = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation, 1 to 8; any other value means nothing."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.transpose(1, 0, 2)
        case 6:
            return np.rot90(pixels, -1)
        case 7:
            return np.rot90(pixels, 2).transpose(1, 0, 2)
        case 8:
            return np.rot90(pixels)
        case _:
            return pixels
