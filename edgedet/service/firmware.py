"""What a Pi's firmware says of its power supply and its heat: the word of `vcgencmd get_throttled`.

From sysfs where the kernel has it, else over the firmware's mailbox as vcgencmd asks it
(https://github.com/raspberrypi/firmware/wiki/Mailbox-property-interface; `Get throttled`, tag 0x00030046).
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
_MAILBOX = "dev/vcio"
_POINTER_BYTES = struct.calcsize("P")
_IOCTL_PROPERTY = (3 << 30) | (_POINTER_BYTES << 16) | (100 << 8)
"""_IOWR(100, 0, char *) of the kernel's bcm2835 mailbox driver."""
_GET_THROTTLED = 0x00030046
_ANSWERED = 0x80000000
_ASK = struct.Struct("=7I")
"""Length, code, then one tag (number, room, code, value), then the end of the tags."""

_UNDERVOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
_SINCE_BOOT = 16
"""The same bits, this much higher, say that it has happened since the Pi was switched on, or since somebody cleared
them: the kernel's own sensor, `rpi_volt`, does so every two seconds."""


@dataclass(frozen=True, slots=True)
class FirmwareWord:
    """Flags of the firmware."""

    bits: int

    @property
    def undervoltage(self) -> bool:
        """Below 4.63 V right now."""
        return bool(self.bits & _UNDERVOLTAGE)

    @property
    def undervoltage_since_boot(self) -> bool:
        """Now or before."""
        return self._ever(_UNDERVOLTAGE)

    @property
    def throttled(self) -> bool:
        """Slowed down, or its frequency capped, right now."""
        return bool(self.bits & (_THROTTLED | _CAPPED))

    @property
    def throttled_since_boot(self) -> bool:
        """Now or before."""
        return self._ever(_THROTTLED | _CAPPED)

    @property
    def soft_temp_limit(self) -> bool:
        """A little slower right now, for its heat: some Pis are from 60 °C on, long before they are throttled."""
        return bool(self.bits & _SOFT_LIMIT)

    @property
    def soft_temp_limit_since_boot(self) -> bool:
        """Now or before."""
        return self._ever(_SOFT_LIMIT)

    def and_also(self, later: FirmwareWord | None, *, undervoltage: bool) -> FirmwareWord:
        """Every flag that either word has; `undervoltage` is what else was seen of the power supply."""
        bits = 0 if later is None else later.bits
        return FirmwareWord(self.bits | bits | (_UNDERVOLTAGE if undervoltage else 0))

    def _ever(self, bits: int) -> bool:
        return bool(self.bits & (bits | bits << _SINCE_BOOT))


def read_firmware(root: Path) -> FirmwareWord | None:
    """Ask the firmware; None: there is none, or this user may not ask."""
    with suppress(OSError, ValueError):
        return FirmwareWord(int((root / _SYSFS).read_text(), 16))
    return _ask_mailbox(root / _MAILBOX)


def _ask_mailbox(device: Path) -> FirmwareWord | None:
    # The value that is sent says which of the lasting bits are cleared: none, they are others' to read as well.
    message = bytearray(_ASK.pack(_ASK.size, 0, _GET_THROTTLED, 4, 0, 0, 0))
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.ioctl(descriptor, _IOCTL_PROPERTY, message, True)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _, code, _, _, _, bits, _ = _ASK.unpack(message)
    return FirmwareWord(bits) if code == _ANSWERED else None
