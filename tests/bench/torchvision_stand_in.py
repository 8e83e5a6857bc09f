"""torchvision's `ops.nms`, all that Ultralytics needs of it, where no torchvision fits the installed torch.

The same greedy loop in C, compiled at the first use, so that Ultralytics is as fast as it is with the real one.
"""

import ctypes
import importlib.machinery
import subprocess
import sys
import tempfile
import types
from pathlib import Path

_SOURCE = """
long nms(const float *boxes, const long *order, long count, float limit, unsigned char *gone, long *keep) {
    long kept = 0;
    for (long a = 0; a < count; a++) {
        long i = order[a];
        if (gone[i]) continue;
        keep[kept++] = i;
        const float *p = boxes + 4 * i;
        float area = (p[2] - p[0]) * (p[3] - p[1]);
        for (long b = a + 1; b < count; b++) {
            long j = order[b];
            if (gone[j]) continue;
            const float *q = boxes + 4 * j;
            float x1 = p[0] > q[0] ? p[0] : q[0], y1 = p[1] > q[1] ? p[1] : q[1];
            float x2 = p[2] < q[2] ? p[2] : q[2], y2 = p[3] < q[3] ? p[3] : q[3];
            float w = x2 - x1 > 0 ? x2 - x1 : 0, h = y2 - y1 > 0 ? y2 - y1 : 0;
            float both = w * h;
            if (both / (area + (q[2] - q[0]) * (q[3] - q[1]) - both) > limit) gone[j] = 1;
        }
    }
    return kept;
}
"""


def use_if_needed():
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision"] = _module()


def _module():
    import torch

    folder = Path(tempfile.mkdtemp())
    source, library = folder / "nms.c", folder / "nms.so"
    source.write_text(_SOURCE)
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    function = ctypes.CDLL(str(library)).nms
    function.restype = ctypes.c_long
    function.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_long,
        ctypes.c_float,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]

    def nms(boxes, scores, iou_threshold):
        boxes = boxes.contiguous()
        order = scores.argsort(descending=True)
        gone = torch.zeros(len(boxes), dtype=torch.uint8)
        keep = torch.empty(len(boxes), dtype=torch.int64)
        count = function(
            boxes.data_ptr(), order.data_ptr(), len(boxes), iou_threshold, gone.data_ptr(), keep.data_ptr()
        )
        return keep[:count]

    module = types.ModuleType("torchvision")
    module.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
    module.__version__ = "0.0"
    module.ops = types.SimpleNamespace(nms=nms)
    return module
