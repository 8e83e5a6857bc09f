"""mosquitto on this machine: where its ACL is, and what adds to it what a device needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from edgedet.doctor.finding import as_root
from edgedet.outputs.topics import Topics


def rules(topics: Topics, discovery_topic: str | None) -> list[str]:
    """What a device needs, as in `config/examples/mosquitto.acl`; `discovery_topic`: None where none is announced."""
    told = [] if discovery_topic is None else [discovery_topic]
    return [
        f"topic write {topics.base}/#",
        *(f"topic write {topic}" for topic in told),
        *(f"topic read {topic}" for topic in topics.subscriptions()),
    ]


def allow(root: Path, user: str, lines: list[str]) -> str:
    """Adds rules to the broker's ACL, and has it read them."""
    options = _options(root / "etc/mosquitto")
    acl = shlex.quote(options.get("acl_file", "/etc/mosquitto/acl"))
    pid_file = options.get("pid_file")
    by_systemd = (root / "run/systemd/system").is_dir() or pid_file is None
    reload = "systemctl reload mosquitto" if by_systemd else f'kill -HUP "$(cat {shlex.quote(str(pid_file))})"'
    if user:
        written = shlex.join([f"user {user}", *lines])
        return as_root(f"printf '%s\\n' {written} >> {acl}", reload)
    # Rules behind a user's line are that user's: those for all who come without a name stand before the first.
    before = f"cat {acl} > {acl}.before"
    return as_root(before, f"printf '%s\\n' {shlex.join(lines)} | cat - {acl}.before > {acl}", reload)


def _options(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in [folder / "mosquitto.conf", *sorted((folder / "conf.d").glob("*.conf"))]:
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        found |= dict(re.findall(r"^(acl_file|pid_file)\s+(\S+)", text, re.MULTILINE))
    return found
