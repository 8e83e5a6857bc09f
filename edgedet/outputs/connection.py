"""Where the broker is and how to get in: address, credentials, TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from edgedet.errors import BrokerError

PLAIN_PORT = 1883


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that is needed to reach a broker. Never shows its password."""

    host: str = "localhost"
    port: int = PLAIN_PORT
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """Certificates to trust, PEM; None: the system's."""
    cert_file: str | None = None
    key_file: str | None = None
    insecure_skip_verify: bool = False
    keepalive_s: int = 30
    """A link on which nothing comes back is given up after at most 1.5 times this many seconds."""
    client_id: str = "edgedet"
    """Must not change between connections of one device: a broker that still holds the link before the cut
    publishes its last will when the same id comes back, not half a minute after our `online`."""

    @property
    def url(self) -> str:
        """Where this leads, for messages: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def tls_context(connection: Connection) -> ssl.SSLContext:
    """Load certificates, each time from disk: renewed ones need no restart. Blocks for some ms.

    Raises:
        BrokerError: a file that is missing or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=connection.ca_file)
        if connection.cert_file:
            context.load_cert_chain(connection.cert_file, connection.key_file)
    except (OSError, ssl.SSLError) as error:
        files = [name for name in (connection.ca_file, connection.cert_file, connection.key_file) if name]
        raise BrokerError(
            f"the certificates for {connection.url} cannot be loaded: {error} ({', '.join(files)})",
            hint="Look at mqtt.tls in the configuration: PEM files, readable by the service's user.",
        ) from None
    if connection.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
