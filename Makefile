# `make test` and `make demo` need python3 (3.11 or newer), python3-venv, make and git, and set up the rest themselves
# in .venv. The second time they need no network.

PYTHON ?= python3
DEMO_PORT ?= 9001
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile
VENV := .venv
BIN := $(VENV)/bin
NODE := .node
PAGES := src/conduit/services/web/static
PAGES_FROM := $(wildcard web/*.html web/*.ts web/*.json web/src/* web/src/*/*)
NPM := PATH="$(CURDIR)/$(NODE)/bin:$$PATH" $(NODE)/bin/npm --prefix web
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
COMPILE = .tools/bin/uv pip compile --quiet --generate-hashes --no-header --no-strip-extras --universal --python-version 3.11 $(LOCK_OPTIONS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup web pages test demo lint fix coverage docs build bench lock clean

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

setup: $(VENV)/.project-ok ## create .venv with everything that test and demo need

test: ## lint, types, layers, then every test; skips, with the reason, what needs a missing peer
	@$(MAKE) --no-print-directory --jobs 2 lint pages
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_OPTIONS)

demo: setup web ## all of Conduit on loopback, with six virtual servers, to look at; Ctrl+C ends it
	@$(BIN)/conduit up --port $(DEMO_PORT) $(DEMO_OPTIONS)

web: $(PAGES)/login.html ## the web pages, into the package that serves them

pages:
	@$(MAKE) --no-print-directory web || { echo "the web pages could not be built: their tests are skipped" >&2; [ -z "$$CONDUIT_REQUIRE_PEERS" ]; }

lint: setup ## lint, types and layers
	@$(BIN)/python -m nox --session lint types imports

fix: setup ## format, and repair what the linter can repair
	@$(BIN)/python -m nox --session fix

coverage: setup ## the protocol code's unit tests, which must take every branch of it
	@$(BIN)/python -m nox --session coverage

docs: $(VENV)/.docs-ok ## the site, in site/
	@$(BIN)/python -m nox --session docs

build: setup web ## wheel and source distribution, in dist/
	@$(BIN)/python -m nox --session build

bench: $(VENV)/.bench-ok ## the benchmarks, against the other implementations that are here
	@$(BIN)/python -m nox --session bench

lock: .tools/.ok ## compile requirements*.txt from pyproject.toml (LOCK_OPTIONS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml --extra services --extra display --extra postgresql --group dev --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra services --extra display --extra postgresql --group docs --constraints requirements.txt --output-file requirements-docs.txt
	$(COMPILE) pyproject.toml --extra services --extra display --extra postgresql --group bench --constraints requirements.txt --output-file requirements-bench.txt
	$(COMPILE) --group web --output-file requirements-web.txt
	$(COMPILE) --group tools --output-file requirements-tools.txt
	@if grep -n '://' requirements*.txt; then echo 'a lock file names a URL' >&2; exit 1; fi

clean: ## remove what make made
	rm -rf $(VENV) $(NODE) .tools web/node_modules tests/interop/connect_node/node_modules $(PAGES) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .nox .coverage site dist

# Stamps: a file says that a step is done, and is older than what would make it due again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Conduit needs Python 3.11 or newer: make PYTHON=python3.x ...")'
	@echo "setting up $(VENV) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.requirements-ok: $(VENV)/.made requirements.txt
	@$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	@touch $@

# Without dependencies and build isolation pip downloads nothing: hatchling and editables are in requirements.txt.
$(VENV)/.project-ok: $(VENV)/.requirements-ok pyproject.toml
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.docs-ok: $(VENV)/.project-ok requirements-docs.txt
	@$(PIP_INSTALL) --require-hashes --requirement requirements-docs.txt
	@touch $@

$(VENV)/.bench-ok: $(VENV)/.project-ok requirements-bench.txt
	@$(PIP_INSTALL) --require-hashes --requirement requirements-bench.txt
	@touch $@

# Node comes from PyPI, in an environment of its own: the machine's may be too old for Vite, or missing.
$(NODE)/.ok: requirements-web.txt
	@echo "setting up $(NODE) ..."
	@rm -rf $(NODE)
	@$(PYTHON) -m venv $(NODE)
	@$(NODE)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --requirement requirements-web.txt
	@touch $@

web/node_modules/.ok: $(NODE)/.ok web/package.json web/package-lock.json web/.npmrc
	@$(NPM) ci --silent
	@touch $@

$(PAGES)/login.html: web/node_modules/.ok $(PAGES_FROM)
	@$(NPM) run --silent build

.tools/.ok: requirements-tools.txt
	@rm -rf .tools
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-tools.txt
	@touch $@
