# Everything a developer does, from a fresh checkout: Linux, python3 and package registries are enough.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONUNBUFFERED := 1

KEEP ?=
CONTEXT ?=
ARGS ?=
MINUTES ?= 30
MODELS ?= 20
SEED ?=

.PHONY: help screens docs setup demo test lint types unit fuzz corpus traffic plans failover chaos blackouts bench states cluster kind scan clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/complete ## Environment, control plane, Prometheus, Envoy, MLServer (the first time takes ten minutes)
	@python -m tests.prepare

# On a cluster that exists the demo needs none of the parts that make one.
demo: $(if $(CONTEXT),.venv/complete,setup) ## Replace a real model server under traffic; KEEP=1 leaves it up, CONTEXT=name takes your cluster
	@python -m tests.demo $(if $(KEEP),--keep) $(if $(CONTEXT),--context $(CONTEXT)) $(ARGS)

test: setup lint types ## Everything: linters, types, then all tests, the slowest named at the end
	@tests/run $(ARGS)

lint: .venv/complete ## Style, and which layer may import which
	@ruff check .
	@ruff format --check .
	@lint-imports

types: .venv/complete ## mypy, strict
	@mypy

unit: .venv/complete ## The tests that need no cluster
	@pytest tests/unit tests/component $(ARGS)

fuzz: .venv/complete ## Every leaf of a status edited, and specs, requests and clocks of any kind, in numbers
	@WALK=all pytest tests/walk/test_corruption.py tests/walk/test_fuzz.py $(ARGS)

search: .venv/complete ## Every course of events of a small world; ARGS=--mutants asks what that would notice
	@python -m tests.search $(ARGS)

docs: .venv/complete ## The documentation as a site, in site/
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

corpus: .venv/complete ## Judge more than a thousand rollouts whose truth is known, and write docs/corpus
	@serin corpus judge --docs docs/corpus

simulate: .venv/complete ## The tables of docs/statistics.md anew, in about ten minutes; ARGS='detection split' for some
	@python -m tests.statistics.published $(ARGS)

traffic: setup ## What users lose while versions come and go, and how soon a dead canary gets nothing: 20 minutes
	@python -m tests.endurance openings
	@python -m tests.endurance endpoints
	@python -m tests.endurance endpoints --delay 3
	@python -m tests.endurance traffic

chaos: setup ## MINUTES of random faults over MODELS models under traffic; SEED=n repeats a run
	@python -m tests.endurance $(if $(SEED),--seed $(SEED)) chaos --minutes $(MINUTES) --models $(MODELS)

blackouts: setup ## Prometheus killed at each turn of rollouts that it judges: ten minutes
	@python -m tests.endurance $(if $(SEED),--seed $(SEED)) blackouts

plans: setup ## N faults (300) between operator and API server, planned from runs without any; ONLY=name repeats one
	@python -m tests.faults --number $(or $(N),300) $(if $(ONLY),--only '$(ONLY)') $(ARGS)

bench: setup ## What N models (300) cost: requests, CPU, memory, time, against what is promised; ARGS='--json FILE'
	@python -m tests.bench --count $(or $(N),300) $(ARGS)

states: setup ## Bring models into every state a waiter can see, and record the objects that GitOps tools are tested on
	@python -m tests.gitops.recording

failover: setup ## ROUNDS (200) forced failovers while rollouts run; ARGS=--default-lease takes 15 s in place of 4
	@python -m tests.failover --rounds $(or $(ROUNDS),200) $(ARGS)

screens: setup ## The screens of docs/kubectl.md anew, as tmux shows them
	@python -m tests.plugin.screens

cluster: setup ## A control plane with pods as processes; says how to reach it and runs until Ctrl-C
	@python -m tests.cluster $(ARGS)

scan: .venv/complete ## Dockerfile, manifests, workflows and scripts, by hadolint, checkov, zizmor, shellcheck
	@tests/chart/scan

kind: .venv/complete ## The operator as an image in a kind cluster: tests and the demo there; needs Docker
	@tests/kind/run $(ARGS)

clean: ## Remove what was built in this checkout; the cache in the home folder stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# The lock is the truth: an environment older than it is brought to it, packages nobody named are removed.
.venv/complete: pyproject.toml uv.lock
	@if ! command -v uv > /dev/null; then \
	    $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	        || { echo "Serin needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }; \
	    echo "making the Python environment .venv"; \
	    $(PYTHON) -m venv .venv \
	        || { echo "$(PYTHON) cannot make environments: run \`sudo apt-get install python3-venv\`, or install uv" >&2; exit 1; }; \
	    .venv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'; \
	fi
	@uv sync --frozen --quiet
	@touch $@
