# Migration Observatory. Needs Python 3.11 or 3.12, git and make; fetches uv if it is missing.
# `make help` lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash

# The machine's own certificates, as behind a company's proxy; older versions of uv know the second name.
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
BIN := .venv/bin
PORT ?= 3000
MANIFEST := dbt_project/target/parsed/manifest.json
DBT_FILES := $(shell find dbt_project -type f \( -name '*.sql' -o -name '*.py' -o -name '*.yml' -o -name '*.csv' \) -not -path '*/target/*')

.PHONY: help setup demo run test lint bench bench-scale soak ui sql metric docs clean

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: .venv/.installed $(MANIFEST) ## Installs everything into .venv

.uv/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; name it with PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.venv/.installed: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; name it with PYTHON=/path/to/python3.11"; exit 1; }
	$(UV) sync --locked --quiet --extra postgres --python "$(PYTHON)" --no-python-downloads
	@touch $@

$(MANIFEST): .venv/.installed $(DBT_FILES)
	$(BIN)/python -c 'from orchestration.dbt import ensure_manifest; ensure_manifest()'
	@touch $@

demo: setup ## Loads the case January 2025, offline, and prints what it answers
	$(BIN)/observatory demo

run: setup ## Takes the inbox all the way to the published marts
	$(BIN)/observatory run

ui: setup ## Starts the Dagster web UI and daemon on loopback
	$(BIN)/observatory ui --port $(PORT)

sql: setup ## Queries the published marts: make sql QUERY='from marts.dim_event'
	@$(BIN)/observatory sql "$(QUERY)"

metric: setup ## Asks MetricFlow about them: make metric METRICS=best_rank BY=platform
	@$(BIN)/observatory mf query --metrics "$(METRICS)" $(if $(BY),--group-by "$(BY)")

test: setup ## Passes the tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: setup ## Checks format, style, types, SQL and definitions
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project --disable-progress-bar --processes 0
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check defs

bench: setup ## Measures speed and memory, as ratios against a baseline of the same run
	$(BIN)/python -m tests.bench.run
	$(BIN)/python -m tests.bench.simulations

bench-scale: setup ## Builds all marts on ten years of 200 platforms in 30 countries; takes some 20 minutes
	$(BIN)/python -m tests.bench.scale

soak: setup ## Passes the long tests; simulates 200 days with faults and kills, in the real processes (hours)
	$(BIN)/pytest -m thorough
	$(BIN)/python -m tests.soak --days 200 --kills 50 --seed 1

docs: setup ## Writes the pages that are generated: raw tables, and January 2025 from the marts
	$(BIN)/python -m ingestion.tables > docs/raw_tables.md
	home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && export OBSERVATORY_HOME="$$home" \
	&& $(BIN)/observatory demo > /dev/null && $(BIN)/observatory brief tiktok_refugees_2025 --to docs/january_2025.md

clean: ## Removes the environment and all state of this checkout
	rm -rf .venv .uv .observatory dbt_project/target
