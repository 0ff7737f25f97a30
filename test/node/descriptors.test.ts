import { expect, test } from 'vitest';
import { descriptorsOfProcess, withinDescriptors } from '../../src/node/descriptors.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const settings = nodeSchema.parse({});
const connections = (limit: number, used: number) => {
  const { limits, api } = withinDescriptors(settings, { limit, used });
  return { sip: limits.connections, http: api.connections };
};

test('with descriptors for all, the settings are as they are', () => {
  expect(withinDescriptors(settings, { limit: 65_536, used: 50 })).toBe(settings);
  expect(withinDescriptors(settings, undefined)).toBe(settings);
});

test('with few, HTTP gets a quarter of what is left, a quarter is kept for files, DNS and webhooks, and SIP gets the rest', () => {
  // Two listeners, HTTP, and four files.
  expect(connections(64, 37)).toEqual({ sip: 10, http: 5 });
  expect(connections(1024, 44)).toEqual({ sip: 486, http: 243 });
  expect(connections(10_051, 44)).toEqual({ sip: 8744, http: 1000 });
});

test('with none left there is still one of each', () => {
  expect(connections(64, 64)).toEqual({ sip: 1, http: 1 });
});

test('fewer that are set stay fewer', () => {
  const few = nodeSchema.parse({ limits: { connections: 20 }, api: { connections: 10 } });
  const { limits, api } = withinDescriptors(few, { limit: 1024, used: 44 });
  expect([limits.connections, api.connections]).toEqual([20, 10]);
});

test('the process knows its own on Linux', () => {
  const { limit = 0, used = 0 } = descriptorsOfProcess() ?? {};
  expect(used).toBeGreaterThan(2);
  expect(limit).toBeGreaterThan(used);
});
