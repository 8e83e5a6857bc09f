"""Fetches one file over HTTP into a part beside its later place, and goes on where an earlier try broke off.

The part is only a part: who calls this looks at its content and gives it its name. Beside it lies a note on where the
bytes came from and which version of the file they are of. Only a server that confirms that version (`If-Range`, RFC
9110 section 13.1.5) has its bytes appended; of every other one the file begins again.
"""

from __future__ import annotations

import errno
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from edgedet.app.part_file import begin, go_on, size_of
from edgedet.errors import DownloadError

Progress = Callable[[int, int | None], None]
"""Told of bytes that are there, and of how many there will be; None: the server does not say."""

_CHUNK = 2**16
_MOST_BYTES = 512 * 2**20
"""What `edgedet.models.inspection` reads at most; a server that sends more sends something else."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of servers that say something else a moment later."""

_KEPT = "What has come is kept: the same command goes on from there."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a bad line is put up with."""

    silence_s: float = 30.0
    """Without a single byte, after which a connection counts as broken."""
    attempts: int = 5
    """In a row that bring nothing new, after which the download ends."""
    pause_s: float = 1.0
    """Before the second attempt; doubled for each further one."""


class _BrokenOff(Exception):
    """The connection was lost, or the server cannot answer just now."""


class _Unreachable(_BrokenOff):
    """There was no connection at all."""


USUAL_PATIENCE = Patience()


def fetch(url: str, part: Path, progress: Progress, patience: Patience = USUAL_PATIENCE) -> bool:
    """Get all of `url` into the file `part`. Proxies are those of `http_proxy`, `https_proxy` and `no_proxy`.

    Returns:
        Whether bytes of an earlier call are in it.

    Raises:
        DownloadError: the server cannot be reached or does not have it, the line breaks again and again, or the disk is
            full. What has come stays in `part`, unless it is what filled the disk.
    """
    at_first = furthest = size_of(part)
    fruitless = 0
    while True:
        try:
            kept = _attempt(url, part, progress, patience.silence_s)
            return kept and at_first > 0
        except _BrokenOff as broken:
            # No network is no bad line: waiting for it is the user's business.
            if isinstance(broken, _Unreachable) and furthest == at_first:
                raise _unreachable(url, broken) from broken
            fruitless = 0 if size_of(part) > furthest else fruitless + 1
            furthest = max(furthest, size_of(part))
            if fruitless >= patience.attempts:
                message = f"{url}: {broken}, {fruitless} times in a row"
                raise DownloadError(message, hint=_KEPT) from broken
        time.sleep(patience.pause_s * 2 ** max(0, fruitless - 1))


def discard(part: Path) -> None:
    """Remove a part and the note beside it."""
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, progress: Progress, silence_s: float) -> bool:
    """One request. Returns whether it went on with what was there."""
    headers = {"User-Agent": "edgedet", "Accept-Encoding": "identity"}
    version = _version_of(part, url)
    offset = size_of(part) if version else 0
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows http and https only
    try:
        with _opener().open(request, timeout=silence_s) as response:
            goes_on: bool = response.status == 206
            if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                discard(part)
                raise _BrokenOff("the server gave another range than was asked for")
            offset = offset if goes_on else 0
            total = _total(response, offset)
            _refuse_nonsense(url, part, response, total)
            if not goes_on:
                _begin(part, url, response)
            _receive(response, part, offset, total, progress)
            return goes_on
    except urllib.error.HTTPError as error:
        raise _refusal(url, part, error) from error
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, OSError) else error
        raise _Unreachable(_words(reason)) from error
    except DownloadError:
        raise
    except (OSError, HTTPException) as error:
        raise _BrokenOff(_words(error)) from error


def _opener() -> urllib.request.OpenerDirector:
    """Follows redirections and proxies, and opens nothing but http and https: no `file:` that a server redirects to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _receive(response: HTTPResponse, part: Path, offset: int, total: int | None, progress: Progress) -> None:
    done = offset
    progress(done, total)
    with go_on(part) as file:
        # read1: what has arrived is kept, also when the rest of the chunk never does.
        while chunk := response.read1(_CHUNK):
            done += len(chunk)
            if done > _MOST_BYTES:
                discard(part)
                raise DownloadError(f"{part.name}: the server sends more than {_MOST_BYTES >> 20} MiB; no model is so")
            try:
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise _disk_trouble(part, error) from error
            progress(done, total)
    if total is not None and done < total:
        raise _BrokenOff(f"the connection ended after {done} of {total} bytes")


