"""A daemon without a model: blind, saying so, until one comes; it is taken without a restart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edgedet.app.answering import files_of
from edgedet.errors import ConfigError, ModelError, ModelMissing
from edgedet.health import Code, DetectorFacts, DetectorState, Reason
from edgedet.models.catalogue import DEFAULT_MODEL, READY
from edgedet.settings.default_file import INSTALLED_STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgedet.app.preference import Files
    from edgedet.settings import Loaded, ModelChoice

_LOOK_S = 2.0
"""How often a missing model is looked for: one `stat` a file."""


async def wait_for_model(
    loaded: Loaded, folder: Path, choice: ModelChoice | None, tell: Callable[[DetectorFacts], None]
) -> tuple[ModelChoice | None, Files]:
    """Look for the files until there is one that can be used. `folder` is the state directory."""
    refused = ""
    while True:
        reason = refused or _why_missing(choice, folder, loaded.settings.detector.accelerators)
        reasons = (Reason("detector", Code.MODEL_MISSING, reason),)
        tell(DetectorFacts(DetectorState.DOWN, "none", None, 0, 0, reasons))
        await asyncio.sleep(_LOOK_S)
        refused = ""
        try:
            choice = loaded.resolve_model(folder)
            files = files_of(loaded.settings.detector, choice)
            if files is not None:
                return choice, files
        except ModelMissing:
            continue
        except (ModelError, ConfigError) as error:
            # It may still be on its way: a copy that is not finished is no model yet.
            refused = " ".join(str(error).split())


def _why_missing(choice: ModelChoice | None, folder: Path, accelerators: tuple[str, ...]) -> str:
    if choice is None:
        get = f"`{_command(folder)} pull {DEFAULT_MODEL}` gets one and `{_command(folder)} add` takes one in"
        return f"There is no model in {folder / 'models'}: {get}; the daemon takes it without a restart."
    files = {"cpu": choice.cpu, "edgetpu": choice.edgetpu}
    waited_for = [str(file) for kind in accelerators if (file := files[kind]) is not None]
    if not waited_for:
        return f"The model {choice.name} has no file for {' or '.join(accelerators)}; one beside it is taken."
    by_itself = "it is taken as soon as it comes"
    if folder / "models" in {file.parent for file in choice.files} and choice.name in {model.name for model in READY}:
        get = f"`{_command(folder)} pull {choice.name}` gets it"
        return f"{' or '.join(waited_for)} is not there; {get}, and {by_itself}."
    return f"{' or '.join(waited_for)} is not there; {by_itself}."


def _command(folder: Path) -> str:
    """For another user than root it would take the model into that user's home."""
    return "sudo edgedet models" if folder == INSTALLED_STATE else "edgedet models"
