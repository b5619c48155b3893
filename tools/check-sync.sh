#!/usr/bin/env bash
# Fails when `go work sync` would change a module: then tests (workspace) and an image built
# from one module could use different versions of a library. Works on a copy.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mapfile -t modules < <(go list -m -f '{{.Dir}}' | sed "s|^$PWD/||")
cp go.work "$copy/"
[ ! -f go.work.sum ] || cp go.work.sum "$copy/"
for module in "${modules[@]}"; do
  mkdir -p "$copy/$module"
  cp "$module/go.mod" "$copy/$module/"
  [ ! -f "$module/go.sum" ] || cp "$module/go.sum" "$copy/$module/"
done
(cd "$copy" && go work sync)
status=0
for module in "${modules[@]}"; do
  diff -u --label "$module/go.mod" --label "after go work sync" "$module/go.mod" "$copy/$module/go.mod" || status=1
done
[ "$status" = 0 ] || echo "check-sync: run 'make tidy' and commit" >&2
exit "$status"
