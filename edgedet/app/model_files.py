"""The two files of the daemon's model while it runs: one that was missing at the start is taken when it comes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app.model import Model, open_compiled, open_model
from edgedet.app.preference import Files, difference_of, with_names_of
from edgedet.errors import AcceleratorError, ModelError
from edgedet.settings.model_choice import is_there, twin_of

if TYPE_CHECKING:
    from edgedet.settings import ModelChoice

_log = logging.getLogger(__name__)


class ModelFiles:
    """What is there of a model by now. Asking costs a look at the file system, and opening only what has changed."""

    def __init__(self, choice: ModelChoice | None, files: Files) -> None:
        """Assign only; `choice` says where a missing file is waited for, beside the other if nowhere else."""
        self.files = files
        known = files.model.path
        self._labels = choice.labels if choice else None
        self._named = choice.edgetpu if choice else None
        self._edgetpu = self._named or twin_of(known)
        self._cpu = (choice.cpu if choice else None) or twin_of(known)
        self._mismatch: AcceleratorError | None = None
        self._looked_at: dict[Path, tuple[int, int]] = {}

    def compiled(self) -> Model:
        """The file for the Edge TPU.

        Raises:
            AcceleratorError: it is not there, or of another network than the CPU's; `code` says which.
        """
        file = self._edgetpu
        if not is_there(file):
            if self._named is None:
                hint = "It is taken when it comes; accelerators: [cpu] makes do without."
                raise AcceleratorError(f"there is no {file.name}", hint=hint, code="edgetpu_absent")
            raise AcceleratorError(f"{file} is not there", hint="It is taken when it comes.", code="model_missing")
        if self.files.edgetpu is None:
            if not self._is_news(file) and self._mismatch is not None:
                raise self._mismatch
            try:
                self.files = Files(self.files.cpu, self._suited(self._open_compiled(file)))
            except ModelError as error:
                self._mismatch = AcceleratorError(error.message, hint=error.hint, code="model_mismatch")
                raise self._mismatch from error
        return self.files.edgetpu or self.files.model

    def plain(self) -> Model | None:
        """The file for the CPU; None: it is not there yet, or no use, which is said once."""
        if self.files.cpu is None and self._is_news(self._cpu):
            try:
                self.files = Files(self._suited(open_model(self._cpu, self._labels)), self.files.edgetpu)
                _log.info("%s has come; the CPU can stand in for the Edge TPU", self._cpu)
            except ModelError as error:
                _log.warning("%s; %s", error.message, error.hint)
        return self.files.cpu

    def _open_compiled(self, file: Path) -> Model:
        return with_names_of(self.files.model, open_compiled(file, self._labels))

    def _suited(self, model: Model) -> Model:
        difference = difference_of(self.files.model, model)
        if difference:
            raise ModelError(
                f"{model.path} and {self.files.model.path} are not one network: {difference}",
                hint="Give the file that the other was compiled from.",
            )
        return model

    def _is_news(self, file: Path) -> bool:
        """Whether a file is there that has changed since it was last looked at."""
        try:
            status = file.stat()
        except OSError:
            return False
        state = (status.st_mtime_ns, status.st_size)
        before, self._looked_at[file] = self._looked_at.get(file), state
        return before != state
