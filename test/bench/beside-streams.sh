#!/usr/bin/env bash
# The processor and Kafka Streams on the same workload, by turns on this machine:
# events per second and per CPU-second. Needs Java 17, Maven, Python 3, bc, and the
# folder of peers beside the project (PEERS, default ../shared/peers).
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=${PEERS:-../shared/peers}
rounds=${ROUNDS:-2}
[ -d "$peers" ] || { echo "no $peers: the peer is not part of this project; set PEERS to its folder" >&2; exit 1; }
copy=build/peers
mkdir -p build
[ -d $copy ] || { cp -r "$peers" $copy && chmod -R u+w $copy; }
workload=$copy/build/w2m.csv
mkdir -p $copy/build
[ -e $workload ] || python3 $copy/workload/generate.py --users 200000 --events 2000000 --seed 1 -o $workload
go build -o build/throughput ./test/bench/throughput
for round in $(seq "$rounds"); do
  echo "== round $round: Kafka Streams, exactly once"
  for kind in "eos rocksdb heap" "eos memory heap"; do
    (cd $copy && REPEAT=1 ./run.sh throughput "$kind" | grep -v "^$")
  done
  (cd $copy && kafka/start-kafka.sh stop build/k1 >/dev/null 2>&1 || true)
  echo "== round $round: cohortflow"
  ./build/throughput --file $workload --repeat 2
  echo "== round $round: cohortflow, with the memory that Kafka Streams is given"
  GOGC=400 GOMEMLIMIT=1GiB ./build/throughput --file $workload --repeat 2
done
