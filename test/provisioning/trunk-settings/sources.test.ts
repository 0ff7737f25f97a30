import { expect, test } from 'vitest';
import { canonicalHost } from '../../../src/provisioning/trunk-settings/sources.ts';

test('all spellings of the loopback are one host, and any other name is itself, whatever objects have by that name', () => {
  const loopback = canonicalHost('127.0.0.1');
  expect(['localhost', 'LocalHost.', 'a.localhost', '0.0.0.0'].map(canonicalHost)).toEqual(Array(4).fill(loopback));
  expect(['::', '[0:0::0]'].map(canonicalHost)).toEqual(Array(2).fill(canonicalHost('[::1]')));
  for (const host of ['constructor', 'carrier.example.com']) expect(canonicalHost(`${host}.`)).toBe(host);
});
