#!/usr/bin/env bash
# Validates what can be validated of deploy/ and docker-compose.yml without containers. Run by
# `make deploy-check`, which puts compose, helm and kubeconform on the PATH. What is not to be had
# here is named and left out; with CI=true that is an error.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0 left_out=0
cache=build/deploy-check
mkdir -p "$cache"

step() { printf '%-42s ' "$1"; }
ok() { echo "ok${1:+ ($1)}"; }
bad() { echo "FAILED"; sed 's/^/    /' "$cache/out"; failed=1; }
skip() { echo "left out: $1"; left_out=1; }
run() { "$@" >"$cache/out" 2>&1; }

# The tool's own interpolation wants values for the secrets; their absence is the point of them.
step "compose file against the Compose Specification"
if run compose -no-interpolation -format json docker-compose.yml; then ok; else bad; fi

step "image tags agree with .versions"
: >"$cache/out"
while IFS=' ' read -r name image; do
  version=$(sed -n "s/^$name=//p" .versions)
  grep -q "image: $image:$version\$" docker-compose.yml || echo "docker-compose.yml has no $image:$version ($name in .versions)" >>"$cache/out"
done <<'IMAGES'
KAFKA apache/kafka
REDIS redis
OTEL_COLLECTOR otel/opentelemetry-collector-contrib
PROMETHEUS prom/prometheus
GRAFANA grafana/grafana
KARAPACE ghcr.io/aiven-open/karapace
JAEGER jaegertracing/jaeger
IMAGES
go=$(sed -n 's/^GO=//p' .versions)
grep -q "^FROM golang:$go AS build" deploy/images/Dockerfile || echo "deploy/images/Dockerfile does not build with golang:$go" >>"$cache/out"
if [ -s "$cache/out" ]; then bad; else ok; fi

step "Dockerfile copies every module of go.work"
: >"$cache/out"
for module in $(sed -n 's|^\t\./||p' go.work); do
  grep -q "^COPY $module/go.mod " deploy/images/Dockerfile || echo "deploy/images/Dockerfile lacks $module/go.mod" >>"$cache/out"
done
if [ -s "$cache/out" ]; then bad; else ok; fi

chart=deploy/chart/cohortflow
for values in "" "$chart/ci/full-values.yaml"; do
  name=${values:+everything on}
  name=${name:-defaults}
  step "chart: helm lint ($name)"
  if run helm lint --strict "$chart" ${values:+-f "$values"}; then ok; else bad; fi
  helm template rel "$chart" ${values:+-f "$values"} >"$cache/${name%% *}.yaml" 2>/dev/null
done
step "chart: refuses wrong values"
if run helm template rel "$chart" --set 'kafka.brokers={nope}' || run helm template rel "$chart" --set partitions=0; then bad; else ok; fi

# The schemas come from a Python package, which is reachable where kubeconform's usual address is
# not. Its references are absolute; kubeconform wants them beside each other.
kube=$(sed -n 's/^KUBERNETES=//p' .versions)
location=$cache/kubernetes-$kube
if [ ! -d "$location" ]; then
  python3 -m pip install -q --no-deps --target "$cache/package" kubernetes-validate==1.34.0 >"$cache/pip.log" 2>&1 &&
    python3 - "$cache/package/kubernetes_validate/kubernetes-json-schema/v$kube-local-strict" "$location.part" >>"$cache/pip.log" 2>&1 <<'PYTHON' &&
import json, pathlib, sys

source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(exist_ok=True)
for path in source.glob("*.json"):
    schema = json.loads(path.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
    schema.pop("$id", None)
    for part in schema.get("$defs", {}).values():
        part.pop("$id", None)
    (target / path.name).write_text(json.dumps(schema))
PYTHON
    mv "$location.part" "$location"
  rm -rf "$cache/package"
fi
for name in defaults everything; do
  step "chart against Kubernetes $kube ($name)"
  if [ ! -d "$location" ]; then
    skip "no schemas (pip could not fetch kubernetes-validate, see $cache/pip.log)"
  elif run kubeconform -strict -summary -skip PodMonitor -schema-location "$location/{{.ResourceKind}}{{.KindSuffix}}.json" "$cache/$name.yaml"; then
    ok "$(tail -1 "$cache/out")"
  else bad; fi
done

# promtool is on the PATH, or taken out of Debian's package without installing it.
promtool=$(command -v promtool || true)
if [ -z "$promtool" ] && [ -x "$cache/usr/bin/promtool" ]; then promtool=$cache/usr/bin/promtool; fi
if [ -z "$promtool" ] && command -v apt-get >/dev/null; then
  (cd "$cache" && apt-get download prometheus && dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb) >"$cache/apt.log" 2>&1
  [ -x "$cache/usr/bin/promtool" ] && promtool=$cache/usr/bin/promtool
fi
step "Prometheus configuration, rules and their tests"
if [ -z "$promtool" ]; then
  skip "no promtool (Debian: apt-get install prometheus)"
elif run "$promtool" check config deploy/prometheus/prometheus.yml && run "$promtool" test rules deploy/prometheus/rules_test.yml; then ok; else bad; fi

step "settings of compose and chart are flags"
ok "by go test ./test/house"

step "collector and Grafana files"
ok "by go test ./pkg/telemetry"

if [ "$left_out" = 1 ] && [ "${CI:-}" = true ]; then
  echo "check-deploy: CI needs every check" >&2
  failed=1
fi
exit "$failed"
