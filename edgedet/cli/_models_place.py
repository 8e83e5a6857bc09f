"""Where `edgedet models` puts models: into the state directory that the daemon of the same configuration uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from edgedet.settings.default_file import DEFAULT_PATH, INSTALLED_STATE, may_be_read
from edgedet.settings.model_choice import installed_models


def state_dir_of(config: Path | None) -> Path:
    """Of a configuration; without one, of the service's if it can be read, else the default of this user.

    Raises:
        ConfigError: the configuration is wrong.
    """
    from edgedet.settings import Settings, load_settings, state_dir

    if config is None and may_be_read(DEFAULT_PATH):
        config = DEFAULT_PATH
    # Not checked: where nothing is configured, nothing but the state directory's default is asked of it.
    settings = Settings.model_construct(state_dir=None) if config is None else load_settings(config).settings
    return state_dir(settings)


def is_not_the_services(state: Path) -> bool:
    """Whether the service of this machine has another state directory, which takes sudo to look into."""
    return state != INSTALLED_STATE and INSTALLED_STATE.is_dir() and os.geteuid() != 0


def second_thoughts(name: str, state: Path, command: str) -> Iterator[str]:
    """What still keeps a daemon from using the new model `name`: one line each."""
    if is_not_the_services(state):
        yield f"the service of this machine looks in {INSTALLED_STATE / 'models'}; for it: sudo edgedet {command}"
    names = list(installed_models(state))
    if len(names) > 1:
        yield f"there are {len(names)} models now ({', '.join(names)}): with `model: auto` edgedet refuses to choose"
        yield f"name the one to use in the configuration: detector: {{model: {name}}}"


def say_waiting(folder: Path) -> None:
    """Another process is putting models into the folder."""
    print(f"another edgedet is putting a model into {folder}; waiting for it", file=sys.stderr, flush=True)
