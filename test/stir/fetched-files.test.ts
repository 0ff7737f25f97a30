import { expect, test } from 'vitest';
import { FetchedFiles, Unfetched } from '../../src/stir/fetched-files.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const AT = new URL('https://img.example/a.png');

function files(waitingCalls = 10) {
  const scheduler = new VirtualScheduler();
  const answers: ((text: string) => void)[] = [];
  const tenants: (string | undefined)[] = [];
  const made = new FetchedFiles(
    {
      scheduler,
      timeoutMs: 2000,
      waitingCalls,
      fetch: (_url, _signal, tenant) => {
        tenants.push(tenant);
        return new Promise((resolve) =>
          answers.push((text) => resolve({ octets: Buffer.from(text), freshMs: 60_000, mayBeStale: false })),
        );
      },
    },
    { one: 'the file', many: 'files', read: (octets) => ({ text: Buffer.from(octets).toString() }) },
  );
  return { made, scheduler, answers, tenants };
}

test('who has less time waits less, and the fetch goes on for those who come later', async () => {
  const { made, scheduler, answers } = files();
  const [patient, hurried] = [made.get(AT, 'acme'), made.get(AT, 'acme', 300)];
  scheduler.advance(300);
  expect(await hurried).toEqual(new Unfetched('no time was left to wait for the file'));
  expect([answers.length, made.waiting]).toEqual([1, 1]);
  answers[0]?.('here');
  expect(await patient).toEqual({ text: 'here' });
  expect(made.get(AT, 'acme', 0)).toEqual({ text: 'here' });
  expect(made.counters).toEqual({ hits: 1, fetched: 1, failed: 0, limited: 1 });
});

test('what comes in time leaves no timer behind; more waiting calls than are allowed do not wait', async () => {
  const { made, scheduler, answers } = files(1);
  const waiting = made.get(AT, 'acme', 300);
  expect(made.get(AT, 'acme')).toEqual(new Unfetched('too many calls wait for files'));
  answers[0]?.('here');
  expect(await waiting).toEqual({ text: 'here' });
  expect([made.waiting, scheduler.armedCount]).toEqual([0, 0]);
});

test('no tenant has all places: calls and fetches of another find one beside those of one whose hosts are silent', () => {
  const { made, answers, tenants } = files(1000);
  for (let host = 0; host < 1000; host++) void made.get(new URL(`https://h${host}.example/a`), 'acme');
  // Of 128 fetches three quarters, and three quarters of the calls that may wait.
  expect(answers).toHaveLength(96);
  for (let call = 0; call < 1000; call++) void made.get(new URL('https://h0.example/a'), 'acme');
  expect(made.waiting).toBe(750);
  expect(made.get(AT, 'globex')).toBeInstanceOf(Promise);
  expect([answers.length, made.waiting]).toEqual([97, 751]);
  expect([...new Set(tenants)]).toEqual(['acme', 'globex']);
});

test('nor has one all places of a host that many share, and what was fetched gives its place back', async () => {
  const { made, answers } = files();
  const at = (name: string) => new URL(`https://shared.example/${name}`);
  const limited = new Unfetched('too many files are being fetched from shared.example');
  // Of eight fetches three quarters.
  const fetching = Array.from({ length: 6 }, (_, index) => made.get(at(`acme-${index}`), 'acme'));
  expect(made.get(at('acme-6'), 'acme')).toEqual(limited);
  fetching.push(...['a', 'b'].map((name) => made.get(at(name), 'globex')));
  expect(answers).toHaveLength(8);
  expect(made.get(at('c'), 'initech')).toEqual(limited);
  for (const answer of answers) answer('here');
  expect(await Promise.all(fetching)).toEqual(Array(8).fill({ text: 'here' }));
  for (let index = 6; index < 12; index++) expect(made.get(at(`acme-${index}`), 'acme')).toBeInstanceOf(Promise);
});
