"""Test-only: picamera2 imports this for previews on a display; Debian has no such package, and nobody looks."""


class PixelFormats:
    """Any name is a format."""

    def __getattr__(self, name):
        return name


PixelFormats = PixelFormats()
