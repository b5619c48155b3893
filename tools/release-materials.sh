#!/usr/bin/env bash
# Writes beside each command of a folder what it is made of (NAME.cdx.json, CycloneDX) and a checksum of
# all of it (SHA256SUMS). Run by `make release`, which puts cyclonedx-gomod on the PATH. The bill is read
# from the binary's own build information, so it speaks of what was built and of nothing else.
#
#   tools/release-materials.sh bin cohortflow cohortctl ...
set -euo pipefail
dir=$1
shift
cd "$dir"
for name in "$@"; do
  # Without a serial number the same binary always gives the same bill.
  cyclonedx-gomod bin -json -noserial -std -version "${VERSION:-dev}" -output "$name.cdx.json" "$name"
  echo "$name.cdx.json: $(grep -c '"purl"' "$name.cdx.json") components"
done
sha256sum "$@" "${@/%/.cdx.json}" >SHA256SUMS
