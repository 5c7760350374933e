# make demo: a first render on a local Ray. make test: every test. Both make one shared environment in .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check bench clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; on Debian: apt install python3.11 python3.11-venv, or make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[train,test]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/ensemble render --out demo-out --force --extend 12 --top-k 2

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not alone'
	$(BIN)/python -m pytest -m alone

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

bench: $(VENV)/.installed
	$(BIN)/ensemble bench

clean:
	rm -rf $(VENV) demo-out
