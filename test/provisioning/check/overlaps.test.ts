import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { type LearntSource, overlapsOf } from '../../../src/provisioning/check/overlaps.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

const credentials = { authName: 'u', password: 'p' };
const system = (id: string, changes: Partial<TrunkInput>): TrunkInput => ({
  id,
  name: `s${id}`,
  type: 'ip',
  tenants: [{ tenant: 'acme', didPool: '100' }],
  ...changes,
});
const own = (id: string, owner: string, changes: Partial<TrunkInput>): TrunkInput => ({
  id,
  name: `o${id}`,
  type: 'register',
  owner,
  host: `${id}.example`,
  credentials,
  didPool: id,
  ...changes,
});

function overlaps(trunks: readonly TrunkInput[], learnt: Record<string, LearntSource[]> = {}): string[] {
  const directory = new Directory(provision({ tenants: [], trunks: [...trunks] }));
  return allAtOnce(overlapsOf(directory.trunks, ({ id }) => learnt[id] ?? [])).map(
    ({ kind, source, claims }) =>
      `${kind} ${source}: ${claims.map(({ trunk, claim, origin }) => `${trunk.id} ${claim} ${origin}`).join(', ')}`,
  );
}

test('brands, names and networks that several owners claim, narrower ones with the wider that hold them', () => {
  expect(
    overlaps([
      system('1', { brand: 'twilio', host: 'a.pstn.twilio.com', associatedIps: ['127.0.0.8/30'] }),
      own('2', 'globex', { host: 'b.pstn.twilio.com', associatedIps: [] }),
      own('3', 'globex', { associatedIps: ['127.0.0.9', '127.0.0.13'], outboundProxy: { host: 'P.example' } }),
      own('4', 'acme', { host: 'p.example.com', outboundProxy: { host: 'p.example' } }),
    ]).filter((line) => !/54\.|35\.|34\.|177\.|168\./.test(line)),
  ).toEqual([
    'brand twilio: 1 twilio settings, 2 twilio settings',
    'name p.example: 3 p.example settings, 4 p.example settings',
    'network 127.0.0.9: 1 127.0.0.8/30 settings, 3 127.0.0.9 settings',
  ]);
});

test('what one owner has twice is no overlap; one network claimed twice is listed once', () => {
  expect(
    overlaps([own('1', 'acme', { associatedIps: ['192.0.2.1'] }), own('2', 'acme', { host: '192.0.2.1' })]),
  ).toEqual([]);
  expect(
    overlaps([own('1', 'acme', { host: '2001:db8::1' }), own('2', 'globex', { associatedIps: ['2001:db8:0::1'] })]),
  ).toEqual(['network 2001:db8::1: 1 2001:db8::1 settings, 2 2001:db8::1 settings']);
});

test('addresses that the DNS or a registration has shown, with where they come from', () => {
  const trunks = [system('1', { host: '192.0.2.1' }), own('2', 'globex', {})];
  expect(overlaps(trunks)).toEqual([]);
  expect(overlaps(trunks, { 2: [{ address: '192.0.2.1', origin: 'dns' }] })).toEqual([
    'network 192.0.2.1: 1 192.0.2.1 settings, 2 192.0.2.1 dns',
  ]);
  expect(overlaps(trunks, { 2: [{ address: '::ffff:192.0.2.1', origin: 'registration' }] })).toEqual([
    'network 192.0.2.1: 1 192.0.2.1 settings, 2 192.0.2.1 registration',
  ]);
});
