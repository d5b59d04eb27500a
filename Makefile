# Two commands for a newcomer: `make demo` and `make test`. Each works alone on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
LIGHT := .venv/.light
INSTALLED := .venv/.installed

.PHONY: demo test test-slow attack check bench gpu clean

# $(call install,EXTRA): a virtual environment with ayneh and the packages of this extra.
define install
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ayneh needs Python 3.11 or later; this is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
endef

# The demo installs what training, scores, findings and the explorer need, and nothing for developers.
$(LIGHT): pyproject.toml constraints.txt
	$(call install,light)
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(call install,dev)
	touch $(LIGHT) $@

demo: $(LIGHT)
	$(BIN)/ayneh train digits --threads 1 --out runs/demo --overwrite
	$(BIN)/ayneh show runs/demo

# Two processes of one thread each: on two cores that is soonest, since most tests are small. Compiled tests are kept
# even where the environment says otherwise: to compile them takes longer than to import torch.
test test-slow: export PYTHONDONTWRITEBYTECODE =
test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow --timeout=1200 --durations=10

# More than an hour: what is tried, and what failed, is written to bench/ATTACK.md. `make test-slow` has a small part.
attack: $(INSTALLED)
	$(BIN)/python -m pytest tests/attack -m slow --attack-size full --attack-table bench/ATTACK.md

check: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python bench/throughput.py
	$(BIN)/python bench/scaling.py
	$(BIN)/python bench/startup.py

# On a machine with CUDA, half an hour: the tests of the recorded step, the rows of speed and two trainings.
gpu: $(INSTALLED)
	$(BIN)/python -m pytest tests/engine/test_graph.py -m "slow or not slow"
	$(BIN)/python bench/gpu.py --out runs/gpu
	$(BIN)/python bench/throughput.py --device cuda --no-memory --no-compile
	$(BIN)/python bench/scaling.py --device cuda

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
