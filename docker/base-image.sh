#!/usr/bin/env bash
# The image that ours is built on, where none can be pulled: a small Debian with Python, by debootstrap.
#
# The same packages make the same layer: everything that differs from run to run is left out of the tar, and
# the tar is in a fixed order with fixed times (reproducible-builds.org). An image that this very script has
# made is not made again.
#
# usage: base-image.sh [TAG]; MIRROR is where packages come from, else what apt itself is told.
set -euo pipefail

tag=${1:-fakenw-base:bookworm}
suite=bookworm
packages=python3,python3-venv,iproute2 # iproute2 has tc, for delay and loss
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}

refuse() {
  printf 'base-image.sh: %s\n' "$@" >&2
  exit 1
}

command -v docker >/dev/null || refuse 'there is no docker program: apt-get install docker.io'
docker version >/dev/null 2>&1 || refuse 'no Docker Engine answers: docker version says why'
made_by=$(sha256sum "${BASH_SOURCE[0]}" | cut -c 1-16)
if [ "$(docker image inspect -f '{{index .Config.Labels "fakenw.made-by"}}' "$tag" 2>/dev/null)" = "$made_by" ]; then
  echo "base image $tag is there"
  exit 0
fi

other='or choose a Debian or Python image that you have: make image BASE=python:3.11-slim'
command -v debootstrap >/dev/null || refuse 'there is no debootstrap: apt-get install debootstrap,' "$other"
[ "$(id -u)" = 0 ] || refuse 'debootstrap wants to be root: run make base-image as root,' "$other"
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Suite: $suite" "Component: main" | head -1)}
[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -1)
[ -n "$mirror" ] || refuse 'apt knows no source of packages: say MIRROR=URL'

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
mkdir -p "$project/dist"
took=$project/dist/.base-image-seconds
last=$(cat "$took" 2>/dev/null || true)
echo "making base image $tag: Debian $suite with ${packages//,/, }${last:+; the last time it took $last s}"
debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
  { tail -5 "$root.log" >&2; rm -f "$root.log"; refuse "debootstrap failed"; }
rm -f "$root.log"

# What no container needs, and what differs from run to run.
cd "$root"
rm -rf var/lib/apt/lists/* var/cache/* var/log/* usr/share/doc/* usr/share/man/* usr/share/locale/* tmp/* run/*
rm -f etc/machine-id var/lib/dbus/machine-id etc/apt/sources.list etc/hostname etc/resolv.conf etc/ld.so.cache~
rm -f etc/passwd- etc/shadow- etc/group- etc/gshadow- var/lib/dpkg/*-old
find . -name __pycache__ -prune -exec rm -rf {} +
sed -i 's/^\([^:]*:[^:]*\):[0-9]*:/\1:20000:/' etc/shadow # when a password was last changed: today

old=$(docker image inspect -f '{{.Id}}' "$tag" 2>/dev/null || true)
tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --one-file-system \
  --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' . |
  docker import --change 'CMD ["python3"]' --change "LABEL fakenw.made-by=$made_by" - "$tag" >/dev/null
# The base whose name this one has taken; images on it keep it until the next make image.
docker images -q --no-trunc --filter dangling=true | { grep -xF "$old" || true; } | xargs -r docker image rm >/dev/null
echo "$SECONDS" >"$took"
echo "base image $tag is made, in $SECONDS s: $(docker image inspect -f '{{.Size}}' "$tag" | awk '{printf "%.0f MB", $1 / 1e6}')"
