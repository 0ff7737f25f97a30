import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { documentOctets } from '../../../src/provisioning/tenants/document-octets.ts';
import { compactTenant, compactTrunk, sharedLike } from '../../../src/provisioning/trunk-settings/compact.ts';
import { provision } from '../../trunks/kit.ts';

const { tenants, trunks } = provision({
  tenants: ['acme', 'bolt'].map((name) => ({
    name,
    domain: `${name}.example.com`,
    extensions: [
      { number: '101', password: 'same', forward: { busy: '102' } },
      { number: '102', password: 'same' },
    ],
  })),
  trunks: ['1', '2'].map((id) => ({
    id,
    name: `trunk-${id}`,
    type: 'register' as const,
    owner: 'acme',
    host: `${id}.example.com`,
    credentials: { authName: 'u', password: 'p' },
    didPool: id,
    options: { singleVia: true },
  })),
});

test('what is kept of a tenant and a trunk says the same as what was written', () => {
  const written = structuredClone({ tenants, trunks });
  expect(tenants.map(compactTenant)).toEqual(written.tenants);
  expect(trunks.map(compactTrunk)).toEqual(written.trunks);
});

test('what two have in common is there once; what is their own, secrets with it, is not shared', () => {
  const [acme, bolt] = tenants.map(compactTenant);
  const [one, two] = trunks.map(compactTrunk);
  if (acme === undefined || bolt === undefined || one === undefined || two === undefined) expect.unreachable();
  expect(bolt.dialCodes).toBe(acme.dialCodes);
  expect(bolt.groups).toBe(acme.groups);
  expect(bolt.extensions[1]?.forward).toBe(acme.extensions[1]?.forward);
  expect(acme.extensions[0]?.forward).not.toBe(acme.extensions[1]?.forward);
  expect(bolt.extensions[0]).not.toBe(acme.extensions[0]);
  expect(two.options).toBe(one.options);
  expect(two.credentials).not.toBe(one.credentials);
});

test('a field that is undefined stays one, and one that is not there is not there', () => {
  const [acme] = tenants;
  if (acme === undefined) expect.unreachable();
  const written = [
    { ...acme, limits: { concurrentCalls: undefined } },
    { ...acme, limits: {} },
  ];
  const before = structuredClone(written);
  expect(written.map(compactTenant)).toStrictEqual(before);
});

test('what is shared cannot be changed by whoever has it', () => {
  const [acme] = tenants.map(compactTenant);
  if (acme === undefined) expect.unreachable();
  expect(() => (acme.groups as unknown[]).push({})).toThrow(TypeError);
});

test('a document that nobody may change is kept as one that anybody may', () => {
  const [one, two] = structuredClone(trunks);
  const [acme] = structuredClone(tenants);
  if (acme === undefined || one === undefined || two === undefined) expect.unreachable();
  const frozen = Object.freeze({ ...acme, extensions: acme.extensions.map((extension) => Object.freeze(extension)) });
  expect(compactTenant(frozen)).toEqual(acme);
  expect(compactTrunk(Object.freeze(one)).options).toBe(compactTrunk(two).options);
});

test('what is found does not go for those that come, though there is room for no more', () => {
  const first = sharedLike({ first: true }, 'kind of 5,000');
  for (let at = 1; at < 5_000; at++) sharedLike({ at }, 'kind of 5,000');
  expect(sharedLike({ first: true }, 'kind of 5,000')).toBe(first);
  sharedLike({ at: 5_000 }, 'kind of 5,000');
  expect(sharedLike({ first: true }, 'kind of 5,000'), 'as many as that are kept, and no more').not.toBe(first);
});

test('of a tenant whose length is known it stays known, for what is changed later', () => {
  const written = provision({
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        extensions: Array.from({ length: 1_000 }, (_each, at) => ({ number: String(1_000 + at), password: 'p' })),
      },
    ],
  }).tenants[0];
  if (written === undefined) expect.unreachable();
  const octets = allAtOnce(documentOctets(written));
  const kept = compactTenant(written);
  expect(documentOctets(kept).next()).toEqual({ done: true, value: octets });
});
