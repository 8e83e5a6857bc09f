"""Run by itself on the detector's interpreter: loads libedgetpu and says which versions there are. Can die of it.

    python -I library_child.py LIBRARY

Prints what it knows as JSON lines, each as soon as it is known: what is loaded next may end the process.
"""

import ctypes
import json
import sys
from importlib import metadata

PACKAGES = ("ai-edge-litert", "tflite-runtime")


def main() -> None:
    """Say the runtime's version, then load the library and say its own."""
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
