#!/usr/bin/env bash
# The image fakenw:VERSION, on a base image. It bears a hash of its sources and of its base as the label fakenw.inputs, and
# is built only where there is no image with that label.
#
# usage: image.sh BASE [NAME]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

base=$1
name=${2:-fakenw}
docker version >/dev/null 2>&1 || { echo 'image.sh: no Docker Engine answers: see docker version' >&2; exit 1; }
docker image inspect "$base" >/dev/null 2>&1 || docker pull "$base"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
inputs=$({
  docker image inspect -f '{{.Id}}' "$base"
  find fakenw harness packaging pyproject.toml README.md LICENSE docker/Dockerfile docker/wheels.sh -type f ! -name '*.pyc' -print0 |
    sort -z | xargs -0 sha256sum
} | sha256sum | cut -c 1-16)
if [ "$(docker image inspect -f '{{index .Config.Labels "fakenw.inputs"}}' "$name:$version" 2>/dev/null)" = "$inputs" ]; then
  echo "image $name:$version is there"
  exit 0
fi

last=$(cat dist/.image-seconds 2>/dev/null || true)
echo "building image $name:$version${last:+; the last time it took $last s}"
docker/wheels.sh "$base"
# The context is the Dockerfile and the wheels, fakenw's in a directory of its own: it alone is installed again when it
# alone has changed.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/ours" "$context/wheelhouse"
cp docker/Dockerfile "$context"
cp dist/wheelhouse/*.whl "$context/wheelhouse"
mv "$context"/wheelhouse/fakenw-*.whl "$context/ours"
build() {
  log=$(docker build -q --network none --build-arg "BASE=$base" "$@" "$context" 2>&1) || { echo "$log" >&2; exit 1; }
}
# The first stage has a name as well: the classic builder would leave it without one, and it is the cache of the next build.
old=$(docker image inspect -f '{{.Id}}' "$name-install:$version" 2>/dev/null || true)
build --target install -t "$name-install:$version"
build --label "org.opencontainers.image.version=$version" --label "fakenw.inputs=$inputs" -t "$name:$version" -t "$name:latest"
# The images whose names these two have taken; one that a container is made from stays until the next time.
docker image prune --force --filter label=fakenw.inputs >/dev/null
docker images -q --no-trunc --filter dangling=true | { grep -xF "$old" || true; } | xargs -r docker image rm >/dev/null
echo "$SECONDS" >dist/.image-seconds
echo "image $name:$version is built, in $SECONDS s: $(docker image inspect -f '{{.Size}}' "$name:$version" | awk '{printf "%.0f MB", $1 / 1e6}')"
