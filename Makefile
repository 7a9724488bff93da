PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The default build of torch on PyPI carries CUDA: this pinned one is installed first, where none is present.
TORCH ?= torch==2.13.0
TABLE := -p tests.fault_table --fault-table docs/reliability_table.md
QUICK := not slow and not docker and not apptainer and not slurm and not browser
# Test files side by side; the fixtures of one file are made once.
PARALLEL := -n 2 --dist loadfile

VERSION := $(shell sed -n 's/^__version__ = "\([^"]*\)".*/\1/p' neurofm_bids/__init__.py)
DIST := dist/neurofm-bids-$(VERSION)
# The tools of a release, each in an environment of its own: their requirements exclude each other.
TOOLS := .venv-release
tools = $(patsubst %,$(TOOLS)/%/.installed,$(1))

.PHONY: demo test test-all faults test-lowest lint lock docs release sbom audit clean

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install -q "$(TORCH)"
	$(BIN)/python -m pip install -q -e ".[test,lint]"
	touch $@

demo:
	test -x $(BIN)/neurofm || $(MAKE) $(VENV)/.installed
	$(BIN)/neurofm-tools demo demo/bids
	$(BIN)/neurofm demo/bids demo/derivatives participant group -w demo/work
	@ls demo/derivatives/*.html

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "$(QUICK)" $(PARALLEL) --cov=neurofm_bids --cov-report=term

# All that can run here, faults included; their table is part of the documentation. Takes hours.
test-all: $(VENV)/.installed
	rm -f docs/reliability_table.md
	$(BIN)/python -m pytest -rs $(TABLE) --cov=neurofm_bids --cov-report=term

faults: $(VENV)/.installed
	rm -f docs/reliability_table.md
	$(BIN)/python -m pytest -rs $(TABLE) -m fault

# The lower bounds of pyproject.toml, in an environment of their own.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	sed -n 's/^    "\([a-z0-9-]*\)>=\([0-9.]*\).*",$$/\1==\2/p' pyproject.toml > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install -q "$(TORCH)"
	.venv-lowest/bin/python -m pip install -q -c .venv-lowest/constraints.txt -e ".[test]"
	.venv-lowest/bin/python -m pytest -m "$(QUICK)" $(PARALLEL)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The locked packages of the images; LOCK=--upgrade takes the newest versions.
lock: $(VENV)/.installed
	$(BIN)/python -m pip install -q uv
	PATH="$(BIN):$$PATH" $(BIN)/python tools/lock.py $(LOCK)

docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q -e ".[docs]"
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

$(TOOLS)/%/.installed: release/tools.txt
	$(PYTHON) -m venv --clear $(TOOLS)/$*
	$(TOOLS)/$*/bin/python -m pip install -q --disable-pip-version-check -c $< $*
	touch $@

# Everything that is published, in dist/, checked: wheel, source distribution, Boutiques descriptor, SBOM.
release: $(call tools,build twine cffconvert boutiques cyclonedx-bom)
	$(TOOLS)/cffconvert/bin/cffconvert --validate -i CITATION.cff
	rm -rf dist
	$(TOOLS)/build/bin/python -m build
	$(TOOLS)/twine/bin/twine check --strict dist/*.whl dist/*.tar.gz
	PYTHONPATH=$$(echo dist/*.whl) $(TOOLS)/build/bin/python -m neurofm_bids --bids-exec-spec > $(DIST).boutiques.json
	$(TOOLS)/boutiques/bin/bosh validate $(DIST).boutiques.json
	$(MAKE) sbom
	cd dist && sha256sum neurofm* > SHA256SUMS

# Software bill of materials of the lock file (CycloneDX), which the tool validates.
sbom: $(call tools,cyclonedx-bom)
	mkdir -p dist
	sed 's/^dynamic = \["version"\]/version = "$(VERSION)"/' pyproject.toml > dist/pyproject.toml
	$(TOOLS)/cyclonedx-bom/bin/cyclonedx-py requirements --pyproject dist/pyproject.toml --output-reproducible \
		--validate -o $(DIST).cdx.json requirements.lock
	rm dist/pyproject.toml

# Fails also if no database of advisories answers: release/audit.py says so.
audit: $(call tools,pip-audit)
	$(PYTHON) release/audit.py requirements.lock --pip-audit $(TOOLS)/pip-audit/bin/pip-audit

clean:
	rm -rf $(VENV) .venv-lowest $(TOOLS) demo build dist
