"""Sends an event file through customerio-cdp-analytics, unchanged.

Events go in event-time order over the client's one sending thread, gzip-packed
by default, so a batch that is retried stays ahead of its successors. Prints
{"client", "sent", "errors", "nameless"} as one JSON line.
"""

import argparse
import csv
import gzip
import json
import logging
import sys
from datetime import datetime, timezone

from customerio.analytics.client import Client

CANONICAL = {
    "view": "Product Viewed",
    "cart": "Product Added",
    "checkout": "Checkout Started",
    "order": "Order Completed",
}


def parse_mapping(text):
    names = {}
    for pair in filter(None, text.split(",")):
        role, _, name = pair.partition("=")
        if role not in CANONICAL or not name:
            raise SystemExit(f'send.py: --map: "{pair}" is not role=name with a role out of {", ".join(CANONICAL)}')
        names[name] = CANONICAL[role]
    return names


def read_events(path, names, limit):
    """Rows with a person, sorted by event time with ties in file order, and the number of rows without one."""
    opener = gzip.open if path.endswith(".gz") else open
    events, nameless = [], 0
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            if not row["user_id"]:
                nameless += 1
                continue
            properties = {k: row[k] for k in ("product_id", "category", "session_id", "order_id") if row.get(k)}
            if row.get("price"):
                properties["price"] = float(row["price"])
            events.append({
                "message_id": row.get("event_id") or f"row:{number:09d}",
                "user_id": row["user_id"],
                "event": names.get(row["event_name"], row["event_name"]),
                "properties": properties,
                "timestamp": datetime.fromisoformat(row["event_time"].replace("Z", "+00:00")).astimezone(timezone.utc),
            })
            if limit and len(events) >= limit:
                break
    events.sort(key=lambda e: e["timestamp"])
    return events, nameless


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", default="cdp-python", help="label for the report")
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--site", default="", help="not used: Pipelines knows a write key only")
    parser.add_argument("--file", required=True)
    parser.add_argument("--map", default="")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--redeliver", type=int, default=0)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--sync", action="store_true", help="one request an event, in the calling thread")
    parser.add_argument("--no-gzip", action="store_true")
    parser.add_argument("--identify", action="store_true")
    args = parser.parse_args()

    logging.getLogger("customerio").setLevel(logging.CRITICAL)
    events, nameless = read_events(args.file, parse_mapping(args.map), args.limit)
    errors = []
    client = Client(
        args.key,
        host=args.url,
        gzip=not args.no_gzip,
        sync_mode=args.sync,
        upload_size=args.batch,
        max_queue_size=max(10_000, 3 * len(events)),
        on_error=lambda err, batch: errors.append((err, len(batch))),
    )
    sent, known = 0, set()

    def call(method, **fields):
        nonlocal sent
        sent += 1
        try:
            ok, _ = method(**fields)
            if not ok:
                errors.append((RuntimeError("the client's queue is full"), 1))
        except Exception as err:  # the synchronous mode raises what the other reports
            errors.append((err, 1))

    for number, event in enumerate(events, 1):
        user = event["user_id"]
        if args.identify and user not in known:
            known.add(user)
            call(client.identify, user_id=user, traits={"email": f"{user}@shopper.example"},
                 timestamp=event["timestamp"], message_id=f"identify:{user}")
        for _ in range(2 if args.redeliver and number % args.redeliver == 0 else 1):
            call(client.track, **event)
    if not args.sync:
        client.flush()
        client.join()
    failed = sum(n for _, n in errors)
    print(json.dumps({"client": args.client, "sent": sent - failed, "errors": failed,
                      "nameless": nameless, "identified": len(known)}))
    for err, _ in errors[:3]:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
