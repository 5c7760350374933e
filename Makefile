# make demo: a first render on a local Ray. make studio: the studio in a browser. make test: every test. make quick: the fast
# ones of what writes, places and mixes. make docs: pages of the Python interface in docs-out. make check: what a change has
# to pass; types (make types) are checked while the tests begin. make bench: how fast this machine plays. For developers,
# described in tests/bench/README.md; ARGS="--json ..." gives any of them options: make fuzz,
# chaos, scale, live-bench, bench-retrieval, bench-train, edits, pages, and make same-bytes BASE=REVISION
# [LEADERS="FILE ..."]. Each makes one shared environment in .venv first: make demo installs
# what playing needs, every other everything.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
QUICK := agents chart conduct files mix scores settings types $(addprefix test_, architecture.py clock.py config.py errors.py \
  events.py manifest.py packaging.py pages.py threads.py wire.py)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt

.PHONY: demo studio test quick check types bench fuzz chaos scale live-bench bench-retrieval bench-train edits pages same-bytes docs clean
.DEFAULT_GOAL := demo

$(VENV)/.plays: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "$(PYTHON) is missing or older than 3.11; on Debian: apt install python3.11 python3.11-venv, or make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed: $(VENV)/.plays
	$(INSTALL) -e '.[all]'
	touch $@

$(VENV)/.serves: $(VENV)/.plays
	$(INSTALL) -e '.[studio]'
	touch $@

demo: $(VENV)/.plays
	$(BIN)/ensemble render --out demo-out --force --extend 12 --top-k 2

studio: $(VENV)/.serves
	$(BIN)/ensemble studio $(ARGS)

test: $(VENV)/.installed
	$(BIN)/python -c 'from ensemble.play.warm import compile_kernels; compile_kernels()'
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20 -m 'not alone'
	$(BIN)/python -m pytest -m alone

quick: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 -m 'not alone and not slow and not ray' $(addprefix tests/, $(QUICK))

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --jobs=2 types test

types: $(VENV)/.installed
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/ensemble bench $(ARGS)

fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.bench.fuzz $(ARGS)

chaos: $(VENV)/.installed
	$(BIN)/python -m tests.bench.chaos $(ARGS)

scale: $(VENV)/.installed
	$(BIN)/python -m tests.bench.scale $(ARGS)

live-bench: $(VENV)/.installed
	$(BIN)/python -m tests.bench.live $(ARGS)

bench-retrieval: $(VENV)/.installed
	$(BIN)/python -m tests.bench.retrieval $(ARGS)

bench-train: $(VENV)/.installed
	$(BIN)/python -m tests.bench.training $(ARGS)

edits: $(VENV)/.installed
	EDITS=200 $(BIN)/python -m pytest -q --timeout 2400 tests/rendering/test_edits.py

pages: $(VENV)/.installed
	EVERY_PAGE=1 $(BIN)/python -m pytest -q tests/test_typed_commands.py

same-bytes: $(VENV)/.installed
	@test -n "$(BASE)" || { echo "say which revision to compare with: make same-bytes BASE=REVISION"; exit 2; }
	$(BIN)/python -m tests.bench.same_bytes $(BASE) $(LEADERS) $(ARGS)

docs: $(VENV)/.installed
	$(BIN)/pdoc --docformat google --output-directory docs-out ensemble ensemble.api agents cluster

clean:
	rm -rf $(VENV) demo-out docs-out
