from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from clips import colourful
from edgedet.cameras import _pictures, images
from edgedet.errors import SourceError
from edgedet.types import PixelFormat


def pixels_of(path: Path) -> NDArray[np.uint8]:
    return _pictures.decode(path, str(path))


def save(path: Path, width: int = 60, height: int = 40, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(colourful(width, height)).convert(mode).save(path, **options)
    return path


def names_and_notes(path: Path | str) -> tuple[list[str], tuple[str, ...]]:
    with images.open_camera(images.Settings(str(path))) as camera:
        return [shot.name for shot in camera.frames()], camera.notes


def test_a_folder_gives_its_pictures_in_name_order_and_counts_the_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "pics"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "c.webp"):
        save(folder / name)
    for name in ("notes.txt", "clip.mp4"):
        (folder / name).write_text("x")
    names, notes = names_and_notes(folder)
    assert names == [f"{folder}/a.PNG", f"{folder}/b.jpg", f"{folder}/c.webp"]
    assert "2 other files passed over" in notes[0]
    assert "1 folder inside not entered" in notes[1]
    assert names_and_notes(f"{folder}/")[0] == names


def test_a_single_picture_has_no_name_of_its_own(tmp_path: Path) -> None:
    assert names_and_notes(save(tmp_path / "a.jpg")) == ([""], ())


def test_a_damaged_picture_in_a_folder_is_noted_and_the_others_come(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.png", "d.png"):
        save(tmp_path / name, 300, 200)
    for name in ("b.jpg", "c.png"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    names, notes = names_and_notes(tmp_path)
    assert names == [f"{tmp_path}/a.jpg", f"{tmp_path}/d.png"]
    assert len(notes) == 2
    assert all("damaged" in note and "passed over" in note for note in notes)


def test_what_is_no_picture_is_refused_in_one_line_that_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "noise.png").write_bytes(os.urandom(500))
    whole = save(tmp_path / "whole.jpg", 300, 200).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:1500])
    (tmp_path / "none").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.jpg").write_text("hello")
    for name, says in (
        ("missing.jpg", "no such file"),
        ("empty.jpg", "empty"),
        ("text.jpg", "no picture"),
        ("noise.png", "no picture"),
        ("cut.jpg", "damaged"),
        ("none", "no pictures in this folder"),
        ("bad", "none of its 1 pictures can be read"),
    ):
        path = tmp_path / name
        with pytest.raises(SourceError, match=says) as caught:
            names_and_notes(path)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_by_their_exif_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    png = save(tmp_path / "a.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(png)))
    assert np.array_equal(pixels_of(png), upright)
    jpeg = save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert np.abs(pixels_of(jpeg).astype(int) - upright).mean() < 3


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("grey.jpg", "L"),
        ("grey.png", "L"),
        ("alpha.png", "RGBA"),
        ("alpha.webp", "RGBA"),
        ("grey_alpha.png", "LA"),
        ("print.jpg", "CMYK"),
        ("print.tif", "CMYK"),
        ("palette.gif", "P"),
        ("palette.png", "P"),
        ("plain.bmp", "RGB"),
        ("plain.ppm", "RGB"),
        ("fax.png", "1"),
    ],
)
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, name: str, mode: str) -> None:
    path = save(tmp_path / name, mode=mode)
    expected = np.asarray(Image.fromarray(colourful(60, 40)).convert("L" if mode in ("L", "LA", "1") else "RGB"))
    pixels = pixels_of(path)
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    assert abs(pixels.mean() - expected.mean()) < 6


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = np.asarray(Image.fromarray(colourful(60, 40)).convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.array_equal(pixels_of(tmp_path / "deep.png")[:, :, 1], grey)


def test_stray_bytes_in_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.jpg")
    data = whole.read_bytes()
    stray = tmp_path / "stray.jpg"
    stray.write_bytes(data[:-2] + b"\x11\x22\x33" + data[-2:])
    assert np.array_equal(pixels_of(stray), pixels_of(whole))


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(SourceError, match="million pixels"):
        pixels_of(tmp_path / "bomb.png")


def test_the_full_view_is_the_picture_itself(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    with images.open_camera(images.Settings(str(path))) as camera:
        shot = next(iter(camera.frames()))
        memory = np.full(60 * 40 * 3 + 10, 9, np.uint8)
        assert shot.draw_full(memory) is PixelFormat.RGB24
    assert np.array_equal(memory[:-10].reshape(40, 60, 3), colourful(60, 40))
    assert (memory[-10:] == 9).all()


def test_a_jpeg_is_decoded_with_smooth_chroma_as_training_does(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(colourful(60, 40)).save(buffer, "JPEG", quality=95, subsampling="4:2:0")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    reference = np.asarray(Image.open(buffer)).astype(int)
    assert np.abs(pixels_of(tmp_path / "a.jpg") - reference).max() <= 1
