#!/usr/bin/env bash
# The lab of compose.yaml: lab.sh up, journal, down. It uses the Compose plugin or docker-compose.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  echo 'lab.sh: there is no Compose: apt-get install docker-compose, or the plugin docker-compose-plugin' >&2
  exit 1
fi
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-fakenw-lab}
compose+=(-f compose.yaml)

case ${1:-} in
  up)
    "${compose[@]}" up -d
    cat <<END

The lab is up. Next:
  its journal         docker/lab.sh journal
  a verdict           docker/lab.sh journal >lab.jsonl; .venv/bin/harness check lab.jsonl
  one client by hand  docker run --rm -it --network ${COMPOSE_PROJECT_NAME}_lab fakenw:latest harness hold server:524
  remove it           make lab-down
END
    ;;
  journal) "${compose[@]}" logs --no-log-prefix --no-color server | grep '^{' ;;
  down) "${compose[@]}" down --volumes --remove-orphans ;;
  *)
    echo 'usage: lab.sh up|journal|down' >&2
    exit 2
    ;;
esac
