#!/usr/bin/env bash
# Installs fakenw from this bundle without a network: into a virtual environment, and its image into a Docker Engine.
#
# usage: install.sh [DIRECTORY]; the default is ./fakenw-venv
set -euo pipefail
target=$(realpath -m "${1:-fakenw-venv}")
cd "$(dirname "${BASH_SOURCE[0]}")"

refuse() {
  printf 'install.sh: %s\n' "$@" >&2
  exit 1
}

sha256sum --quiet --check SHA256SUMS >&2 || refuse 'the bundle is damaged: copy it again'
python=${PYTHON:-python3}
wanted=$(cat python-version)
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || refuse "there is no $python"
[ "$found" = "$wanted" ] || refuse "the wheels are for Python $wanted, and $python is $found: set PYTHON=python$wanted"
"$python" -c 'import ensurepip, venv' 2>/dev/null || refuse "$python cannot make a virtual environment: install python3-venv"

"$python" -m venv "$target"
"$target/bin/python" -m pip install -q --disable-pip-version-check --no-index --no-deps wheels/*.whl
echo "installed: $target/bin/fakenw, $target/bin/harness"
if docker version >/dev/null 2>&1; then
  docker load -q -i image.tar.gz
else
  echo 'no Docker Engine answers: the image was not loaded (docker load -i image.tar.gz)'
fi
echo "next: $target/bin/harness run Q257223; then README.md"
