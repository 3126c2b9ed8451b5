#!/usr/bin/env bash
# dist/fakenw-VERSION-bundle.tar: all that a computer without a network needs. The same wheels and the same image make
# the same bundle, and an existing one is not made again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
bundle=fakenw-$version-bundle
date=${SOURCE_DATE_EPOCH:-1767225600}
image=$(docker image inspect -f '{{.Id}}' "fakenw:$version")
docker/wheels.sh "$image"
inputs=$({ echo "$image"; find docs docker README.md ARCHITECTURE.md CHANGES.md CONTRIBUTING.md SECURITY.md LICENSE dist/wheelhouse -type f ! -name .of -print0 |
  sort -z | xargs -0 sha256sum; } | sha256sum | cut -c 1-16)
if [ -f "dist/$bundle.tar" ] && [ "$(cat dist/.bundle-of 2>/dev/null)" = "$inputs" ]; then
  echo "bundle dist/$bundle.tar is there"
  exit 0
fi

echo "packing dist/$bundle.tar"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$bundle
mkdir -p "$root/docker"
cp -r docs README.md ARCHITECTURE.md CHANGES.md CONTRIBUTING.md SECURITY.md LICENSE docker/install.sh "$root"
cp docker/compose.yaml docker/lab.sh docker/fakenw.service "$root/docker"
mkdir "$root/wheels"
cp dist/wheelhouse/*.whl "$root/wheels"
docker run --rm --network none --entrypoint python3 "$image" -c 'import sys; print("%d.%d" % sys.version_info[:2])' >"$root/python-version"
docker save "fakenw:$version" fakenw:latest | gzip -n -1 >"$root/image.tar.gz"
(cd "$root" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
tar --create --file "dist/$bundle.tar" --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner -C "$work" "$bundle"
echo "$inputs" >dist/.bundle-of
echo "bundle dist/$bundle.tar is packed: $(du -h "dist/$bundle.tar" | cut -f 1)"
