#!/usr/bin/env bash
# Looks for known vulnerabilities that the code of each module reaches. Run by `make vuln`, which puts
# govulncheck on the PATH. Where the database cannot be reached it says so and leaves the check out;
# with CI=true that is an error.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
for dir in "$@"; do
  out=$(cd "$dir" && govulncheck ./... 2>&1)
  case $? in
    0) ;;
    3) printf '%s\n' "$out"; failed=1 ;; # it found some
    *)
      printf 'check-vulnerabilities: left out: %s\n' "$(printf '%s' "$out" | tail -1)"
      if [ "${CI:-}" = true ]; then
        echo "check-vulnerabilities: CI needs the database (GOVULNDB names a mirror)" >&2
        exit 1
      fi
      exit "$failed" ;;
  esac
done
[ "$failed" = 1 ] || echo "check-vulnerabilities: none known that the code reaches"
exit "$failed"
