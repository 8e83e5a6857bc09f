"""Names and places of an installed edgedet, on the machine that it is installed on."""

from __future__ import annotations

UNIT = "edgedet.service"
HELPER = "edgedet-reset-edgetpu.socket"
"""Where the daemon asks root's helper to reset an Edge TPU."""
CONFIG = "/etc/edgedet/edgedet.yaml"
PASSWORD = "/etc/edgedet/mqtt-password"
LAST_WORDS = "/var/lib/edgedet/last-words"
BROKER = "/etc/mosquitto/conf.d/test.conf"
"""A test's own settings of the broker."""
