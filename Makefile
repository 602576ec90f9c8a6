# Every target makes what it needs under .venv/ and build/. A second call reuses that,
# until setup.cfg or constraints.txt changes; `make clean` starts over.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-graphs test-gpu test-overfit test-camera test-arm64 test-browser chromium test-deploy check lint types bench wheel wheelhouse flash image clean
.NOTPARALLEL: # two editable installs at once would write the same files
export PIP_DISABLE_PIP_VERSION_CHECK = 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo/ready ## Track a target with the shipped tracker, without camera or board
	.venv/demo/bin/python -m thermedge demo

test: .venv/dev/ready ## Run the fast tests
	.venv/dev/bin/python -m pytest

test-graphs: .venv/dev/rtx ## Export every tracker, and build its graphs with NVIDIA's parser
	.venv/dev/bin/python -m pytest -m graphs tests/export

test-gpu: .venv/dev/rtx ## Run what an NVIDIA GPU and its software allow, with figures
	.venv/dev/bin/python -m pytest -m gpu tests/gpu -rs

test-overfit: .venv/dev/ready ## Train every tracker on a few scenes until it follows them
	.venv/dev/bin/python -m pytest -m overfit tests/test_overfit.py

test-browser: .venv/dev/ready ## Open the preview in Chromium; pictures in build/browser
	.venv/dev/bin/python -m pytest -m browser tests/browser -rs

chromium: ## Install Debian's Chromium for test-browser, where apt may (root)
	@command -v chromium || { [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update && \
	apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } || \
	echo "No Chromium was installed; test-browser will skip."

test-camera: .venv/dev/ready ## Run the wheel against real V4L2 drivers in a virtual machine
	.venv/dev/bin/python tests/camera_vm/run.py camera --checks '$(CHECKS)'

test-arm64: .venv/dev/ready ## Run the wheel on an imitated arm64 machine
	.venv/dev/bin/python tests/camera_vm/run.py arm64 --checks '$(CHECKS)'

test-deploy: .venv/dev/ready ## Deploy over a real sshd, and to a real arm64 root
	.venv/dev/bin/python -m pytest -m deploy tests/deploy -rs

check: lint types test ## Run lint, types and test

lint: .venv/dev/ready ## Look for mistakes, and for another format than ruff's
	.venv/dev/bin/ruff check .
	.venv/dev/bin/ruff format --check .

types: .venv/dev/ready ## Check the type annotations
	rm -rf build/types && mkdir -p build/types/thermedge
	ln -s $(addprefix ../../../,$(wildcard core/*.py) $(FOLDERS)) build/types/thermedge/
	.venv/dev/bin/mypy

bench: .venv/bench/ready ## Compare the shipped tracker with OpenCV's trackers
	.venv/bench/bin/python -m thermedge bench $(BENCH)

wheel: .venv/demo/ready ## Build the wheel into dist/
	rm -rf build/lib build/bdist.*
	.venv/demo/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

wheelhouse: .venv/demo/ready ## Gather the packages of an offline board into dist/wheelhouse
	rm -rf dist/wheel build/lib build/bdist.*
	.venv/demo/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/wheel .
	.venv/demo/bin/python -m thermedge wheelhouse dist/wheel/*.whl --out dist/wheelhouse \
	  --python $(BOARD_PYTHON) --machine $(BOARD_MACHINE) $(addprefix --extra ,$(BOARD_EXTRAS))

# JetPack 6 has Python 3.10, JetPack 7 has 3.12; extras as in setup.cfg.
BOARD_PYTHON = 3.10
BOARD_MACHINE = aarch64
BOARD_EXTRAS =

flash: .venv/demo/ready ## Plan the flash of BOARD= with L4T= BUNDLE=; YES_ERASE=DEVICE does it
	@$(BOARD_AND_L4T)
	.venv/demo/bin/python -m thermedge flash $(BOARD) --l4t '$(L4T)' --bundle '$(BUNDLE)' $(if $(YES_ERASE),--yes-erase $(YES_ERASE)) $(FLASH)

image: .venv/demo/ready ## Make an image of BOARD= with L4T= BUNDLE=, without a board
	@$(BOARD_AND_L4T)
	.venv/demo/bin/python -m thermedge flash $(BOARD) --l4t '$(L4T)' --bundle '$(BUNDLE)' --no-flash --execute $(FLASH)

# FLASH holds further options of `thermedge flash`.
BUNDLE = default
BOARD_AND_L4T = test -n '$(BOARD)' -a -n '$(L4T)' || { echo >&2 'error: name the board and NVIDIA'"'"'s folder: make $@ BOARD=orin-nano-8gb-devkit-super L4T=.../Linux_for_Tegra'; exit 2; }

clean: ## Remove all that these targets made
	rm -rf .venv build dist demo_out thermedge.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Folder x/ is the package thermedge.x, and core/ is thermedge itself; mypy sees it by links.
FOLDERS = $(filter-out core,$(patsubst %/__init__.py,%,$(wildcard */__init__.py)))

.venv/dev/rtx: .venv/dev/ready
	.venv/dev/bin/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[$(DEV),rtx]' && touch $@

# Everything that the tests look at, but NVIDIA's parser, which weighs 100 MB.
DEV = camera,dev,export,mavlink,metrics,mqtt,openvino,preview,trt
ENVIRONMENTS := .venv/demo .venv/dev .venv/bench
.venv/demo/ready: THERMEDGE = .
.venv/dev/ready: THERMEDGE = '.[$(DEV)]'
# Both builds of OpenCV provide cv2 and overwrite each other. So this one has setup.cfg's
# dependencies by name, with the build that brings KCF and CSRT in place of the plain one.
.venv/bench/ready: THERMEDGE = . --no-deps
.venv/bench/ready: FIRST = numpy opencv-contrib-python-headless onnxruntime openvino rich linuxpy "tomli; python_version < '3.11'"

$(ENVIRONMENTS:=/ready): %/ready: setup.cfg constraints.txt
	@$(NEW_ENOUGH) || { echo >&2 "$(TOO_OLD)"; exit 2; }; $(HAS_VENV) || { echo >&2 "$(NO_VENV)"; exit 2; }
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet --constraint constraints.txt setuptools $(FIRST)
	$*/bin/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable $(THERMEDGE) && touch $@

NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))'
TOO_OLD = error: thermedge needs Python 3.10 or newer, and PYTHON=$(PYTHON) is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.12
HAS_VENV = $(PYTHON) -c 'import ensurepip' 2>/dev/null
NO_VENV = error: $(PYTHON) can't make virtual environments. On Debian and Ubuntu: apt install python3-venv
