"""Test-only: what picamera2 takes for granted and libcamera's virtual camera lacks; loaded by a .pth file.

It has no raw stream, so that picamera2 finds no sensor modes, and its NV12 buffers have two planes, which picamera2's
own allocator does not make. Both are put right in the moment in which picamera2 is imported; nothing else is touched.
"""

import importlib.abc
import importlib.util
import sys


class _Patching(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname != "picamera2.picamera2":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _patch(module)

        spec.loader.exec_module = exec_module
        return spec


def _patch(module):
    import libcamera
    from picamera2.allocators import LibcameraAllocator

    picamera2 = module.Picamera2
    initialise = picamera2.__init__

    def modes_without_raw(self):
        formats = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
        return [
            {"format": str(pixel), "size": (size.width, size.height)}
            for pixel in formats.pixel_formats
            for size in formats.sizes(pixel)
        ]

    def initialise_with_libcameras_allocator(self, *args, **kwargs):
        initialise(self, *args, **kwargs)
        self.allocator = LibcameraAllocator(self.camera)

    picamera2._get_raw_modes = modes_without_raw
    picamera2.__init__ = initialise_with_libcameras_allocator


sys.meta_path.insert(0, _Patching())
