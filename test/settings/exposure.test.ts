import { expect, test } from 'vitest';
import { httpDefaults, isLoopback } from '../../src/settings/exposure.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['[::1]', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['128.0.0.1', false],
  ['sip.example.com', false],
])('%s: loopback %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test('reference and metrics are open where only this machine can ask, else behind a token, unless the settings say so', () => {
  const defaults = (api: object) => httpDefaults(nodeSchema.parse({ api }));
  expect(defaults({})).toEqual({ docs: true, metricsAccess: 'public' });
  for (const host of ['0.0.0.0', '::', '192.0.2.7']) {
    expect(defaults({ host })).toEqual({ docs: false, metricsAccess: 'system' });
  }
  expect(defaults({ host: '0.0.0.0', docs: true, metricsAccess: 'public' })).toEqual({
    docs: true,
    metricsAccess: 'public',
  });
  expect(defaults({ docs: false, metricsAccess: 'system' })).toEqual({ docs: false, metricsAccess: 'system' });
});
