"""Which model files a configuration means. Needs no pydantic: `edgedet detect -m FILE` uses it too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.errors import ConfigError

if TYPE_CHECKING:
    from edgedet.settings.schema import Settings

_TWIN = "_edgetpu"
_SUFFIX = ".tflite"

BUNDLED_MODEL = Path(__file__).parent.parent / "data" / "demo_model.tflite"
"""edgedet's own small detector of its synthetic scenes: for a first look and for tests."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The files of one model. They need not exist: the daemon waits for what is missing."""

    name: str
    """The name in `models:`, or the file's without `.tflite` and `_edgetpu`."""
    cpu: Path | None
    """For the CPU; None: there is none, and none is waited for."""
    edgetpu: Path | None
    """Compiled for the Edge TPU; None: there is none, and none is waited for."""
    labels: Path | None
    """Text file with one name a line; None: the names embedded in the model."""
    key: tuple[str, ...] = ("detector", "model")
    """The key of the configuration that names the files, for errors about them."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The model files that are meant, the Edge TPU's first."""
        return tuple(file for file in (self.edgetpu, self.cpu) if file is not None)


def is_there(file: Path) -> bool:
    """Whether there is such a file, as far as we may see: in a folder that is closed to us there is none."""
    try:
        return file.is_file()
    except OSError:
        return False


def twin_of(file: Path) -> Path:
    """X_edgetpu.tflite for X.tflite, and the reverse."""
    stem = file.name.removesuffix(_SUFFIX)
    other = stem.removesuffix(_TWIN) if stem.endswith(_TWIN) else stem + _TWIN
    return file.with_name(other + _SUFFIX)


def choice_of_path(file: Path, *, labels: Path | None = None) -> ModelChoice:
    """The model of one file, with its twin beside it where that exists."""
    twin = twin_of(file)
    other = twin if is_there(twin) else None
    stem = file.name.removesuffix(_SUFFIX)
    if stem.endswith(_TWIN):
        return ModelChoice(stem.removesuffix(_TWIN), cpu=other, edgetpu=file, labels=labels)
    return ModelChoice(stem, cpu=file, edgetpu=other, labels=labels)


def installed_models(state_dir: Path) -> dict[str, ModelChoice]:
    """The models in `state_dir/models`, by name: X.tflite and X_edgetpu.tflite are one; X.txt holds its labels."""
    folder = state_dir / "models"
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == _SUFFIX)
    except OSError:
        return {}
    found: dict[str, ModelChoice] = {}
    for file in files:
        choice = choice_of_path(file)
        labels = folder / f"{choice.name}.txt"
        found[choice.name] = choice_of_path(file, labels=labels if is_there(labels) else None)
    return found


def configured_models(settings: Settings) -> dict[str, ModelChoice]:
    """The models under `models:`, by name; a twin beside the one file that is given is found."""
    found = {}
    for name, files in settings.models.items():
        cpu, edgetpu = files.cpu, files.edgetpu
        given = cpu or edgetpu
        twin = twin_of(given) if given else None
        if twin is not None and is_there(twin):
            cpu, edgetpu = cpu or twin, edgetpu or twin
        found[name] = ModelChoice(name, cpu, edgetpu, files.labels, key=("models", name))
    return found


def is_path(model: str) -> bool:
    """Whether `detector.model` holds a path and no name: it has a slash, or ends in .tflite."""
    return "/" in model or model.endswith(_SUFFIX)


def resolve_model(settings: Settings, state_dir: Path) -> ModelChoice | None:
    """The model that `detector.model` means; None: it is auto and there is no model at all (`model_missing`).

    A name is looked for under `models:`, then in `state_dir/models`; one in neither is waited for in the latter, unless
    it is the bundled model's. `auto` never means that one: it is of no use on photographs.

    Raises:
        ConfigError: auto, and there are several models; the message names them.
    """
    wish = settings.detector.model
    if is_path(wish):
        return choice_of_path(Path(wish))
    configured = configured_models(settings)
    taken = {file.resolve() for choice in configured.values() for file in choice.files}
    installed = installed_models(state_dir)
    if wish != "auto":
        return configured.get(wish) or installed.get(wish) or _named(wish, state_dir)
    others = {
        name: choice
        for name, choice in installed.items()
        if name not in configured and not taken.intersection(file.resolve() for file in choice.files)
    }
    candidates = {**configured, **others}
    if len(candidates) > 1:
        names = ", ".join(sorted(candidates))
        message = f"detector.model: auto, and there are {len(candidates)} models: {names}"
        raise ConfigError(message, hint=f"Name the one to use, such as model: {min(candidates)}")
    return next(iter(candidates.values()), None)


def _named(name: str, state_dir: Path) -> ModelChoice:
    if name == BUNDLED_MODEL.stem:
        return choice_of_path(BUNDLED_MODEL)
    waited_for = state_dir / "models" / f"{name}{_SUFFIX}"
    return ModelChoice(name, waited_for, twin_of(waited_for), labels=None)
