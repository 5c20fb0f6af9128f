# What a contributor runs. It needs GNU make and a Python of 3.10 or newer with venv and pip, nothing else.
PYTHON ?= python3
BACKEND_PYTHON ?= $(PYTHON)
CACHE ?= $(HOME)/.cache/spanglass

PIP := pip==26.3
BACKEND_PY := py$(shell $(BACKEND_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
PHOENIX_VERSION := 20.26.1
PHOENIX := $(CACHE)/phoenix-pg-$(PHOENIX_VERSION)-$(BACKEND_PY)
MLFLOW_VERSION := 3.17.2
MLFLOW := $(CACHE)/mlflow-$(MLFLOW_VERSION)-$(BACKEND_PY)
# Named by what is built, so that a change of it builds anew.
BUILDER := go.opentelemetry.io/collector/cmd/builder@v0.159.0
BACKENDS := $(CACHE)/backends-$(shell cat tests/backends/go/collector.yaml tests/backends/go/jaeger/* | cksum | cut -d' ' -f1)
PLACES := SPANGLASS_PHOENIX=$(PHOENIX) SPANGLASS_MLFLOW=$(MLFLOW) SPANGLASS_BACKENDS=$(BACKENDS)
PYTEST := $(PLACES) .venv/bin/pytest

.DEFAULT_GOAL := help
.PHONY: help install lint types test test-quick test-backends test-sdks test-frameworks upgrade-check phoenix mlflow backends demo \
        pictures bench bench-export bench-dashboard semconv readme clean
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

# What tests/workers.py groups stays on one worker, so that each backend boots once; in the given order they come early.
test: install phoenix mlflow backends ## every test, real backends included
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder

test-quick: install ## every test that needs no backend
	$(PYTEST) -n 2 -m 'not backend'

test-backends: install phoenix mlflow backends ## the tests against real collectors and viewers, and in a browser
	$(PYTEST) -m backend

# The environments stay in the cache; spanglass in them is that of this clone.
test-sdks: install ## the life of a call on SDKs from the oldest to the newest, in environments made once
	SPANGLASS_SDKS=$(CACHE)/sdks .venv/bin/nox -f tests/sdks/noxfile.py --envdir build/nox
	PYTHONPATH=tests .venv/bin/python tests/readme.py --check-forms

# Likewise, each with all that its constraints pin.
test-frameworks: install ## what frameworks call the SDK with, each in an environment made once, alone and beside its instrumentor
	SPANGLASS_FRAMEWORKS=$(CACHE)/frameworks .venv/bin/nox -f tests/frameworks/sessions.py --envdir build/nox

upgrade-check: phoenix mlflow backends ## every test, with the newest of everything in place of what is pinned; tells what is newer
	newest=$$(mktemp -d $(CACHE)/newest.XXXXXX) && trap 'rm -rf "$$newest"' EXIT \
	&& $(PYTHON) -m venv $$newest \
	&& $$newest/bin/python -m pip install --quiet --upgrade pip \
	&& $$newest/bin/python -m pip install --quiet -e . --group dev \
	&& { $$newest/bin/python -m pip freeze --exclude-editable | grep -vixFf constraints.txt; true; } \
	&& $(PLACES) $$newest/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

phoenix: $(PHOENIX) ## Phoenix in an environment of its own, outside the repository; made once (Python 3.11 or newer)

mlflow: $(MLFLOW) ## MLflow, likewise

$(PHOENIX): NAME := phoenix
$(PHOENIX): PACKAGE := 'arize-phoenix[pg]==$(PHOENIX_VERSION)'
$(MLFLOW): NAME := mlflow
$(MLFLOW): PACKAGE := mlflow==$(MLFLOW_VERSION)

# Built beside its place and then renamed, so that what stands there is always whole.
$(PHOENIX) $(MLFLOW):
	mkdir -p $(CACHE)
	making=$$(mktemp -d $@.XXXXXX) && trap 'rm -rf "$$making"' EXIT \
	&& $(BACKEND_PYTHON) -m venv $$making \
	&& $$making/bin/python -m pip install --quiet $(PIP) \
	&& $$making/bin/python -m pip install --quiet -c tests/backends/constraints-$(NAME).txt $(PACKAGE) \
	&& { mv -T $$making $@ 2>/dev/null || test -d $@; }

ifeq ($(shell command -v go),)
backends: ## the Collector and Jaeger, built once outside the repository, some ten minutes; without Go, a word about it
	@echo "No go on the PATH: the tests against the Collector and Jaeger are skipped (Go 1.25 or newer builds them)."
else
backends: $(BACKENDS)
endif

# -s and -w leave out what only a debugger reads.
$(BACKENDS):
	mkdir -p $(CACHE)
	making=$$(mktemp -d $@.XXXXXX) && trap 'rm -rf "$$making"' EXIT && export GOFLAGS=-buildvcs=false GOWORK=off \
	&& echo "Building the Collector and Jaeger, once: this takes some ten minutes." \
	&& GOBIN=$$making go install $(BUILDER) \
	&& cp tests/backends/go/collector.yaml $$making \
	&& (cd $$making && ./builder --config collector.yaml --skip-compilation) \
	&& (cd $$making/collector && go build -trimpath -ldflags='-s -w' -o $$making/otelcol .) \
	&& (cd tests/backends/go/jaeger && go build -trimpath -ldflags='-s -w' -o $$making/jaeger github.com/jaegertracing/jaeger/cmd/jaeger) \
	&& rm -rf $$making/builder $$making/collector $$making/collector.yaml \
	&& chmod 755 $$making && { mv -T $$making $@ 2>/dev/null || test -d $@; }

demo: install ## a conversation with everything that can happen to a call, and what it shows: here, and in the dashboard
	.venv/bin/python examples/demo.py$(if $(ARGS), $(ARGS))

pictures: install backends ## draw anew the pictures of the dashboard and of a trace in Jaeger
	PYTHONPATH=tests/backends .venv/bin/python tests/dashboard/pictured.py
	SPANGLASS_BACKENDS=$(BACKENDS) PYTHONPATH=tests/backends:examples/backends/jaeger .venv/bin/python tests/backends/picture.py

bench: install ## what a call costs, beside doing without: a table
	PYTHONPATH=tests .venv/bin/python -m bench

bench-export: install backends ## how far the export of one program goes: tables; ARGS=--write puts them in the README
	$(PLACES) PYTHONPATH=tests .venv/bin/python -m bench.export$(if $(ARGS), $(ARGS))

bench-dashboard: install ## what the dashboard takes from four senders, beside a page that is looked at: four minutes
	PYTHONPATH=tests .venv/bin/python -m bench.dashboard$(if $(ARGS), $(ARGS))

semconv: install ## write the constants and their table anew from the registry
	.venv/bin/python semconv/generate.py

readme: install ## write anew what the README says of the program
	PYTHONPATH=tests .venv/bin/python tests/readme.py

clean: ## remove what was made here; the cache outside stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
