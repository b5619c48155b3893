"""Reads topics to their end with Confluent's own client and Avro deserialiser.

Nothing here knows the schemas: they come from the registry, by the id in each
record. Prints one JSON object: per topic the number of records, of tombstones
and of keys that are text, and one decoded sample. Exits with 1 when a record
cannot be decoded or when a topic that was named in --expect-records is empty.
"""

import argparse
import json
import sys
import uuid

from confluent_kafka import OFFSET_BEGINNING, DeserializingConsumer, TopicPartition
from confluent_kafka.error import ConsumeError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import StringDeserializer


def plain(value):
    """A decoded value as JSON can say it."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def read(args, registry, topic):
    consumer = DeserializingConsumer({
        "bootstrap.servers": args.brokers,
        "group.id": f"read-topics-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": False,
        "key.deserializer": StringDeserializer("utf_8"),
        "value.deserializer": AvroDeserializer(registry),
    })
    report = {"records": 0, "tombstones": 0, "keyed": 0, "sample": None}
    try:
        metadata = consumer.list_topics(topic, timeout=args.timeout).topics[topic]
        if metadata.error is not None:
            raise SystemExit(f"read_topics.py: topic {topic}: {metadata.error}")
        ends = {}
        for partition in metadata.partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=args.timeout)
            if high > low:
                ends[partition] = high
        if not ends:
            return report
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
        while ends:
            message = consumer.poll(args.timeout)
            if message is None:
                raise SystemExit(f"read_topics.py: topic {topic}: nothing came for {args.timeout} s, "
                                 f"still before the end of partitions {sorted(ends)}")
            if message.error():
                raise SystemExit(f"read_topics.py: topic {topic}: {message.error()}")
            if message.offset() + 1 >= ends.get(message.partition(), 0):
                ends.pop(message.partition(), None)
            report["records"] += 1
            report["keyed"] += message.key() is not None
            if message.value() is None:
                report["tombstones"] += 1
            elif report["sample"] is None or args.last:
                report["sample"] = plain(message.value())
    except ConsumeError as err:
        record = err.kafka_message
        place = f"{record.partition()}@{record.offset()}" if record else "?"
        raise SystemExit(f"read_topics.py: topic {topic}, record {place}: {err}") from err
    finally:
        consumer.close()
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--registry", required=True, help="http://host:port")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for the next record")
    parser.add_argument("--expect-records", action="append", default=[], metavar="TOPIC")
    parser.add_argument("--last", action="store_true", help="keep the last record as sample, not the first")
    parser.add_argument("topics", nargs="+")
    args = parser.parse_args()
    registry = SchemaRegistryClient({"url": args.registry})
    reports = {topic: read(args, registry, topic) for topic in args.topics}
    print(json.dumps(reports, ensure_ascii=False))
    empty = [t for t in args.expect_records if reports.get(t, {}).get("records", 0) == 0]
    if empty:
        print(f"read_topics.py: no records in {', '.join(empty)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
