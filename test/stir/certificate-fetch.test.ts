import { expect, test } from 'vitest';
import { Egress } from '../../src/base/egress.ts';
import { certificateFetch } from '../../src/stir/certificate-fetch.ts';

// What real servers do to it: test/end-to-end/trunks/stir-verify.test.ts.
const OWN = '203.0.113.5';
const names: Readonly<Record<string, readonly string[]>> = {
  'own.example': [OWN],
  'inward.example': ['10.0.0.1', '169.254.169.254'],
};
const owners: string[] = [];
const fetch = certificateFetch({
  maxOctets: 65_536,
  egress: new Egress({ isOwn: (address, port) => address === OWN && port === 8443, setting: 'stir.fetch.allow' }),
  addressesOf: async (host, _port, owner) => {
    owners.push(owner);
    return names[host] ?? Promise.reject(new Error(`${host} is not known`));
  },
  own: {
    isAt: (address, port) => address === OWN && port === 8443,
    file: (path) => (path === '/stir/acme.pem' ? 'the chain' : undefined),
  },
});
const get = (url: string, signal = new AbortController().signal) => fetch(new URL(url), signal, 'acme');

test('what this engine serves itself is there without a connection', async () => {
  const { octets, mayBeStale } = await get('https://own.example:8443/stir/acme.pem');
  expect([octets.toString(), mayBeStale]).toEqual(['the chain', false]);
  // Its host was looked up apart from what the tenant itself names.
  expect(owners).toEqual(['acme|callers']);
});

test('anything else of its own is refused', async () => {
  await expect(get('https://own.example:8443/api/v1/trunks')).rejects.toThrow('is this engine itself');
});

test('a name that leads inward is refused with the setting that would admit it', async () => {
  await expect(get('https://inward.example/a.pem')).rejects.toThrow(
    /10\.0\.0\.1 is not a public address .*stir\.fetch\.allow/,
  );
});

test('a name that is not known, and a call that has gone', async () => {
  await expect(get('https://none.example/a.pem')).rejects.toThrow('is not known');
  await expect(get('https://own.example:8443/stir/acme.pem', AbortSignal.abort())).rejects.toThrow();
});
