"""Run by itself on the detector's interpreter: loads libedgetpu and says which versions there are. Can die of it.

    python -I library_child.py LIBRARY

Prints what it knows as JSON lines, each as soon as it is known: what is loaded next may end the process.
"""

import ctypes
import importlib.util
import json
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

PACKAGES = ("ai-edge-litert", "tflite-runtime")


def main() -> None:
    """Say what looks after this interpreter and the runtime's version, then load the library and say its own."""
    mark = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    managed = sys.prefix == sys.base_prefix and mark.exists()
    say({"prefix": sys.prefix, "managed": managed, "pip": importlib.util.find_spec("pip") is not None})
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    say({"runtimes": found})
    try:
        library = ctypes.CDLL(sys.argv[1])
    except OSError as error:
        say({"error": " ".join(str(error).split())})
        return
    say({"loaded": True})
    try:
        told = library.edgetpu_version
    except AttributeError:
        return
    told.restype = ctypes.c_char_p
    say({"version": (told() or b"").decode(errors="replace")})


def say(body: dict[str, object]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
