// Sends an event file through one official Node client, unchanged, in event-time
// order, and prints {"client", "sent", "errors", "nameless"} as one JSON line.
// "sent" counts calls whose delivery the client reported as done, repeats included.
//
//   node send.mjs --client segment|cdp|track|pipelines --url http://127.0.0.1:8080
//     --key KEY [--site SITE] --file events.csv[.gz] --map view=...,cart=...,order=...
//     [--limit N] [--redeliver N] [--batch 100] [--in-flight 1] [--identify]
import { parseArgs } from 'node:util';
import { drivers } from './lib/drivers.mjs';
import { parseMapping, readEvents, withIdentify, withRedelivery } from './lib/events.mjs';

const { values: args } = parseArgs({
  options: {
    client: { type: 'string' },
    url: { type: 'string' },
    key: { type: 'string' },
    site: { type: 'string', default: 'site' },
    file: { type: 'string' },
    map: { type: 'string', default: '' },
    limit: { type: 'string', default: '0' },
    redeliver: { type: 'string', default: '0' },
    batch: { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '1' },
    identify: { type: 'boolean', default: false },
  },
});

function number(name) {
  const n = Number(args[name]);
  if (!Number.isInteger(n) || n < 0) throw new Error(`--${name}: "${args[name]}" is no whole number of 0 or more`);
  return n;
}

async function main() {
  for (const name of ['client', 'url', 'key', 'file']) {
    if (!args[name]) throw new Error(`--${name} is needed`);
  }
  const make = drivers[args.client];
  if (!make) throw new Error(`--client: "${args.client}" is none of ${Object.keys(drivers).join(', ')}`);

  const { events, nameless } = await readEvents(args.file, parseMapping(args.map), number('limit'));
  const repeated = withRedelivery(events, number('redeliver'));
  const queue = args.identify ? withIdentify(repeated) : repeated;
  const batch = Math.max(1, number('batch'));
  const driver = make({
    url: args.url,
    key: args.key,
    site: args.site,
    batch,
    inFlight: Math.max(1, number('in-flight')),
  });

  let errors = 0;
  for (let i = 0; i < queue.length; i += batch) {
    errors += await driver.send(queue.slice(i, i + batch), i + batch >= queue.length);
  }
  const identified = queue.length - repeated.length;
  console.log(JSON.stringify({ client: args.client, sent: queue.length - errors, errors, nameless, identified }));
  for (const line of driver.report()) console.error(line);
  process.exitCode = errors > 0 ? 1 : 0;
}

main().catch((err) => {
  console.error(`send.mjs: ${err.message}`);
  process.exitCode = 2;
});
