# Each sets up .venv first.
# make app   open the app    make test   run every check    make pictures   take the README's pictures anew
# make gpu   measure on an NVIDIA GPU (docs/gpu.md); make gpu PYTHON=python3 takes that Python as it is, without .venv
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: app test pictures gpu clean

app: $(READY)
	$(BIN)/python -m explorer.ui.launch

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pytest -n auto

pictures: $(READY)
	$(BIN)/python -m explorer.bench.pictures $(NAMES)

# PYTHON has the origin "file" where nobody named one.
gpu: $(if $(filter file,$(origin PYTHON)),$(READY))
	$(if $(filter file,$(origin PYTHON)),$(BIN)/python,$(PYTHON)) -m explorer.bench.gpu $(OPTIONS)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $(READY)

clean:
	rm -rf .venv build *.egg-info
