"""The daemon's model from the first look for its files on: which of them answer, on what, and what is told of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import find
from edgedet.app.answering import answerer, detector_facts, files_of
from edgedet.app.asked_labels import lacking
from edgedet.app.awaiting import wait_for_model
from edgedet.app.model_check import check_model, check_models
from edgedet.app.model_files import ModelFiles
from edgedet.workers.states import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from edgedet.app.model import Model
    from edgedet.app.preference import Files
    from edgedet.app.status import StatusBoard
    from edgedet.settings import CameraSettings, Loaded, ModelChoice
    from edgedet.workers.states import DetectorState
    from edgedet.workers.supervisor import Answerer

_log = logging.getLogger(__name__)


class ModelAtWork:
    """The model that a configuration means, and who looks at frames with it; there may be neither for a while."""

    def __init__(
        self, loaded: Loaded, folder: Path, board: StatusBoard, undervoltage: Callable[[], bool | None]
    ) -> None:
        """Assign only.

        Args:
            loaded: the configuration.
            folder: the state directory.
            board: is told how the detector is, and which labels are asked for in vain.
            undervoltage: whether the power supply is too weak just now; None: nobody knows.
        """
        self._loaded = loaded
        self._settings = loaded.settings.detector
        self._folder = folder
        self._board = board
        self._undervoltage = undervoltage
        self._found: tuple[ModelChoice | None, Files | None] = (None, None)
        self._files: ModelFiles | None = None
        self._model: Model | None = None
        self._answerer: Answerer | None = None

    @property
    def answerer(self) -> Answerer | None:
        """Who looks at frames; None: nobody does before there is a model."""
        return self._answerer

    @property
    def pids(self) -> Iterable[int | None]:
        """Of the workers that look at frames; None stands for one that is not there at the moment."""
        return () if self._answerer is None else self._answerer.pids

    @property
    def recovery(self) -> Recovery:
        """What was done to get lost accelerators back."""
        return Recovery() if self._answerer is None else self._answerer.recovery

    def look(self) -> None:
        """Look for its files once, before anything begins; what seems odd about them goes to the log.

        Raises:
            ConfigError: it is no detector or not of its twin's shape, or several could be meant.
        """
        choice = self._loaded.resolve_model(self._folder)
        if choice is not None:
            for warning in check_model(self._loaded, choice).warnings:
                _log.warning("%s", warning)
            self._found = choice, files_of(self._settings, choice)

    def check(self, loaded: Loaded) -> None:
        """Whether another configuration could be worked by: what `edgedet check` refuses is refused here too.

        Raises:
            ConfigError: as `check_models`.
        """
        check_models(loaded, self._folder)

    async def ready(self, cameras: Callable[[], Mapping[str, CameraSettings]]) -> tuple[Model, Answerer]:
        """Wait for a file of it if there is none, and return who is going to look at frames; it is yet to be run.

        `cameras` says what is asked for by the time that it is there.
        """
        choice, files = self._found
        if files is None:
            choice, files = await wait_for_model(self._loaded, self._folder, choice, self._board.detector)
        self._files, self._model = ModelFiles(choice, files), files.model
        self.check_labels(cameras())
        self._answerer = answerer(self._settings, self._files, self._on_state)
        self._on_state(self._answerer.state)
        return files.model, self._answerer

    def check_labels(self, cameras: Mapping[str, CameraSettings]) -> None:
        """Say what is asked for that the model does not have: it may have come after the configuration."""
        if self._model is not None:
            self._board.asked_in_vain(lacking(cameras, self._model.labels, self._model.path.name))

    def _on_state(self, state: DetectorState) -> None:
        if self._files is None:
            return
        wanted = "edgetpu" in self._settings.accelerators
        facts = detector_facts(
            state,
            self._files.files,
            edgetpu_wanted=wanted,
            seen=find() if wanted else (),
            undervoltage=self._undervoltage() if state.doubt else None,
        )
        self._board.detector(facts)
