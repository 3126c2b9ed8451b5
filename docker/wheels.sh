#!/usr/bin/env bash
# dist/wheelhouse: our wheel, and those of everything that fakenw[containers,fast] needs, for the Python of an image.
#
# usage: wheels.sh IMAGE. What is there already is not fetched again, as long as pyproject.toml is the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=$1
python=${PYTHON:-.venv/bin/python}
version=$(docker run --rm --network none --entrypoint python3 "$image" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wanted=$(cat pyproject.toml docker/wheels.sh <(echo "$version $(uname -m)") | sha256sum | cut -c 1-16)
sources=$(find fakenw harness pyproject.toml README.md LICENSE -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)

mkdir -p dist/wheelhouse
if [ "$(cat dist/.wheels-of 2>/dev/null)" != "$wanted/$sources" ]; then
  rm -f dist/wheelhouse/fakenw-*.whl
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} "$python" -m pip wheel -q --no-deps -w dist/wheelhouse .
  if [ "$(cut -d / -f 1 dist/.wheels-of 2>/dev/null)" != "$wanted" ]; then
    echo "fetching the wheels for Python $version"
    find dist/wheelhouse -type f ! -name 'fakenw-*.whl' -delete
    platforms=()
    for glibc in 2_17 2_28 2_34; do platforms+=(--platform "manylinux_${glibc}_$(uname -m)"); done
    "$python" -m pip download -q --only-binary=:all: --implementation cp --python-version "$version" \
      "${platforms[@]}" --platform "manylinux2014_$(uname -m)" -d dist/wheelhouse \
      "$(ls dist/wheelhouse/fakenw-*.whl)[containers,fast]"
  fi
  echo "$wanted/$sources" >dist/.wheels-of
fi
