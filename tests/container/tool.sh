#!/usr/bin/env bash
# The one place that knows which container tool this machine has and which options it needs.
#
#   tool.sh build IMAGE      build the Dockerfile of this project; exit 69 when its base image is out of reach
#   tool.sh engine           name the tool that runs containers; fail and say why where there is none
#   tool.sh healthy NAME     succeed when the container NAME is healthy
#   tool.sh COMMAND ARGS     any command of the engine: run, exec, stop, rm, inspect, volume, ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

have() { command -v "$1" >/dev/null; }

fail() { # STATUS MESSAGE
    echo "$2" >&2
    exit "$1"
}

if have docker && docker info >/dev/null 2>&1; then
    engine=docker builder=docker
else
    engine=$(have podman && echo podman) || true
    builder=$(have buildah && echo buildah || echo "$engine")
fi
# Without systemd this machine is itself a container or a sandbox: it has no overlay mounts, no cgroups to hand out, no
# namespaces for a build, and limits that can only be lowered.
confined=$([ "$builder" = docker ] || [ -d /run/systemd/system ] || echo yes)
if [ "$confined" ]; then export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}; fi

# Makes sure that the base image is there.
fetch_base() {
    local image standin=../shared/container/standin-base.sh
    image=$(sed -n 's/^ARG BASE=//p' Dockerfile)
    if "$builder" inspect --type image "$image" >/dev/null 2>&1; then return; fi
    # A machine without an image registry may bring a script that makes a likeness of the official image.
    if [ "$builder" != docker ] && [ -f "$standin" ]; then
        bash "$standin" "$(grep -oE '[0-9]+\.[0-9]+' <<<"$image")"
    elif ! timeout 600 "$builder" pull --quiet "$image"; then
        fail 69 "the base image $image is not here and cannot be fetched from an image registry"
    fi
}

build() { # IMAGE
    [ "$builder" ] || fail 1 "there is no container tool: it takes docker with its engine running, buildah or podman"
    fetch_base
    local version options=()
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    if [ "$builder" != docker ]; then options=(--format docker); fi # their default, OCI, has no HEALTHCHECK
    if [ "$confined" ]; then options+=(--isolation chroot); fi
    # Only docker knows a start interval (buildah before 1.36 even refuses the word); elsewhere each probe comes soon.
    local probes='s/--interval=10s/--interval=1s/; s/ --start-interval=[^ ]*//'
    if [ "$builder" = docker ]; then probes=; fi
    sed "$probes" Dockerfile |
        "$builder" build "${options[@]}" --label "org.opencontainers.image.version=$version" --tag "$1" --file - .
}

run_engine() { # COMMAND ARGS
    [ "$engine" ] || fail 1 "there is no tool to run a container: it takes docker with its engine running, or podman"
    local command=$1
    shift
    if [ "$confined" ]; then
        if [ "$command" = run ]; then set -- --ulimit nofile=20000:20000 --ulimit nproc=10000:10000 "$@"; fi
        exec podman --cgroup-manager cgroupfs --runtime runc "$command" "$@"
    fi
    exec "$engine" "$command" "$@"
}

case "${1:-}" in
    "") sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" ;;
    build) build "${2:?name the image}" ;;
    engine) run_engine --version >/dev/null && echo "$engine" ;;
    healthy)
        if [ "$engine" = docker ]; then
            [ "$(docker inspect --format '{{.State.Health.Status}}' "$2")" = healthy ]
        else
            # Podman probes through timers of systemd, which need not be there; asking for a probe works everywhere.
            run_engine healthcheck run "$2"
        fi
        ;;
    *) run_engine "$@" ;;
esac
