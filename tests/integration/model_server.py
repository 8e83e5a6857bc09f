"""A web server with faults, and a proxy, as processes of their own: what `edgedet models pull` talks to in tests.

Run as a script it serves a folder. What is to go wrong is read from `faults.json` beside the folder before each answer;
every request is written to `requests.log` as one JSON line.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import select
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Site:
    """A running server or proxy."""

    port: int
    folder: Path
    """Where its log is, and in `files` what it serves."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def fail(self, **faults: Any) -> None:
        """From now on; see `_Files`. Without any: nothing fails any more."""
        (self.folder / "faults.json").write_text(json.dumps(faults))

    @property
    def requests(self) -> list[dict[str, Any]]:
        log = self.folder / "requests.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def requests_of(self, name: str) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["path"].endswith(name)]


@contextlib.contextmanager
def serving(folder: Path, kind: str = "files", *tls: Path) -> Iterator[Site]:
    """`kind` is `files` or `proxy`; `tls` the certificate and its key."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen([sys.executable, __file__, kind, str(port), str(folder), *map(str, tls)])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield Site(port, folder)
    finally:
        child.kill()
        child.wait(PATIENCE_S)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def log_message(self, *_: Any) -> None:
        pass

    def note(self) -> None:
        wanted = {name: self.headers.get(name) for name in ("Range", "If-Range", "User-Agent", "Host")}
        with (self.folder / "requests.log").open("a") as log:
            log.write(json.dumps({"method": self.command, "path": self.path, **wanted}) + "\n")

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Files(_Handler):
    """Serves files with ranges and ETags.

    Faults, each for the files whose name ends in `only` (default: all) and `times` times (default: always): `status`;
    `redirect` to an address; `page`: a login page; `wrong`: other bytes of the same length; `ranges`: False: none are
    served; `etag`: False: none is given; `length`: False: nor that; `cut`: the connection ends after so many bytes of a
    body, `reset`: by a reset; `stall`: after so many bytes nothing more comes; `hold`: not until `go` is in the folder;
    `chunk_s`: pause after each 32 KiB.
    """

    def do_GET(self) -> None:
        self.note()
        faults = self.faults()
        if "status" in faults:
            return self.answer(faults["status"], b"no")
        if "redirect" in faults:
            return self.answer(302, Location=faults["redirect"])
        if faults.get("page"):
            return self.answer(200, b"<html>Welcome! Log in.</html>", Content_Type="text/html; charset=utf-8")
        file = self.folder / "files" / self.path.rpartition("/")[2]
        if not file.is_file():
            return self.answer(404, b"no such file", Content_Type="text/html")
        body = file.read_bytes()
        if faults.get("wrong"):
            body = bytes(255 - byte for byte in body[:100]) + body[100:]
        return self.give(body, faults)

    def faults(self) -> dict[str, Any]:
        told = self.folder / "faults.json"
        found: dict[str, Any] = json.loads(told.read_text()) if told.exists() else {}
        if not self.path.endswith(found.get("only", "")) or found.get("times") == 0:
            return {}
        if "times" in found:
            told.write_text(json.dumps({**found, "times": found["times"] - 1}))
        return found

    def give(self, body: bytes, faults: dict[str, Any]) -> None:
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        start = 0
        asked = self.headers.get("Range", "")
        confirmed = self.headers.get("If-Range") in (None, tag)
        if asked and confirmed and faults.get("ranges", True):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.answer(416, Content_Range=f"bytes */{len(body)}")
        self.send_response(206 if start else 200)
        if faults.get("length", True):
            self.send_header("Content-Length", str(len(body) - start))
        else:
            self.send_header("Connection", "close")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if faults.get("etag", True):
            self.send_header("ETag", tag)
        self.end_headers()
        return self.send(body[start:], faults)

    def send(self, body: bytes, faults: dict[str, Any]) -> None:
        end = faults.get("cut", faults.get("reset", faults.get("stall", len(body))))
        for at in range(0, min(end, len(body)), 2**15):
            self.wfile.write(body[at : min(at + 2**15, end)])
            self.wfile.flush()
            time.sleep(faults.get("chunk_s", 0))
            while at >= faults.get("hold", len(body)) and not (self.folder / "go").exists():
                time.sleep(0.02)
        if "stall" in faults:
            time.sleep(600)
        if "reset" in faults:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end < len(body):
            self.close_connection = True
            if "reset" not in faults:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()


class _Proxy(_Handler):
    """Passes requests on to 127.0.0.1, whatever host they name: `models.invalid` is reached through it only."""

    def do_GET(self) -> None:
        self.note()
        address = urlsplit(self.path)
        if not address.scheme:
            return self.answer(400, b"this is a proxy")
        upstream = http.client.HTTPConnection("127.0.0.1", address.port or 80, timeout=PATIENCE_S)
        upstream.request("GET", address.path, headers=dict(self.headers))
        reply = upstream.getresponse()
        body = reply.read()
        headers = {name: value for name in ("ETag", "Content-Range") if (value := reply.getheader(name))}
        return self.answer(reply.status, body, **headers)

    def do_CONNECT(self) -> None:
        self.note()
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as upstream:
            self.send_response(200)
            self.end_headers()
            other = {self.connection: upstream, upstream: self.connection}
            while ready := select.select(list(other), [], [], PATIENCE_S)[0]:
                for side in ready:
                    passed = side.recv(2**16)
                    if not passed:
                        self.close_connection = True
                        return
                    other[side].sendall(passed)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed in the middle is what some tests are about."""


def main(kind: str, port: str, folder: str, *tls: str) -> None:
    _Handler.folder = Path(folder)
    server = _Server(("127.0.0.1", int(port)), _Proxy if kind == "proxy" else _Files)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
