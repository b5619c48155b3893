#!/usr/bin/env bash
# Looks for secrets in every commit and in what is not committed yet. Run by `make secrets`, which puts
# gitleaks on the PATH. What is no secret although it looks like one stands in .gitleaks.toml, with why.
set -euo pipefail
cd "$(dirname "$0")/.."

scan() { gitleaks git --no-banner --log-level warn --redact --config .gitleaks.toml --verbose "$@" .; }

if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
  echo "check-secrets: the history is cut off; git fetch --unshallow" >&2
  [ "${CI:-}" != true ] || exit 1
fi
scan
scan --pre-commit
scan --pre-commit --staged
# Not known to git yet, and not ignored either: commits of tomorrow.
git ls-files --others --exclude-standard -z | while IFS= read -r -d '' file; do
  gitleaks dir --no-banner --log-level error --redact --config .gitleaks.toml --verbose "$file"
done
echo "check-secrets: none in $(git rev-list --count HEAD) commits and in the working tree"
