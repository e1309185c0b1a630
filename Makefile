# What one types: `make demo` to see the hub work, `make test` to have it prove that it does. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
export PYTHON

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1|/' | column -t -s '|'

.PHONY: demo
demo: $(VENV)/.installed ## the hub and simulated agencies tell one story, then stop; STAY=1 keeps them running to look at
	@$(BIN)/hub demo $(if $(filter-out 0,$(STAY)),--stay)

.PHONY: test
test: $(VENV)/.installed-test ## everything the hub promises, tried out; ARGS="-k court" chooses
	@deploy/install-test-services.sh
	@if [ -x tests/foreign/install.sh ]; then tests/foreign/install.sh; fi
	@$(BIN)/python -m pytest --durations=15 $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed-bench ## how fast the hub is beside a naive one, on this machine; BENCH_SECONDS=60 is the length of each run
	@deploy/install-test-services.sh
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-lint ## style, types, and which room may import which
	@failed=0; \
	for linter in "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-cache"; do \
	  echo "$$linter"; $(BIN)/$$linter || failed=1; \
	done; \
	exit $$failed

.PHONY: format
format: $(VENV)/.installed-lint ## put the code into the form that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## forget the environment and what tools have cached; what a hub keeps in var/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment whose interpreter is gone is made anew.
$(BIN)/python:
	@deploy/make-venv.sh $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing the hub into $(VENV)"
	@$(PIP) install -e .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing the hub and what its tests need into $(VENV)"
	@$(PIP) install -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing the hub and what its benchmarks need into $(VENV)"
	@$(PIP) install -e '.[bench]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-lint: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing the hub and its linters into $(VENV)"
	@$(PIP) install -e '.[lint]'
	@touch $@ $(VENV)/.installed
