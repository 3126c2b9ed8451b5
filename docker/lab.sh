#!/usr/bin/env bash
# The lab of compose.yaml: lab.sh up, urls, journal, down. It uses the Compose plugin or docker-compose.
#
# FAKENW_LAB_ADDRESS, FAKENW_LAB_PORT, FAKENW_LAB_ADMIN_PORT, FAKENW_LAB_IPX_PORT: where it is published; 127.0.0.1, 524,
# 8524 and 20000.
# FAKENW_ADMIN_TOKEN: the token of page and API; one that is made, if there is none.
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

# What the running server has; a lab that is up keeps its token.
of_server() {
  "${compose[@]}" exec -T server printenv "$1" 2>/dev/null | tr -d '\r'
}

published() {
  "${compose[@]}" port ${2:+--protocol "$2"} server "$1"
}

urls() {
  local token page server ipx here
  token=$(of_server FAKENW_ADMIN_TOKEN) || { echo 'lab.sh: the lab is not up: make lab' >&2; exit 1; }
  page=$(published 8524)
  server=$(published 524)
  ipx=$(published 20000 udp)
  here=$(hostname -I 2>/dev/null | cut -d ' ' -f 1)
  cat <<END
  page                http://${page/0.0.0.0/${here:-localhost}}/
  API                 http://${page/0.0.0.0/${here:-localhost}}/api/server
  token of both       $token
  server              ${server/0.0.0.0/${here:-localhost}}, NCP over TCP and UDP, users GUEST $(of_server FAKENW_USERS)
  IPX link            ${ipx/0.0.0.0/${here:-localhost}}, Ethernet frames in UDP datagrams, as of -netdev dgram of QEMU
END
}

case ${1:-} in
  up)
    token=$(of_server FAKENW_ADMIN_TOKEN || true)
    made=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    export FAKENW_ADMIN_TOKEN=${FAKENW_ADMIN_TOKEN:-${token:-$made}}
    "${compose[@]}" up -d
    echo
    echo 'The lab is up.'
    urls
    ipx=$(published 20000 udp)
    ipx=${ipx/0.0.0.0/127.0.0.1}
    cat <<END

Point a client at the server; from a container on the lab's own network the server sees the client's own address:
  on this computer    .venv/bin/harness hold $(published 524) --user GUEST
  in a container      docker run --rm -it --network ${COMPOSE_PROJECT_NAME}_lab fakenw:latest harness hold server:524
  a guest of QEMU     -device ne2k_pci,netdev=lan -netdev dgram,id=lan,local.type=inet,local.host=127.0.0.1,local.port=20001,remote.type=inet,remote.host=${ipx%:*},remote.port=${ipx##*:}
  on another one      FAKENW_LAB_ADDRESS=0.0.0.0 make lab, then the address of this computer
Next:
  its journal         docker/lab.sh journal
  a verdict           docker/lab.sh journal >lab.jsonl; .venv/bin/harness check lab.jsonl
  these lines again   docker/lab.sh urls
  remove it           make lab-down
END
    ;;
  urls) urls ;;
  journal) "${compose[@]}" logs --no-log-prefix --no-color server | grep '^{' ;;
  down) "${compose[@]}" down --volumes --remove-orphans ;;
  *)
    echo 'usage: lab.sh up|urls|journal|down' >&2
    exit 2
    ;;
esac
