"""Where the MQTT broker is: `mqtt://[user[:password]@]host[:port]`, or `mqtts://` for TLS. Needs no pydantic."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_USERINFO = re.compile(r"(?<=//)[^\s@]*:\S*@")
"""Generous: a password may hold what a URL does not allow there, such as a slash."""
_PASSWORD = re.compile(r"(?<=//)[^/\s@:]*:[^/\s@][^/\s]*@")
_QUERY = re.compile(r"(?<=[?&])(pass|passw|passwd|password|pwd|token|auth|key|secret)=[^&\s'\"]+", re.IGNORECASE)
"""How cameras are told a password that does not stand before the host."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's address; the password is left out of every text that is made of it."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker_url(url: str) -> BrokerAddress:
    """Read a broker's URL; the port defaults to 1883, with TLS to 8883.

    Raises:
        ValueError: it is none; the message says what to write, without the password.
    """
    advice = "write mqtt://host:1883, or mqtts://host:8883 for TLS"
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        # Not what Python says about it, which quotes what may be a part of the password.
        characters = "; in a user or password, / is written %2F, : %3A and @ %40" if "@" in url else ""
        raise ValueError(f"{mask(url)!r} is no URL of a broker; {advice}{characters}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"{mask(url)!r} is no URL of a broker; {advice}")
    if not host or re.search(r"[\s\x00-\x1f]", url):
        raise ValueError(f"{mask(url)!r} names no host; {advice}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"{mask(url)!r} has more than a host and a port; {advice}")
    if port == 0:
        raise ValueError(f"{mask(url)!r} has port 0; {advice}")
    return BrokerAddress(
        host=host,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def mask(text: str) -> str:
    """`text` with the user and password of every URL in it replaced by `***`."""
    return _QUERY.sub(r"\1=***", _USERINFO.sub("***@", text))


def holds_password(text: str) -> bool:
    """Whether there is a URL with a password in it; what only might be one, `mask` covers."""
    return bool(_PASSWORD.search(text) or _QUERY.search(text))
