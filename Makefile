# The two everyday commands are `make serve` and `make test`; both make what they need. `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Hashes make an install repeatable and safe; nothing outside a lock file is ever fetched.
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCK   := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe \
          --generate-hashes --no-emit-index-url --no-emit-find-links
IMAGE  ?= tap-emulator:latest
ARGS   ?=
# Seconds of `make fuzz`, in all.
TIME   ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup serve test test-slow test-container check format bench fuzz docs image lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.project ## make .venv, or bring it up to date with the lock files

# Two stamps: a changed lock file makes the environment anew (so that nothing stale stays), a changed pyproject.toml
# only renews the editable install.
$(VENV)/.locked: requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  sys.exit(None if (3, 11) <= v < (3, 14) else "tap-emulator needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is " \
	  + sys.version.split()[0] + "; name another one: make PYTHON=python3.12 ...")'
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.project: $(VENV)/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

serve: setup ## run the demo Tap on tcp://127.0.0.1:2000; more options through ARGS="..."
	@$(BIN)/tap-emulator serve $(ARGS)

# npm itself writes this file at the end of an install, so it serves as the stamp.
VENDOR := $(if $(shell command -v npm),tests/vendor/node_modules/.package-lock.json)
tests/vendor/node_modules/.package-lock.json: tests/vendor/package-lock.json
	@echo "installing the vendor's clients"
	@npm ci --prefix tests/vendor --no-audit --no-fund --loglevel=error

test: setup $(VENDOR) ## run the tests, except those that take long or need a container tool
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m "not container and not slow" $(ARGS)

test-slow: setup $(VENDOR) ## run the tests that take long
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m "slow and not container" $(ARGS)

test-container: setup $(VENDOR) ## build the image, run it and test it
	@$(BIN)/pytest -m container $(ARGS)

check: setup ## lint, formatting, types, import direction, generated files up to date
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy protocol emulator scenarios tests
	@$(BIN)/pytest --quiet tests/test_architecture.py

format: setup ## bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## measure throughput, latency, start-up and memory
	@$(BIN)/python -m tests.perf $(ARGS)

fuzz: setup ## fuzz our own readers and sessions for TIME=60 seconds in all; crashes are kept in build/fuzz
	@$(BIN)/python -m tests.fuzz --time $(TIME) $(ARGS)

docs: setup $(VENDOR) ## write the generated files anew
	@$(BIN)/python -m emulator.docs
	@$(BIN)/python -m protocol.client.generate
	@$(BIN)/python -m scenarios.catalogue
	@$(BIN)/python -m tests.vendor.report

image: ## build the container image with docker, buildah or podman
	@tests/container/tool.sh build $(IMAGE)

# Run this with the oldest Python we support: markers for newer ones only drop packages, never add them.
lock: setup ## renew the lock files in requirements/
	@$(LOCK) --upgrade --output-file requirements/runtime.txt pyproject.toml
	@$(LOCK) --upgrade --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt \
	  pyproject.toml requirements/dev.in
	@$(LOCK) --upgrade --all-build-deps --only-build-deps --constraint requirements/dev.txt \
	  --output-file requirements/build.txt pyproject.toml

clean: ## remove everything that was made here
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/vendor/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
