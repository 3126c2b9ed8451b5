#!/usr/bin/env bash
# dist/wheelhouse: our wheel, and those of everything that fakenw[containers,fast] needs, for the Python of an image.
#
# usage: wheels.sh IMAGE. The others are fetched again only where pyproject.toml or the Python is another one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=$1
python=${PYTHON:-.venv/bin/python}
version=$(docker run --rm --network none --entrypoint python3 "$image" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wanted=$(cat pyproject.toml docker/wheels.sh <(echo "$version $(uname -m)") | sha256sum | cut -c 1-16)

mkdir -p dist/wheelhouse
made=$(mktemp -d dist/wheel.XXXXXX)
trap 'rm -rf "$made"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} "$python" -m pip wheel -q --no-deps -w "$made" .
if [ "$(cat dist/wheelhouse/.of 2>/dev/null)" != "$wanted" ]; then
  echo "fetching the wheels for Python $version"
  find dist/wheelhouse -type f -delete
  platforms=()
  for glibc in 2_17 2_28 2_34; do platforms+=(--platform "manylinux_${glibc}_$(uname -m)"); done
  "$python" -m pip download -q --only-binary=:all: --implementation cp --python-version "$version" \
    "${platforms[@]}" --platform "manylinux2014_$(uname -m)" -d dist/wheelhouse \
    "$(ls "$made"/fakenw-*.whl)[containers,fast]"
  echo "$wanted" >dist/wheelhouse/.of
fi
mv -f "$made"/fakenw-*.whl dist/wheelhouse
