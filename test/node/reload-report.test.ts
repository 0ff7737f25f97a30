import { expect, test } from 'vitest';
import { settingsReport } from '../../src/node/reload-report.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const settings = (more: object = {}) => nodeSchema.parse(more);

test('names each setting that has changed, and whether it is in force or waits for a restart', () => {
  const next = settings({
    api: { port: 9090 },
    log: { level: 'warn' },
    timers: { ringMs: 60_000 },
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 5070 }],
  });
  expect(settingsReport(settings(), next)).toEqual({
    applied: ['log.level'],
    needsRestart: ['listen', 'api.port', 'timers.ringMs'],
  });
});

test('a listener by its place, its certificate in force at once', () => {
  const listen = { transport: 'tls', host: '127.0.0.1', port: 5061, certificate: 'a.pem', key: 'a.key' };
  const next = settings({ listen: [{ ...listen, port: 5062, certificate: 'b.pem' }] });
  expect(settingsReport(settings({ listen: [listen] }), next)).toEqual({
    applied: ['listen[0].certificate'],
    needsRestart: ['listen[0].port'],
  });
});

test('lists of names, fields that come and go', () => {
  const next = settings({
    provisioning: ['a.yaml'],
    advertise: { publicHost: '203.0.113.7' },
    dns: { servers: ['192.0.2.53'] },
  });
  expect(settingsReport(settings(), next)).toEqual({
    applied: ['provisioning'],
    needsRestart: ['advertise.publicHost', 'dns.servers'],
  });
  expect(settingsReport(next, next)).toEqual({ applied: [], needsRestart: [] });
});

test('media relays, in force at once', () => {
  const relays = (...weights: number[]) =>
    settings({ mediaRelays: weights.map((weight, index) => ({ url: `udp://192.0.2.1:${2000 + index}`, weight })) });
  expect(settingsReport(relays(1), relays(2))).toEqual({ applied: ['mediaRelays[0].weight'], needsRestart: [] });
  expect(settingsReport(relays(), relays(1, 1))).toEqual({ applied: ['mediaRelays'], needsRestart: [] });
});

test('what is as at the start again has changed too', () => {
  const started = settings();
  const listen = [{ transport: 'tcp', host: '127.0.0.1', port: 5080 }];
  const before = settings({ listen, log: { level: 'debug' }, mediaRelays: [{ url: 'udp://192.0.2.1:2223' }] });
  expect(settingsReport(started, started, started.listen, before)).toEqual({
    applied: ['listen', 'log.level', 'mediaRelays'],
    needsRestart: [],
  });
});

test('listeners that a reload has opened or left are in force; what has changed of one that stayed waits', () => {
  const [one, two] = [
    { transport: 'udp', host: '127.0.0.1', port: 5060, name: 'main' },
    { transport: 'tcp', host: '127.0.0.1', port: 5080 },
  ];
  const started = settings({ listen: [one] });
  const next = settings({ listen: [{ ...one, port: 5070 }, two] });
  expect(settingsReport(started, next, settings({ listen: [one, two] }).listen)).toEqual({
    applied: ['listen'],
    needsRestart: ['listen[0].port'],
  });
});
