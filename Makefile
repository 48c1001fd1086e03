# Two commands do everything: `make run` starts the daemon, `make test` runs the tests. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --constraint .ci/constraints.txt --custom-compile-command 'make lock' --quiet $(UPGRADE)
ARGS ?=
JOBS ?= 5
# Hundreds of processes are started: none compiles anew what another one did.
unexport PYTHONDONTWRITEBYTECODE
# Five processes on a few cores: threads of OpenBLAS would spin while they wait for one another, four times the work of a fit.
test test-long: export OMP_NUM_THREADS = 1
test test-long: export OPENBLAS_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help run demo check test test-long packages docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## start the daemon on this host's own telemetry, no config needed; ARGS="--config FILE" for yours
	@exec $(BIN)/aiops run $(ARGS)

demo: $(VENV)/run.stamp ## play the recorded incident once
	@exec $(BIN)/aiops demo --once $(ARGS)

check: $(VENV)/dev.stamp ## lint, types, storeys, shipped files and their tests, docs
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/aiops check
	$(BIN)/aiops check config/aiops.example.yaml
	$(BIN)/aiops test
	$(BIN)/pytest tests/test_docs.py tests/test_house_rules.py

test: $(VENV)/dev.stamp packages ## every test but the long sweeps; ARGS="-k word" for some, JOBS=0 in one process
	@bash .ci/test $(BIN)/pytest $(JOBS) $(ARGS)

test-long: $(VENV)/dev.stamp packages ## the long sweeps
	$(BIN)/pytest -m long $(ARGS)

packages: ## Debian packages that the tests start: installed when missing, as root or with sudo
	@bash .ci/packages

docs: $(VENV)/dev.stamp ## write the generated parts of docs/ again; ARGS=--demo plays the demo into README.md too
	$(BIN)/python docs/generate.py $(ARGS)

lock: $(VENV)/dev.stamp ## pin what pyproject.toml asks for, with hashes; UPGRADE=--upgrade takes newer versions
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements.txt -o requirements-dev.txt
	$(LOCK) --group build --constraint requirements-dev.txt -o requirements-build.txt

clean: ## remove the environment, caches and build output; the data directory stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip of the machine fills the environment, so a Debian without python3-venv (which brings ensurepip) is enough.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1): make PYTHON=python3.11 …" >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 \
		|| { echo "$(PYTHON) has no pip: install it first (Debian: apt-get install python3-pip)" >&2; exit 1; }
	$(PYTHON) -m venv --clear --without-pip $(VENV)

# What builds the package is pinned too, and nothing else is fetched to do it.
$(VENV)/run.stamp: requirements.txt requirements-build.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --require-hashes -r requirements-build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-build.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	$(PIP) install --quiet --require-hashes -r requirements-build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/run.stamp
