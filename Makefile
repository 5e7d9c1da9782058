# `make` prints this list. Needs python3 (3.11 or newer), make and a package index.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
UV_VERSION := 0.13.9
# uv brings its own list of certificates; behind a hospital's proxy the system's is the right one.
export UV_SYSTEM_CERTS ?= 1
export RAPPORT_HOME ?= data

.PHONY: help setup run test test-slow check fix bench serve parity docs lock sbom release clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.stamp ## create the environment from the hash-pinned locks, tests included

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Rapport needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up the environment (once, about a minute) ..."
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

LOCKS := requirements.txt requirements-dev.txt

$(VENV)/.stamp: $(LOCKS) pyproject.toml setup.py $(UV)
	@$(UV) venv -q --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## run the night over data/landing (made-up clinics if it is empty)
	@if [ -z "$$(ls -A $(RAPPORT_HOME)/landing 2>/dev/null)" ]; then $(BIN)/rapport demo; fi
	@$(BIN)/rapport run

# tests/workers.py says which tests go together. One thread each in linear algebra: more only spin.
WORKERS := -n 2 --dist loadscope --no-loadscope-reorder

test: setup ## run the test suite, on two cores
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q $(WORKERS)

test-slow: setup ## run the longer proofs (planted truth over many seeds, large files)
	@$(BIN)/python -m pytest -q -m slow --durations=20

check: setup ## lint, formatting, types, import contracts, SQL style; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy --no-error-summary
	@PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --disable-progress-bar models tests/models
	@echo "check: nothing to complain about"

fix: setup ## let the formatters repair what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar models tests/models

bench: setup ## cost per row of each format, of a file and of a million sessions, against DuckDB alone
	@$(BIN)/python benchmarks/formats.py
	@$(BIN)/python benchmarks/many_files.py
	@$(BIN)/python benchmarks/bench.py

parity: setup ## write docs/parity.md: our numbers against those of other programs
	@$(BIN)/python -m tests.parity.book

docs: setup ## write the generated pages, and dbt's documentation as one file
	@$(BIN)/python -m docs_build.generate
	@$(BIN)/python -m docs_build.dbt_site

serve: setup ## Airflow with its user interface on http://127.0.0.1:8080
	@$(BIN)/python -m pipeline.orchestration.serve

# Versions that are locked stay; UPGRADE=--upgrade takes the newest. No index address is written.
COMPILE = $(UV) pip compile -q --generate-hashes --python-version 3.11 --no-header $(UPGRADE)

lock: $(UV) ## write both locks anew from pyproject.toml: run time, and what development adds
	@$(COMPILE) -o requirements.txt pyproject.toml
	@$(COMPILE) -o requirements-dev.txt --group dev -c requirements.txt pyproject.toml \
	  $$(sed -nE 's/^([a-z0-9._-]+)(\[.*\])?==.*/--no-emit-package \1/p' requirements.txt)
	@sed -i '/^# The following packages/,$$d' requirements-dev.txt

sbom: setup ## write dist/sbom.cdx.json: what the run-time lock installs, as CycloneDX
	@$(BIN)/python -m docs_build.sbom dist/sbom.cdx.json

release: setup ## build the wheel into dist/ and prove that it runs from an empty folder
	@test -z "$$(git status --porcelain)" || { echo "release: commit first, or move away what git does not know (git status)"; exit 1; }
	@rm -rf build dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(UV) build -q --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .
	@rm -rf build
	@RAPPORT_WHEEL="$$(ls dist/*.whl)" $(BIN)/python -m pytest -q -m slow tests/release
	@ls dist/*.whl

clean: ## remove the environment; data/ stays
	@rm -rf $(VENV) .tools
