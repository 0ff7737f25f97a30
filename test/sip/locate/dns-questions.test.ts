import { describe, expect, test } from 'vitest';
import { DnsQuestions } from '../../../src/sip/locate/dns-questions.ts';
import { type DnsReply, Locator } from '../../../src/sip/locate/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const NONE: DnsReply = { status: 'answered', records: [] };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A name server that answers when it is told to, and how often it was asked for what. */
function setUp() {
  const scheduler = new VirtualScheduler();
  const asked: string[] = [];
  const open = new Map<
    string,
    { readonly resolve: (reply: DnsReply) => void; readonly reject: (error: Error) => void }
  >();
  const dns = {
    query: (name: string, type: string) => {
      asked.push(`${type} ${name}`);
      const { promise, resolve, reject } = Promise.withResolvers<DnsReply>();
      open.set(name, { resolve, reject });
      return promise;
    },
  };
  const questions = new DnsQuestions(dns, scheduler);
  const askMany = (owner: string, count: number) =>
    Array.from({ length: count }, (_, at) => questions.query(`${owner}${at}.example`, 'A', owner));
  const answer = async (name: string) => {
    open.get(name)?.resolve(NONE);
    await turn();
  };
  return { scheduler, asked, open, questions, askMany, answer };
}

test('a question under way is asked once for all who want to know, whoever they are', async () => {
  const { asked, questions, answer } = setUp();
  const replies = [undefined, 'acme', 'globex', 'acme'].map((owner) => questions.query('sbc.example', 'A', owner));
  await answer('sbc.example');
  expect(await Promise.all(replies)).toEqual([NONE, NONE, NONE, NONE]);
  void questions.query('sbc.example', 'AAAA', 'acme');
  void questions.query('sbc.example', 'A', 'acme');
  expect(asked).toEqual(['A sbc.example', 'AAAA sbc.example', 'A sbc.example']);
});

describe('128 are under way at most', () => {
  test('of one owner three quarters, so that silent servers of one leave others theirs', async () => {
    const { asked, askMany, answer, questions } = setUp();
    askMany('globex', 5_000);
    expect(asked).toHaveLength(89);
    void questions.query('sbc.example', 'A', 'acme');
    expect(asked.at(-1)).toBe('A sbc.example');
    for (let owner = 0; owner < 100; owner++) askMany(`tenant-${owner}-`, 10);
    expect(asked).toHaveLength(128);
    await answer('sbc.example');
    expect(asked).toHaveLength(129);
  });

  test('what one asks for calls, for names and for hosts of the web is its own all together', async () => {
    const { asked, questions, answer } = setUp();
    for (const what of ['calls', 'names', 'web', 'callers'])
      for (let at = 0; at < 200; at++) void questions.query(`${what}${at}.example`, 'A', `globex|${what}`);
    expect(asked.length).toBeLessThanOrEqual(96);
    const found = questions.query('sbc.example', 'A', 'acme');
    await answer('sbc.example');
    expect(await found).toEqual(NONE);
  });

  test('what has had no place of one’s is known no worse by another who has one', async () => {
    const { scheduler, questions, askMany, asked } = setUp();
    const locator = new Locator({ dns: questions, clock: scheduler, families: ['A'] });
    askMany('globex', 200);
    const locate = (owner: string) => locator.locate({ host: 'sbc.example', port: 5060, owner });
    const theirs = locate('globex');
    scheduler.advance(1_500);
    await expect(theirs).rejects.toThrow('too many questions');
    void Promise.resolve(locate('acme')).catch(() => {});
    await turn();
    expect(asked.at(-1)).toBe('A sbc.example');
  });

  test('each has its turn once there is a place', async () => {
    const { asked, askMany, answer } = setUp();
    const replies = askMany('globex', 200);
    for (let at = 0; at < 200; at++) await answer(`globex${at}.example`);
    expect(await Promise.all(replies)).toHaveLength(200);
    expect(asked).toHaveLength(200);
  });

  test('what waits in one’s share is asked at once for another who has a place, and once', async () => {
    const { asked, askMany, answer, questions } = setUp();
    askMany('globex', 89);
    const theirs = questions.query('sbc.example', 'A', 'globex');
    expect(asked).toHaveLength(89);
    const own = questions.query('sbc.example', 'A', 'acme');
    expect(asked.slice(89)).toEqual(['A sbc.example']);
    await answer('sbc.example');
    expect(await Promise.all([own, theirs])).toEqual([NONE, NONE]);
    await answer('globex0.example');
    expect(asked).toHaveLength(90);
  });

  test('a place is given back also where nobody could be asked', async () => {
    const { asked, open, askMany } = setUp();
    const replies = askMany('globex', 90);
    open.get('globex0.example')?.reject(new Error('no socket'));
    await expect(replies[0]).rejects.toThrow('no socket');
    await turn();
    expect(asked).toHaveLength(90);
  });

  test('what has no place for 1.5 s fails, and nobody asks it any more', async () => {
    const { scheduler, asked, askMany, answer } = setUp();
    const replies = askMany('globex', 200);
    scheduler.advance(1_499);
    await answer('globex0.example');
    expect(scheduler.armedCount).toBe(110);
    scheduler.advance(1);
    const late = { status: 'failed', reason: 'too many questions to name servers are under way', unasked: true };
    expect(await Promise.all(replies.slice(90))).toEqual(Array(110).fill(late));
    for (let at = 1; at < 90; at++) await answer(`globex${at}.example`);
    expect([asked.length, scheduler.armedCount]).toEqual([90, 0]);
    askMany('globex-', 1);
    expect(asked).toHaveLength(91);
  });

  test('however long callers name hosts that are silent, faster than these fail: none of their questions waits longer', async () => {
    const { scheduler, open, questions } = setUp();
    let waiting = 0;
    for (let at = 0; at < 3_000; at++) {
      waiting++;
      void questions.query(`host${at}.example`, 'A', 'acme|web').then(() => waiting--);
      // A silent server is given up after 3 s.
      open.get(`host${at - 150}.example`)?.resolve({ status: 'failed', reason: 'no answer' });
      scheduler.advance(20);
      await turn();
    }
    // 89 are under way, and those of the last 1.5 s wait.
    expect(waiting).toBeLessThan(89 + 80);
  });

  test('name servers that are silent keep no call from what they said last, of however many names', async () => {
    const { scheduler, open, questions } = setUp();
    const locator = new Locator({ dns: questions, clock: scheduler, families: ['A'] });
    const names = Array.from({ length: 300 }, (_, at) => `carrier${at}.example`);
    const locateAll = () => names.map((host) => locator.locate({ host, port: 5060, owner: 'system' }));
    const first = locateAll();
    while (open.size > 0)
      for (const [name, { resolve }] of open) {
        open.delete(name);
        resolve({ status: 'answered', records: [{ type: 'A', name, ttlSeconds: 60, address: '192.0.2.1' }] });
        await turn();
      }
    const found = await Promise.all(first);
    scheduler.advance(61_000);
    const again = locateAll();
    scheduler.advance(1_500);
    expect(await Promise.all(again.slice(89))).toEqual(found.slice(89));
  });
});
