// One driver for each official client. A driver has send(items, last), which
// resolves once the server has answered for all of them, and counts what the
// client itself reports as failed; the client alone decides to retry. An item is
// an event, or an identify call where it carries an email.
import { Analytics as SegmentAnalytics } from '@segment/analytics-node';
import { Analytics as CustomerioAnalytics } from '@customerio/cdp-analytics-node';
import { PipelinesClient, TrackClient } from 'customerio-node';
import { ulid } from './events.mjs';

// The two batch clients share a constructor and an event vocabulary. A full
// batch leaves by itself; only closing sends the rest in both. Both emit one
// event for each call once its fate is known (a callback would come 300 ms late);
// waiting for all of them keeps a retried batch ahead of its successors.
function batching(Analytics, settings) {
  const analytics = new Analytics({ flushInterval: 500, ...settings });
  const errors = [];
  let open = 0;
  let wake = () => {};
  const settled = () => {
    open--;
    if (open === 0) wake();
  };
  analytics.on('track', settled);
  analytics.on('identify', settled);
  analytics.on('error', (err) => {
    errors.push(err);
    settled();
  });

  return {
    async send(items, last) {
      const before = errors.length;
      open = items.length;
      const answered = new Promise((resolve) => (wake = resolve));
      for (const item of items) {
        const common = { userId: item.userId, timestamp: item.time, messageId: item.id };
        if (item.email) {
          analytics.identify({ ...common, traits: { email: item.email } });
        } else {
          analytics.track({ ...common, event: item.name, properties: item.properties });
        }
      }
      if (last) await analytics.closeAndFlush();
      await answered;
      return errors.length - before;
    },
    report: () => errors.slice(0, 3).map((err) => `${err.code ?? err.name}: ${err.reason?.message ?? err.message ?? ''}`),
  };
}

// The single-call clients send one request an event. Up to `inFlight` calls run
// together, never two of one person, so that the order of each person holds
// even while one of them is being retried.
function single(call, inFlight) {
  const errors = [];

  async function window(items) {
    const results = await Promise.allSettled(items.map(call));
    const failed = results.filter((r) => r.status === 'rejected');
    errors.push(...failed.map((r) => r.reason));
    return failed.length;
  }

  return {
    async send(items) {
      let failed = 0;
      let group = [];
      for (const item of items) {
        if (group.length >= inFlight || group.some((other) => other.userId === item.userId)) {
          failed += await window(group);
          group = [];
        }
        group.push(item);
      }
      return failed + (await window(group));
    },
    report: () => errors.slice(0, 3).map((err) => `${err.statusCode ?? err.name}: ${err.message}`),
  };
}

const root = (url) => url.replace(/\/+$/, '');
const seconds = (time) => Math.floor(time.getTime() / 1000);

// drivers maps the name of a client to its constructor. Options: url, key, site,
// batch (events a request), inFlight (single calls at once).
export const drivers = {
  segment: (o) =>
    batching(SegmentAnalytics, { writeKey: o.key, host: root(o.url), flushAt: o.batch, maxRetries: 10 }),

  cdp: (o) =>
    batching(CustomerioAnalytics, { writeKey: o.key, host: root(o.url), maxEventsInBatch: o.batch, maxRetries: 10 }),

  pipelines: (o) => {
    const client = new PipelinesClient(o.key, { url: `${root(o.url)}/v1` });
    return single((item) => {
      const common = { userId: item.userId, timestamp: item.time.toISOString(), messageId: item.id };
      return item.email
        ? client.identify({ ...common, traits: { email: item.email } })
        : client.track({ ...common, event: item.name, properties: item.properties });
    }, o.inFlight);
  },

  // The Track API knows whole seconds only: compare with an answer whose times were cut likewise.
  track: (o) => {
    const client = new TrackClient(o.site, o.key, { url: `${root(o.url)}/api/v1` });
    return single((item) => {
      const timestamp = seconds(item.time);
      return item.email
        ? client.identify(item.userId, { email: item.email, _timestamp: timestamp })
        : client.track(item.userId, { name: item.name, id: ulid(item), timestamp, data: item.properties });
    }, o.inFlight);
  },
};
