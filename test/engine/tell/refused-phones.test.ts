import { expect, test } from 'vitest';
import { RefusedPhones } from '../../../src/engine/tell/refused-phones.ts';
import type { RegisterRefused } from '../../../src/registrar/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const refused = (of: Partial<RegisterRefused> = {}): RegisterRefused => ({
  status: 401,
  reason: 'Unauthorized',
  domain: 'acme.example',
  host: 'acme.example',
  sourceAddress: '192.0.2.7',
  username: '101',
  digest: 'password',
  ...of,
});

test('a phone is told of with what is wrong, and again after ten minutes', () => {
  const clock = new VirtualScheduler();
  const phones = new RefusedPhones(clock);
  const phone = {
    addressOfRecord: '101@acme.example',
    source: '192.0.2.7',
    reason: '401: wrong password',
    domain: 'acme.example',
  };
  expect(phones.told(refused(), undefined)).toEqual(phone);
  clock.advance(599_000);
  expect(phones.told(refused(), undefined)).toBeUndefined();
  expect(phones.told(refused({ digest: 'unknown-user', username: '109' }), undefined)?.reason).toBe(
    '401: no extension has this number',
  );
  clock.advance(1_000);
  expect(phones.told(refused(), undefined)).toEqual(phone);
});

test('a host that nobody has is told with what to do; what the next try mends, and a guess that goes on, are not', () => {
  const phones = new RefusedPhones(new VirtualScheduler());
  const { digest: _, username: __, ...stranger } = refused({ status: 404, host: '192.0.2.1', domain: undefined });
  expect(phones.told(stranger, 'set its domain')).toMatchObject({
    addressOfRecord: '192.0.2.1',
    reason: '404: set its domain',
  });
  for (const digest of ['nonce-expired', 'throttled'] as const)
    expect(phones.told(refused({ digest }), undefined)).toBeUndefined();
  const { digest: ___, ...brief } = refused({ status: 423, reason: 'Interval Too Brief' });
  expect(phones.told(brief, undefined)).toBeUndefined();
});

test('what no further try mends is told, with the words of the answer where there are no better', () => {
  const phones = new RefusedPhones(new VirtualScheduler());
  const reasonOf = (of: Partial<RegisterRefused>) => phones.told(refused(of), undefined)?.reason;
  expect(reasonOf({ status: 400, digest: 'uri' })).toBe(
    '400: the phone signs for another address than it registers at',
  );
  expect(reasonOf({ status: 400, digest: 'malformed' })).toBe('400: credentials that cannot be read');
  const { digest: _, ...known } = refused();
  for (const [status, reason] of [
    [400, 'One Contact Per Flow'],
    [420, 'Bad Extension'],
    [439, 'First Hop Lacks Outbound Support'],
    [503, 'Too Many Registrations'],
  ] as const)
    expect(phones.told({ ...known, status, reason }, undefined)).toMatchObject({
      addressOfRecord: '101@acme.example',
      reason: `${status}: ${reason}`,
    });
});

test('who guesses names has three quarters of what is told of a domain in a minute, and hides neither another’s phone nor another domain', () => {
  const clock = new VirtualScheduler();
  const phones = new RefusedPhones(clock);
  const guess = (at: number) => phones.told(refused({ username: `u${at}`, digest: 'unknown-user' }), undefined);
  const told = () => Array.from({ length: 500 }, (_, at) => guess(at)).filter((phone) => phone !== undefined).length;
  const other = (sourceAddress: string, username: string) =>
    phones.told(refused({ sourceAddress, username }), undefined)?.addressOfRecord;
  expect(told()).toBe(15);
  expect(other('198.51.100.7', '102')).toBe('102@acme.example');
  // All addresses of a /64 are those of one host.
  const ofOneHost = Array.from({ length: 500 }, (_, at) => other(`2001:db8::${at.toString(16)}`, `v${at}`));
  expect(ofOneHost.filter(Boolean)).toHaveLength(3);
  expect(other('198.51.100.8', '103')).toBe('103@acme.example');
  expect(phones.told(refused({ domain: 'bolt.example', host: 'bolt.example' }), undefined)).toBeDefined();
  clock.advance(60_000);
  expect(told()).toBe(15);
});

test('who guesses at several domains for long hides no other one', () => {
  const clock = new VirtualScheduler();
  const phones = new RefusedPhones(clock);
  const told = (of: Partial<RegisterRefused>) => phones.told(refused(of), undefined) !== undefined;
  for (let minute = 0; minute < 10; minute++) {
    for (let name = 0; name < 20; name++)
      for (const domain of 'abcdef')
        told({ domain, host: domain, username: `${minute}-${name}`, sourceAddress: `192.0.2.${name}` });
    expect(told({ domain: 'quiet.example', host: 'quiet.example', username: `${minute}` })).toBe(true);
    clock.advance(60_000);
  }
  // Of all domains together so many are told in a minute, whoever guesses.
  const inOneMinute = Array.from({ length: 5000 }, (_, at) => told({ domain: `d${at % 500}`, username: `${at}` }));
  expect(inOneMinute.filter(Boolean)).toHaveLength(1000);
});
