# What a contributor runs. It needs GNU make and a Python of 3.10 or newer with venv and pip, nothing else.
PYTHON ?= python3
PHOENIX_PYTHON ?= $(PYTHON)
CACHE ?= $(HOME)/.cache/spanglass

PIP := pip==26.3
PHOENIX_VERSION := 20.26.1
PHOENIX := $(CACHE)/phoenix-$(PHOENIX_VERSION)-py$(shell $(PHOENIX_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
PYTEST = SPANGLASS_PHOENIX=$(PHOENIX) .venv/bin/pytest

.DEFAULT_GOAL := help
.PHONY: help install lint types test test-quick test-backends test-sdks upgrade-check phoenix demo bench \
        bench-export semconv readme clean
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

install: .venv/complete ## the development environment, pinned, in .venv

.venv/complete: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet $(PIP)
	.venv/bin/pip install --quiet -c constraints.txt --build-constraint constraints.txt -e . --group dev
	touch $@

lint: install ## style, and the formatter's opinion
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: install ## mypy on everything, pyright on the package
	.venv/bin/mypy
	.venv/bin/pyright

# A file's tests stay on one worker, so that Phoenix boots once; in the given order its file comes early.
test: install phoenix ## every test, real backends included
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder

test-quick: install ## every test that needs no backend
	$(PYTEST) -n 2 -m 'not backend'

test-backends: install phoenix ## the tests against Rotel, Phoenix and a browser
	$(PYTEST) -m backend

# The environments stay in the cache; spanglass in them is that of this clone.
test-sdks: install ## the life of a call on SDKs from the oldest to the newest, in environments made once
	SPANGLASS_SDKS=$(CACHE)/sdks .venv/bin/nox -f tests/sdks/noxfile.py --envdir build/nox
	PYTHONPATH=tests .venv/bin/python tests/readme.py --check-forms

upgrade-check: phoenix ## every test, with the newest of everything in place of what is pinned; tells what is newer
	newest=$$(mktemp -d $(CACHE)/newest.XXXXXX) && trap 'rm -rf "$$newest"' EXIT \
	&& $(PYTHON) -m venv $$newest \
	&& $$newest/bin/python -m pip install --quiet --upgrade pip \
	&& $$newest/bin/python -m pip install --quiet -e . --group dev \
	&& { $$newest/bin/python -m pip freeze --exclude-editable | grep -vixFf constraints.txt; true; } \
	&& SPANGLASS_PHOENIX=$(PHOENIX) $$newest/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

phoenix: $(PHOENIX) ## Phoenix in an environment of its own, outside the repository; made once (Python 3.11 or newer)

# Built beside its place and then renamed, so that what stands there is always whole.
$(PHOENIX):
	mkdir -p $(CACHE)
	making=$$(mktemp -d $@.XXXXXX) && trap 'rm -rf "$$making"' EXIT \
	&& $(PHOENIX_PYTHON) -m venv $$making \
	&& $$making/bin/python -m pip install --quiet $(PIP) \
	&& $$making/bin/python -m pip install --quiet -c tests/backends/constraints-phoenix.txt arize-phoenix==$(PHOENIX_VERSION) \
	&& { mv -T $$making $@ 2>/dev/null || test -d $@; }

demo: install ## a conversation with everything that can happen to a call, and what it shows
	.venv/bin/python examples/demo.py

bench: install ## what a call costs, beside doing without: a table
	PYTHONPATH=tests .venv/bin/python -m bench

bench-export: install ## how far the export of one program goes: tables; ARGS=--write puts them in the README
	PYTHONPATH=tests .venv/bin/python -m bench.export$(if $(ARGS), $(ARGS))

semconv: install ## write the constants and their table anew from the registry
	.venv/bin/python semconv/generate.py

readme: install ## write anew what the README says of the program
	PYTHONPATH=tests .venv/bin/python tests/readme.py

clean: ## remove what was made here; the cache outside stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
