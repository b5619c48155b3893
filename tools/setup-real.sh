#!/usr/bin/env bash
# Gets the real parts that the full test suite runs against: redis-server, Apache Kafka from Maven
# artefacts, and the official client libraries for Python and Node. Quick when everything is there.
# Each part is tried; the end says what could not be had, and the exit code is the number of those.
#
#   tools/setup-real.sh            all parts
#   tools/setup-real.sh kafka ...  only the named ones: redis kafka python node
set -uo pipefail

cd "$(dirname "$0")/.."
build=test/build
mkdir -p "$build"
missing=()

note() { printf 'setup-real: %s\n' "$*"; }

# has FILE STAMP: whether the part made from FILE is the one that is there.
has() { [ -f "$2" ] && cmp -s "$1" "$2"; }

setup_redis() {
  if command -v redis-server >/dev/null; then
    note "redis: $(redis-server --version | cut -d' ' -f3)"
    return 0
  fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    note "redis: no redis-server here; install it with the system's package manager (7.0 or newer)"
    return 1
  fi
  note "redis: installing redis-server"
  # The tests start their own; the package must not leave one running on the usual port.
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq redis-server >"$build/redis.log" 2>&1 || {
    note "redis: apt-get could not install redis-server, see $build/redis.log"
    return 1
  }
}

setup_kafka() {
  local pom=test/launch/kafka/pom.xml into=$build/kafka
  if ! command -v java >/dev/null && [ ! -x "${JAVA_HOME:-}/bin/java" ]; then
    note "kafka: no java here; install a Java runtime, 17 or newer"
    return 1
  fi
  if has "$pom" "$into/pom.xml"; then
    note "kafka: $(basename "$(ls "$into"/kafka_2.13-*.jar)" .jar)"
    return 0
  fi
  if ! command -v mvn >/dev/null; then
    note "kafka: no mvn here; install Maven 3.8 or newer"
    return 1
  fi
  note "kafka: copying the jars of $pom"
  rm -rf "$into.part" "$into"
  mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$PWD/$into.part" >"$build/kafka.log" 2>&1 || {
    note "kafka: Maven could not fetch the jars, see $build/kafka.log"
    return 1
  }
  cp "$pom" "$into.part/pom.xml"
  mv "$into.part" "$into"
}

setup_python() {
  local wants=test/clients/requirements.txt venv=$build/venv
  [ -f "$wants" ] || { note "python: no $wants, nothing to do"; return 0; }
  if has "$wants" "$venv/requirements.txt"; then
    note "python: $("$venv/bin/python" --version)"
    return 0
  fi
  if ! command -v python3 >/dev/null; then
    note "python: no python3 here; install Python 3.10 or newer with its venv module"
    return 1
  fi
  note "python: installing $wants"
  rm -rf "$venv"
  { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$wants"; } >"$build/python.log" 2>&1 || {
    note "python: the packages could not be installed, see $build/python.log"
    return 1
  }
  cp "$wants" "$venv/requirements.txt"
}

setup_node() {
  local dir=test/clients
  [ -f "$dir/package.json" ] || { note "node: no $dir/package.json, nothing to do"; return 0; }
  if has "$dir/package-lock.json" "$dir/node_modules/.installed"; then
    note "node: $(node --version)"
    return 0
  fi
  if ! command -v npm >/dev/null; then
    note "node: no npm here; install Node 20 or newer"
    return 1
  fi
  note "node: installing $dir/package.json"
  local how=install
  [ -f "$dir/package-lock.json" ] && how=ci
  npm "$how" --prefix "$dir" --no-audit --no-fund --silent >"$build/node.log" 2>&1 || {
    note "node: the packages could not be installed, see $build/node.log"
    return 1
  }
  cp "$dir/package-lock.json" "$dir/node_modules/.installed"
}

[ $# -gt 0 ] || set -- redis kafka python node
for part in "$@"; do
  case $part in
    redis | kafka | python | node) "setup_$part" || missing+=("$part") ;;
    *) note "no such part: $part; know redis, kafka, python and node"; exit 64 ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then
  note "could not be had: ${missing[*]}; tests that need them are skipped (with CI=true they fail)"
fi
exit ${#missing[@]}
