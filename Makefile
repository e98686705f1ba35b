# make run    start JupyterHub with a demo project on http://127.0.0.1:8000
# make test   pass the tests
# make lint   formatters, linters, types, import directions
# make build  the front end alone;  make wheel  a wheel that needs no Node

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)

LAB := labextension
LAB_BUILT := cocalc_jupyter_ext/labextension/package.json
LAB_SOURCES := $(shell find $(LAB)/src $(LAB)/style $(LAB)/schema -type f 2>/dev/null) \
	$(LAB)/package.json $(LAB)/tsconfig.json $(LAB)/yarn.lock
# jlpm asks yarn's own registry unless told; npm's configuration knows the right one.
JLPM = cd $(LAB) && YARN_NPM_REGISTRY_SERVER="$$(npm config get registry)" jlpm

.PHONY: run test test-python test-front-end lint format build wheel bench clean check-node check-test-tools

run: $(VENV)/.installed
	@exec jupyterhub -f cocalc_config.py

test: test-front-end test-python

test-front-end: $(VENV)/.installed-test
	$(JLPM) test

test-python: $(VENV)/.installed-test tests/javascript/node_modules/.package-lock.json | check-test-tools
	pytest

lint: $(VENV)/.installed-test
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	$(JLPM) lint

format: $(VENV)/.installed-test
	ruff format .
	ruff check --fix .
	$(JLPM) format

build: $(LAB_BUILT)

wheel: $(LAB_BUILT)
	python -m pip wheel --quiet --no-deps --wheel-dir dist .

bench: $(VENV)/.installed-test bench/conat/node_modules/.package-lock.json
	for script in bench/*.py bench/conat bench/documents bench/notebooks; do echo "== $$script"; python "$$script"; done

clean:
	rm -rf $(VENV) $(LAB)/node_modules $(LAB)/lib cocalc_jupyter_ext/labextension dist {tests/javascript,bench/conat}/node_modules

# The steps, each done again only when what it depends on changed.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "cocalc-jupyter needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.builder: $(VENV)/.created
	python -m pip install --quiet "jupyter-builder>=1.3,<2"
	touch $@

$(LAB)/node_modules/.installed: $(LAB)/package.json $(LAB)/yarn.lock $(LAB)/.yarnrc.yml | $(VENV)/.builder check-node
	$(JLPM) install --immutable
	touch $@

$(LAB_BUILT): $(LAB_SOURCES) $(LAB)/node_modules/.installed
	$(JLPM) build:prod
	touch $@

$(VENV)/.installed: pyproject.toml hatch_build.py cocalc_jupyter_ext/_version.py $(LAB_BUILT) $(wildcard jupyter-config/*/*)
	python -m pip install --quiet --editable ".[hub,demo]"
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	python -m pip install --quiet --editable ".[hub,demo,test]"
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json | check-node
	npm ci --prefix $* --no-audit --no-fund

check-node:
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
		|| { echo "Building the front end needs Node.js >= 20 with npm (https://nodejs.org); a released wheel needs none: pip install cocalc-jupyter" >&2; exit 1; }

check-test-tools:
	@command -v chromium >/dev/null || [ -n "$${CHROMIUM:-}" ] \
		|| { echo "The browser tests need Chromium. On Debian: apt-get install chromium (or set CHROMIUM to its path)" >&2; exit 1; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { echo "The database tests need PostgreSQL's server programs. On Debian: apt-get install postgresql" >&2; exit 1; }
