# `make compare` and `make test` install what is missing and do the job; `make help` lists the rest.
VENV := .venv
RIG := $(VENV)/bin/rig
PYTHON := $(VENV)/bin/python
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PACKAGES = $(shell sed '/^\# for the tests alone$$/,$$d; s/\#.*//' packages.txt)
MISSING = $(strip $(foreach package,$(PACKAGES),$(if $(filter installed,$(shell dpkg-query -Wf '$${db:Status-Status}' $(package) 2>/dev/null)),,$(package))))

test check boots: PACKAGES = $(shell sed 's/\#.*//' packages.txt)

.PHONY: help setup packages compare test check boots bench clean
.DEFAULT_GOAL := help

help:  ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup: packages $(VENV)/.installed  ## install what is missing

packages:
	@missing='$(MISSING)'; [ -z "$$missing" ] || { \
	  echo "installing: $$missing"; \
	  $(SUDO) apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; }

$(VENV)/.installed: pyproject.toml | packages
	[ -x $(PYTHON) ] || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

compare: setup  ## build base and patched, stress both, say what the patch changed
	$(RIG) compare base patched $(ARGS)

test: check boots  ## everything: lint, types, fast tests, real builds and boots

check: setup  ## lint, types and the tests that take seconds
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTHON) -m pytest $(ARGS)

boots: setup  ## the tests that build a kernel and boot it
	$(PYTHON) -m pytest -m boot -v --durations=10 $(ARGS)

bench: setup  ## ratios of the rig's times to what they can't go below
	$(PYTHON) -m bench $(ARGS)

clean:  ## remove the virtual environment; caches and runs: `rig gc --all`
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
