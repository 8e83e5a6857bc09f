# What is done to a checkout. `make` alone prints the list.
#
# On a fresh machine the only needs are make and Python 3.11 or later: everything goes into .venv. `make test` also
# installs distribution packages (tests/system-packages.txt), as root or by sudo without a password.

VENV := .venv
BIN := $(VENV)/bin
# Options for `edgedet demo` and `edgedet bench`, and for pytest: make demo ARGS="--seconds 60", make test PYTEST_ARGS="-k mqtt"
ARGS ?=
PYTEST_ARGS ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 5 --timeout 30

# A Debian root with the real picamera2: made once, by root, and kept.
CAMERA_ROOT ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/edgedet-tests/trixie

.DEFAULT_GOAL := help
.PHONY: help demo test test-hardware test-system unit lint bench bench-targets wheel deb clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(VENV)/.for-demo  ## the daemon at work, with no camera and no broker (ARGS="--seconds 60", "--source FILE --model M", ...)
	@$(BIN)/edgedet demo $(ARGS)

test: $(VENV)/.for-tests lint  ## lint, types and all tests (EDGEDET_TEST_DATA=FOLDER adds those on real models and clips)
	@tests/install-system-packages
	PATH="$$PATH:/usr/sbin" $(BIN)/python -m pytest --ignore=tests/system --ignore=tests/bench $(PYTEST_ARGS)

test-hardware: $(VENV)/.for-tests  ## those on the real picamera2, in a Debian root (as root; once 700 MB into CAMERA_ROOT)
	@tests/install-system-packages
	EDGEDET_CAMERA_ROOT="$(CAMERA_ROOT)" PATH="$$PATH:/usr/sbin" $(BIN)/python -m pytest tests/hardware $(PYTEST_ARGS)

test-system: $(VENV)/.for-tests  ## the package and the service on a booted Debian 12 and 13 (as root; once 1 GB into ~/.cache)
	@tests/install-system-packages
	PATH="$$PATH:/usr/sbin" $(BIN)/python -m pytest tests/system $(PYTEST_ARGS)

lint: $(VENV)/.for-tests  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/.for-demo  ## this machine's figures, and bare inference as the limit (ARGS="-m MODEL --json", ...)
	@$(BIN)/edgedet bench $(ARGS)

bench-targets: $(VENV)/.for-tests  ## what is promised about speed and size, measured (needs EDGEDET_TEST_DATA; ARGS="--help")
	@PATH="$$PATH:/usr/sbin" $(BIN)/python tests/bench/run.py $(ARGS)

wheel: $(VENV)/.for-tests  ## dist/edgedet-*.whl, with the bundled model and the schemas inside
	rm -rf build  # what an earlier build left there would go into this one
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -l dist/*.whl

deb: $(VENV)/.for-tests  ## Debian packages in dist/ (ARGS="--suite trixie --architecture arm64"; without it all four)
	@$(BIN)/python deploy/debian/build.py $(ARGS)

clean:  ## removes what the above made
	rm -rf $(VENV) build dist edgedet.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find edgedet tests deploy -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each set of packages: the second run starts at once, and a change of the dependencies installs again.
$(VENV)/.for-demo: pyproject.toml deploy/make-venv
	@deploy/make-venv $(VENV)
	@echo "edgedet: installing into $(VENV) (once; a minute or so)" >&2
	@$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.for-tests: pyproject.toml deploy/make-venv
	@deploy/make-venv $(VENV)
	@echo "edgedet: installing into $(VENV) what the tests need (once; a minute or two)" >&2
	@$(PIP) --editable '.[demo,test]'
	@touch $@ $(VENV)/.for-demo