def _begin(part: Path, url: str, response: HTTPResponse) -> None:
    """An empty part with its note, which is there before the first byte that it speaks of."""
    etag = response.headers.get("ETag", "")
    # A weak one may stand for other bytes; RFC 9110 forbids it in If-Range.
    version = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    try:
        # First: bytes of before must never lie beside a note that does not speak of them.
        begin(part).close()
        with begin(_note_of(part)) as note:
            note.write(f"{url}\n{version}\n".encode())
    except DownloadError:
        raise
    except OSError as error:
        raise _disk_trouble(part, error) from error


def _version_of(part: Path, url: str) -> str:
    """What confirms that the bytes in `part` are of the file that the server has now; empty: nothing does."""
    try:
        told = _note_of(part).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return told[1] if len(told) == 2 and told[0] == url else ""


def _total(response: HTTPResponse, offset: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return offset + int(length) if length.isdecimal() else None


def _refuse_nonsense(url: str, part: Path, response: HTTPResponse, total: int | None) -> None:
    if response.headers.get_content_type() == "text/html":
        hint = "Is it the login page of this network? Open a web page in a browser once, then try again."
        raise DownloadError(f"{url}: a web page came in place of the file", hint=hint)
    if total is None:
        return
    if total > _MOST_BYTES:
        raise DownloadError(f"{url}: {total >> 20} MiB are no model", hint="Look at the address.")
    missing = total - (size_of(part) if response.status == 206 else 0)
    free = shutil.disk_usage(part.parent).free + (0 if response.status == 206 else size_of(part))
    if missing > free:
        raise _full(part, f"{missing / 1e6:.1f} MB are to come, {free / 1e6:.1f} MB are free")


def _refusal(url: str, part: Path, error: urllib.error.HTTPError) -> Exception:
    error.close()
    # urllib explains at length, over several lines, why it follows a redirection no further.
    answer = f"{error.code} {str(error.reason).splitlines()[0] if error.reason else ''}".strip()
    if error.code == 416:
        # The part is longer than the file: it is of another one.
        discard(part)
        return _BrokenOff("what had come was not of this file")
    if error.code in _PASSING:
        return _BrokenOff(f"the server answers {answer}")
    if error.code == 407:
        hint = "Give its user and password in https_proxy, such as http://user:password@proxy:3128."
        return DownloadError(f"{_host(url)}: the proxy answers {answer}", hint=hint)
    hint = "The file has gone from there; another model may still be there." if error.code in (404, 410) else ""
    return DownloadError(
        f"{url}: the server answers {answer}", hint=hint or "Try again later, or from another network."
    )


def _unreachable(url: str, broken: _Unreachable) -> DownloadError:
    host, scheme = _host(url), urllib.parse.urlsplit(url).scheme
    proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme, "")
    through = f" through the proxy {_without_password(proxy)}" if proxy else ""
    cause = broken.__cause__
    if isinstance(getattr(cause, "reason", None), ssl.SSLError):
        hint = "Is the clock right (`timedatectl`)? A machine in a wrong year takes every certificate for a false one."
    elif proxy:
        hint = "Is the proxy of http_proxy and https_proxy the right one? no_proxy names hosts that need none."
    else:
        hint = "Is there a network? On another machine's, get the files there and use `edgedet models add`."
    return DownloadError(f"{host} cannot be reached{through}: {broken}", hint=hint)


def _disk_trouble(part: Path, error: OSError) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(part, error.strerror or "no space left")
    hint = "Run it as the user whom the folder belongs to, or with sudo."
    return DownloadError(f"{part.parent}: cannot be written ({error.strerror})", hint=hint)


def _full(part: Path, fact: str) -> DownloadError:
    # A part on a full disk would keep the daemon from writing what it has to say.
    discard(part)
    return DownloadError(f"{part.parent}: the disk is full: {fact}", hint="Make room there, then try again.")


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"its name is not known ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or url


def _without_password(proxy: str) -> str:
    credentials, at, place = proxy.rpartition("@")
    return f"{credentials.partition('//')[0]}//…@{place}" if at else proxy


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".from")
