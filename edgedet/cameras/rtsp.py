"""A network camera, over RTSP."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from edgedet.errors import SourceError

if TYPE_CHECKING:
    from av.container import InputContainer

    from edgedet.cameras import Camera


@dataclass(frozen=True, slots=True)
class Settings:
    """A network camera."""

    # Not in repr: a URL may carry a password.
    url: str = field(repr=False)
    """`rtsp://host[:port]/path`, or `rtsps://` for TLS."""
    username: str | None = None
    """In place of one in the URL."""
    password_file: str | None = None
    """A file that holds the password and nothing else; in place of one in the URL."""
    transport: Literal["tcp", "udp"] = "tcp"
    """TCP loses nothing; UDP is for cameras that know nothing else."""
    open_timeout_s: float = 10.0
    """Longest wait for the connection, and for the first picture after it, seconds."""
    read_timeout_s: float | None = None
    """Longest silence before the camera counts as stalled, seconds; unset: as it is usual with this camera, from 2.9 to
    60."""
    type: Literal["rtsp"] = "rtsp"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
            raise ValueError("url: not an address of a network camera; give rtsp://host/path or rtsps://host/path")
        if self.password_file == "":
            raise ValueError("password_file: an empty path; write null where none is meant")
        for name in ("open_timeout_s", "read_timeout_s"):
            seconds = getattr(self, name)
            if seconds is not None and seconds <= 0:
                raise ValueError(f"{name}: {seconds:g} is no time to wait; give seconds above 0")

    @property
    def pause_s(self) -> None:
        """See `edgedet.cameras`. What a stream says about its rate is often not what comes, and is not asked for."""
        return


def open_camera(settings: Settings) -> Camera:
    """The source, connected when it is entered."""
    # Here, so that a configuration is read without FFmpeg: it takes 60 ms and 30 MB.
    from edgedet.cameras._live import LiveCamera

    return LiveCamera(
        public_name(settings.url),
        lambda: _connect(settings),
        first_frame_s=settings.open_timeout_s,
        silence_s=settings.read_timeout_s,
    )


def public_name(url: str) -> str:
    """The address without user, password and query, any of which may be secret: what messages may show."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _connect(settings: Settings) -> InputContainer:
    import av
    from av.error import FFmpegError, HTTPForbiddenError, HTTPNotFoundError, HTTPServerError, HTTPUnauthorizedError

    from edgedet.cameras._live import LONGEST_SILENCE_S
    from edgedet.cameras._pyav import reason_of

    name = public_name(settings.url)
    address = _with_credentials(settings)
    options = {
        "rtsp_transport": settings.transport,
        # Sound would have to be probed, carried and thrown away.
        "allowed_media_types": "video",
        # What a stream is stands in its description. FFmpeg would else watch it for two seconds and then hand out
        # frames that are as old: 0.2 s until the first picture, against 2.0 s.
        "probesize": "32",
        "fpsprobesize": "0",
    }
    started = time.monotonic()
    try:
        read_s = settings.read_timeout_s or LONGEST_SILENCE_S
        return av.open(address, options=options, timeout=(settings.open_timeout_s, read_s))
    except (HTTPUnauthorizedError, HTTPForbiddenError):
        raise SourceError(
            f"{name}: the camera refuses user name and password",
            hint="Set username and password_file, or write both into the URL.",
        ) from None
    except HTTPNotFoundError:
        raise SourceError(f"{name}: the camera has no such stream", hint="Check the URL's path.") from None
    except ConnectionRefusedError:
        raise SourceError(
            f"{name}: nothing answers there (connection refused)", hint="Check host and port, and that it is running."
        ) from None
    except HTTPServerError:
        raise SourceError(
            f"{name}: the camera has this stream and cannot serve it now",
            hint="It may serve too many viewers already; restarting it may help.",
        ) from None
    except FFmpegError as error:
        # A time-out comes as whatever was cut short by it, not always as ExitError.
        if time.monotonic() - started >= settings.open_timeout_s:
            reason = f"no answer within {settings.open_timeout_s:g} s"
        elif not _resolves(settings.url):
            reason = "there is no host of that name"
        else:
            reason = reason_of(error)
        raise SourceError(f"{name}: {reason}", hint="Check the address, and that the camera is on.") from None


def _resolves(url: str) -> bool:
    """Whether the host's name is known; FFmpeg says only "input/output error" where it is not."""
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        return False
    return True


def _with_credentials(settings: Settings) -> str:
    parts = urlsplit(settings.url)
    user_info, _, host = parts.netloc.rpartition("@")
    user, _, password = user_info.partition(":")
    if settings.username is not None:
        user = quote(settings.username, safe="")
    if settings.password_file is not None:
        try:
            password = quote(Path(settings.password_file).read_text(encoding="utf-8").strip("\r\n"), safe="")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SourceError(
                f"{settings.password_file}: the password cannot be read: {reason}", hint="Check password_file."
            ) from None
    if not user:
        return settings.url
    return urlunsplit((parts.scheme, f"{user}:{password}@{host}", parts.path, parts.query, parts.fragment))
