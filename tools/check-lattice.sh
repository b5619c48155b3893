#!/usr/bin/env bash
# Proves that the import lattice of .golangci.yml bites: puts a forbidden import into each kind of
# room, in a copy, and fails when the linter lets one pass. A pattern that matches nothing is
# silent otherwise. Run by `make check`, with golangci-lint on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r .golangci.yml go.work pkg schemas deploy services "$copy/"
cd "$copy"
go work edit -dropuse=./test

wanted=()
while read -r room import; do
  [ -n "$room" ] || continue
  file=$room/lattice_$(tr -c 'a-z0-9' _ <<<"${import##*cohortflow/}")x.go
  # The room's package may be named otherwise than its folder.
  package=$(go list -f '{{.Name}}' "./$room")
  printf 'package %s\n\nimport _ "%s"\n' "$package" "$import" >"$file"
  wanted+=("$file")
done <<ROOMS
pkg/event time
pkg/cohort context
pkg/partition log/slog
pkg/partition math/rand/v2
pkg/cohort os
pkg/lifecycle github.com/prometheus/client_golang/prometheus
pkg/seal math/rand
services/processor github.com/segmentio/kafka-go
services/processor/internal/owner github.com/redis/go-redis/v9
services/ingest github.com/linkedin/goavro/v2
services/sink github.com/twmb/franz-go/pkg/kfake
services/standalone github.com/alicebob/miniredis/v2
services/sink/internal/feed github.com/alecthomas/kong
services/ingest/internal/server github.com/nyaruka/phonenumbers
services/ingest github.com/cohortflow/cohortflow/services/sink
services/processor github.com/cohortflow/cohortflow/services/ingest
services/cohortctl github.com/cohortflow/cohortflow/services/ingest
services/console github.com/cohortflow/cohortflow/services/processor
services/cohortctl github.com/cohortflow/cohortflow/services/console
services/standalone github.com/cohortflow/cohortflow/services/cohortctl
ROOMS

golangci-lint run --enable-only depguard --allow-parallel-runners --output.text.print-issued-lines=false \
  ./pkg/... ./services/cohortctl/... ./services/console/... ./services/ingest/... ./services/processor/... ./services/sink/... ./services/standalone/... >out 2>&1 || true
status=0
for file in "${wanted[@]}"; do
  grep -q "^$file:.*depguard" out || { echo "check-lattice: the linter lets $(sed -n 's/^import _ //p' "$file") pass in $(dirname "$file")"; status=1; }
done
[ "$status" = 0 ] || { echo "check-lattice: see the depguard rules of .golangci.yml; the linter said:"; cat out; }
exit "$status"
