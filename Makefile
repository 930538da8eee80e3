# Everything a newcomer types. `make` alone lists it.
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS := never
export MXMESH_HOME ?= $(CURDIR)/state
MINUTES ?= 8

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: install
install: ## Install what a mesh on this machine needs: ActiveMQ, DIALS, the locked Python packages
	@.ci/install

.PHONY: install-dev
install-dev: ## The same, and what tests and checks need
	@.ci/install dev

.PHONY: demo
demo: install ## Watch a beamline work (under five minutes after installation)
	@.venv/bin/mxmesh demo $(ARGS)

.PHONY: test
test: install-dev ## Unit, property, contract and broker tests
	@.venv/bin/pytest -q -rs -m "not dials and not kubernetes and not containers" $(ARGS)

.PHONY: test-dials
test-dials: install-dev ## The tests that run DIALS
	@.venv/bin/pytest -q -rs -m "dials and not kubernetes and not containers" $(ARGS)

.PHONY: test-kubernetes
test-kubernetes: ## The tests that need a cluster: builds one (once, some 25 minutes), starts it, stops it; Linux, root
	@.ci/cluster/run .venv/bin/pytest -q -rs -m kubernetes $(ARGS)

.PHONY: images
images: ## Build all container images, without a registry if need be, and say their sizes; Linux, docker or root
	@.ci/docker/run true

.PHONY: test-containers
test-containers: ## The tests of the images and of compose.yaml, then broker and database tests against servers from images
	@.ci/docker/run sh -c '.venv/bin/pytest -q -rs -m containers $(ARGS) && .venv/bin/pytest -q -rs tests/stomp tests/writer'

.PHONY: soak
soak: install-dev ## A whole mesh for MINUTES (8) as fast as it goes: nothing may grow, nothing slow down, nothing be lost
	@.venv/bin/python -m benchmarks.soak --minutes $(MINUTES) $(ARGS)

.PHONY: cluster
cluster: ## A cluster with two beamlines, installed by the chart, that stays; Linux, root
	@.ci/cluster/beamlines

.PHONY: lint
lint: install-dev ## Style, types, architecture contracts, generated documents
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

.PHONY: up
up: install ## Run a mesh on this machine; data roots below ./state/data
	@.venv/bin/mxmesh up --data-root $(MXMESH_HOME)/data $(ARGS)

.PHONY: clean
clean: ## Remove what the commands above left in the checkout
	rm -rf .venv state .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
