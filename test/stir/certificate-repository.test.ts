import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import type { FetchedFile } from '../../src/stir/certificate-fetch.ts';
import { CertificateRepository } from '../../src/stir/certificate-repository.ts';
import type { Trust } from '../../src/stir/trust.ts';
import { stirWorld } from '../kit/stir/authority.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const world = stirWorld();
const CHAIN = world.leaf([{ spc: '1234' }]).chainPem;
const HOUR_MS = 3_600_000;
const url = (path: string, host = 'certs.example') => new URL(`https://${host}/${path}`);

function repository(options: { waitingCalls?: number } = {}) {
  const scheduler = new VirtualScheduler();
  const fetches: {
    readonly href: string;
    answer(file?: Partial<FetchedFile>): Promise<void>;
    readonly signal: AbortSignal;
  }[] = [];
  const believe = (next: Trust) => {
    trust = next;
  };
  let trust: Trust = { anchors: [new X509Certificate(world.root.pem)], revocationLists: [] };
  const made = new CertificateRepository({
    scheduler,
    timeoutMs: 2000,
    waitingCalls: 1000,
    trust: () => trust,
    fetch: ({ href }, signal) =>
      new Promise((resolve, reject) => {
        const answer = async (file?: Partial<FetchedFile>) => {
          if (file === undefined) reject(new Error('the answer is 404'));
          else resolve({ octets: Buffer.from(CHAIN), freshMs: HOUR_MS, mayBeStale: true, ...file });
          await settle();
        };
        fetches.push({ href, answer, signal });
      }),
    ...options,
  });
  return { made, scheduler, fetches, believe };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('one fetch for all who wait; known at once from then on, for as long as the answer is fresh', async () => {
  const { made, fetches, scheduler } = repository();
  const waiting = [made.signer(url('a'), 'acme'), made.signer(url('a'), 'acme')];
  expect([fetches.length, made.waiting]).toEqual([1, 2]);
  await fetches[0]?.answer({});
  expect(await Promise.all(waiting)).toMatchObject([{ name: 'CN=SHAKEN 1234' }, { name: 'CN=SHAKEN 1234' }]);
  expect(made.signer(url('a'), 'acme')).toMatchObject({ name: 'CN=SHAKEN 1234' });
  scheduler.advance(HOUR_MS);
  expect(made.signer(url('a'), 'acme')).toBeInstanceOf(Promise);
  expect(fetches).toHaveLength(2);
  await fetches[1]?.answer({});
  expect(made.waiting).toBe(0);
});

test('an answer that is not to be kept is for those who waited', async () => {
  const { made, fetches } = repository();
  const waiting = made.signer(url('a'), 'acme');
  await fetches[0]?.answer({ freshMs: 0, mayBeStale: false });
  expect(await waiting).toMatchObject({ name: 'CN=SHAKEN 1234' });
  expect(made.size).toBe(0);
  void made.signer(url('a'), 'acme');
  expect(fetches).toHaveLength(2);
});

test('an old copy is used while no new one can be had, for a day at most', async () => {
  const { made, fetches, scheduler } = repository();
  void made.signer(url('a'), 'acme');
  await fetches[0]?.answer({});
  scheduler.advance(HOUR_MS);
  const again = made.signer(url('a'), 'acme');
  await fetches[1]?.answer();
  expect(await again).toMatchObject({ name: 'CN=SHAKEN 1234' });
  scheduler.advance(24 * HOUR_MS);
  const late = made.signer(url('a'), 'acme');
  await fetches[2]?.answer();
  expect(await late).toMatchObject({ status: 436 });
});

test('the time limit ends a fetch, and the failure is remembered for half a minute', async () => {
  const { made, fetches, scheduler } = repository();
  const waiting = made.signer(url('a'), 'acme');
  scheduler.advance(2000);
  await settle();
  expect(await waiting).toMatchObject({ status: 436, reason: expect.stringContaining('no answer in 2000 ms') });
  expect(fetches[0]?.signal.aborted).toBe(true);
  expect(made.signer(url('a'), 'acme')).toMatchObject({ status: 436 });
  scheduler.advance(30_000);
  expect(made.signer(url('a'), 'acme')).toBeInstanceOf(Promise);
});

test('a host has eight fetches at once, all hosts 128; who is beyond that does not wait', () => {
  const { made, fetches } = repository();
  for (let path = 0; path < 8; path++) expect(made.signer(url(`${path}`), `tenant${path}`)).toBeInstanceOf(Promise);
  expect(made.signer(url('8'), 'acme')).toMatchObject({
    status: 436,
    reason: expect.stringContaining('certs.example'),
  });
  // One that is under way already costs nothing more.
  expect(made.signer(url('0'), 'acme')).toBeInstanceOf(Promise);
  for (let host = 0; host < 200; host++) void made.signer(url('a', `h${host}.example`), `tenant${host}`);
  expect(fetches).toHaveLength(128);
  expect(made.counters.limited).toBe(81);
});

test('as many calls wait as may', () => {
  const { made } = repository({ waitingCalls: 2 });
  void made.signer(url('a'), 'acme');
  void made.signer(url('a'), 'acme');
  expect(made.signer(url('a'), 'acme')).toMatchObject({
    status: 436,
    reason: expect.stringContaining('too many calls wait'),
  });
});

test('what is kept has a bound', async () => {
  const { made, fetches } = repository();
  for (let path = 0; path < 10_050; path++) {
    void made.signer(url(`${path}`), 'acme');
    void fetches[path]?.answer();
    if (path % 4 === 3) await settle();
  }
  await settle();
  expect(made.size).toBe(10_000);
});

test.each([
  ['no certificate', 'hello', 436, 'holds no certificate'],
  ['a damaged one', CHAIN.replace(/[A-Z]{3}/g, 'AAA'), 436, 'what x5u leads to'],
  ['fifty of them', CHAIN.repeat(25), 437, 'the chain has 50'],
])('what x5u leads to is %s', async (_name, octets, status, reason) => {
  const { made, fetches } = repository();
  const waiting = made.signer(url('a'), 'acme');
  await fetches[0]?.answer({ octets: Buffer.from(octets) });
  expect(await waiting).toMatchObject({ status, reason: expect.stringContaining(reason) });
});

test('other anchors after a reload judge what was fetched before anew', async () => {
  const { made, fetches, believe } = repository();
  void made.signer(url('a'), 'acme');
  await fetches[0]?.answer({});
  believe({ anchors: [new X509Certificate(stirWorld().root.pem)], revocationLists: [] });
  expect(made.signer(url('a'), 'acme')).toMatchObject({ status: 437 });
  expect(fetches).toHaveLength(1);
});
