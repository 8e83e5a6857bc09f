"""Child processes for native code that may hang, abort or segfault.

`boot` starts a child on any interpreter, `protocol` is what both ends say, `memory` what they share, `process` one life
of a child as seen by its parent. `detector` and `camera` are the parent's ends, `detector_child` and `camera_child` the
children's. `backoff` says when to try again.
"""
