"""One module a layout, named as `layout.Kind` names it; each has `build(layout, outputs)`.

To add a layout: a `Kind`, a rule in `layout.identify`, a module here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from edgedet.models.decoders.base import Candidates, Decoder, Limits, in_frame, to_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgedet.models.graph import TensorInfo
    from edgedet.models.layout import Layout

__all__ = ["Candidates", "Decoder", "Limits", "build_decoder", "in_frame", "to_frame"]


def build_decoder(layout: Layout, outputs: Sequence[TensorInfo]) -> Decoder:
    """A decoder for one thread; `outputs` are those of the model in its own order (`ModelInfo.outputs`)."""
    decoder: Decoder = import_module(f"edgedet.models.decoders.{layout.kind.value}").build(layout, outputs)
    return decoder
