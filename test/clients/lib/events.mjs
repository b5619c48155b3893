// Reads an event file (CSV, plain or gzip) and yields its rows in event-time
// order, under the names that a shop would send to Customer.io.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { createHash } from 'node:crypto';

const CANONICAL = {
  view: 'Product Viewed',
  cart: 'Product Added',
  checkout: 'Checkout Started',
  order: 'Order Completed',
};

// parseMapping turns "view=clicks,cart=carts,order=orders" into
// { clicks: 'Product Viewed', carts: 'Product Added', ... }. It throws for a role that nobody knows.
export function parseMapping(text) {
  const names = {};
  for (const pair of text.split(',').filter(Boolean)) {
    const at = pair.indexOf('=');
    const role = pair.slice(0, at);
    if (at < 0 || !CANONICAL[role]) {
      throw new Error(`--map: "${pair}" is not role=name with a role out of ${Object.keys(CANONICAL).join(', ')}`);
    }
    names[pair.slice(at + 1)] = CANONICAL[role];
  }
  return names;
}

function splitRow(line) {
  if (!line.includes('"')) return line.split(',');
  const fields = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === '"' && quoted && line[i + 1] === '"') {
      field += '"';
      i++;
    } else if (c === '"') {
      quoted = !quoted;
    } else if (c === ',' && !quoted) {
      fields.push(field);
      field = '';
    } else {
      field += c;
    }
  }
  fields.push(field);
  return fields;
}

function toEvent(row, number, names) {
  const properties = {};
  for (const key of ['product_id', 'category', 'session_id', 'order_id']) {
    if (row[key]) properties[key] = row[key];
  }
  if (row.price) properties.price = Number(row.price);
  const time = new Date(row.event_time);
  if (Number.isNaN(time.getTime())) {
    throw new Error(`row ${number}: event_time "${row.event_time}" is no RFC 3339 time`);
  }
  return {
    id: row.event_id || `row:${String(number).padStart(9, '0')}`,
    userId: row.user_id,
    name: names[row.event_name] ?? row.event_name,
    time,
    properties,
  };
}

// readEvents gives the rows of a file, sorted by event time with ties in file
// order. Rows without a person are left out and counted, since no official
// client sends them. limit = 0 reads all.
export async function readEvents(path, names, limit) {
  const file = createReadStream(path);
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  file.on('error', (err) => input.destroy(err));
  let header;
  let number = 0;
  let nameless = 0;
  const events = [];
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (!line) continue;
    const fields = splitRow(line);
    if (!header) {
      header = fields;
      continue;
    }
    number++;
    const row = Object.fromEntries(header.map((key, i) => [key, fields[i] ?? '']));
    if (!row.user_id) {
      nameless++;
      continue;
    }
    events.push(toEvent(row, number, names));
    if (limit > 0 && events.length >= limit) break;
  }
  events.sort((a, b) => a.time - b.time);
  return { events, nameless };
}

// withRedelivery repeats every n-th event right after itself, under the same id.
export function withRedelivery(events, n) {
  if (!(n > 0)) return events;
  return events.flatMap((event, i) => ((i + 1) % n === 0 ? [event, event] : [event]));
}

// withIdentify puts an identify call, at the same instant, before the first event of each person.
export function withIdentify(events) {
  const known = new Set();
  return events.flatMap((event) => {
    if (known.has(event.userId)) return [event];
    known.add(event.userId);
    const { userId, time } = event;
    return [{ id: `identify:${userId}`, userId, time, email: `${userId}@shopper.example` }, event];
  });
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

// ulid derives a ULID from an event: its time, and 80 bits out of the hash of
// its id, so that a repeat carries the same one.
export function ulid(event) {
  const hash = createHash('sha256').update(event.id).digest();
  let bits = BigInt(event.time.getTime());
  for (let i = 0; i < 10; i++) bits = (bits << 8n) | BigInt(hash[i]);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = CROCKFORD[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}
