PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The default build of torch on PyPI carries CUDA: this pinned one is installed first, where none is present.
TORCH ?= torch==2.13.0
TABLE := -p tests.fault_table --fault-table docs/reliability_table.md
QUICK := not slow and not docker and not slurm and not browser
# Test files side by side; the fixtures of one file are made once.
PARALLEL := -n 2 --dist loadfile

.PHONY: demo test test-all faults test-lowest lint docs clean

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

docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q -e ".[docs]"
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

clean:
	rm -rf $(VENV) .venv-lowest demo build dist
