"""First code of a worker child: `python -I boot.py MODULE SOCKET_FD MEMORY_FD`.

The interpreter may be another than the daemon's (the system's, which has libcamera). It keeps its own site-packages;
of ours it gets the package `edgedet` and nothing else, since adding our site-packages would bring back the conflict
between our numpy and the distribution's.
"""

import ctypes
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import ModuleType

_PR_SET_PDEATHSIG = 1
_PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class _EdgedetFinder(importlib.abc.MetaPathFinder):
    """Serves the package `edgedet` from the folder of this file, on whichever interpreter runs it."""

    def find_spec(
        self,
        fullname: str,
        _path: Sequence[str] | None,
        _target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "edgedet":
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            os.path.join(_PACKAGE_FOLDER, "__init__.py"),
            submodule_search_locations=[_PACKAGE_FOLDER],
        )


def _die_with_parent() -> None:
    # A killed `detect` must not leave the camera taken. The parent may have died before this line: then we are a
    # child of somebody else already, and the socket is at its end, which the child notices by itself.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Run the child module's `serve(connection, memory_fd)`."""
    module, socket_fd, memory_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _die_with_parent()
    # Ctrl-C goes to the whole process group; only the daemon decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.meta_path.insert(0, _EdgedetFinder())
    importlib.import_module(module).serve(socket.socket(fileno=socket_fd), memory_fd)


if __name__ == "__main__":
    main()
