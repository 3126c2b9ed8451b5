#!/usr/bin/env bash
# The image fakenw:VERSION, on a base image. An image of the same wheels on the same base is not built again.
#
# usage: image.sh BASE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

base=$1
docker version >/dev/null 2>&1 || { echo 'image.sh: no Docker Engine answers: see docker version' >&2; exit 1; }
docker image inspect "$base" >/dev/null 2>&1 || docker pull "$base"
docker/wheels.sh "$base"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
inputs=$({ docker image inspect -f '{{.Id}}' "$base"; sha256sum docker/Dockerfile dist/wheelhouse/*; } | sha256sum | cut -c 1-16)

if [ "$(docker image inspect -f '{{index .Config.Labels "fakenw.inputs"}}' "fakenw:$version" 2>/dev/null)" = "$inputs" ]; then
  echo "image fakenw:$version is there"
  exit 0
fi
echo "building image fakenw:$version"
old=$(docker image inspect -f '{{.Id}}' "fakenw:$version" 2>/dev/null || true)
# The context is the Dockerfile and the wheels, fakenw's in a directory of its own: it alone is installed again when it
# alone has changed.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/ours" "$context/wheelhouse"
cp docker/Dockerfile "$context"
cp dist/wheelhouse/*.whl "$context/wheelhouse"
mv "$context"/wheelhouse/fakenw-*.whl "$context/ours"
log=$(docker build -q --network none --build-arg "BASE=$base" --build-arg "VERSION=$version" \
  --build-arg "INPUTS=$inputs" -t "fakenw:$version" -t fakenw:latest "$context" 2>&1) ||
  { echo "$log" >&2; exit 1; }
# The classic builder leaves the first stage as a nameless image: the newest is its cache.
docker images -q -f dangling=true -f label=fakenw.stage | tail -n +2 | xargs -r docker image rm >/dev/null 2>&1 || true
[ -z "$old" ] || docker image rm "$old" >/dev/null 2>&1 || true # a container may still be made from it
echo "image fakenw:$version is built: $(docker image inspect -f '{{.Size}}' "fakenw:$version" | awk '{printf "%.0f MB", $1 / 1e6}')"
