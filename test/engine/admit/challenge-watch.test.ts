import { describe, expect, test } from 'vitest';
import type { LogFields } from '../../../src/base/log.ts';
import { silentLog } from '../../../src/base/log.ts';
import { ChallengeWatch } from '../../../src/engine/admit/challenge-watch.ts';
import type { DigestPolicy } from '../../../src/sip/auth/index.ts';
import { HeaderId, SipRequest } from '../../../src/sip/message/index.ts';
import { uniqueStringsAfter } from '../../kit/unique-strings.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const REALM = 'acme.example.com';
const MD5: DigestPolicy = { algorithms: ['MD5'], legacy: false };
const PATIENCE_MS = 5000;

function world() {
  const scheduler = new VirtualScheduler();
  const lines: LogFields[] = [];
  const watch = new ChallengeWatch({
    scheduler,
    log: { ...silentLog, warn: (event, fields = {}) => lines.push({ event, ...fields }) },
    patienceMs: PATIENCE_MS,
    isAccount: (realm, user) => realm === REALM && user !== undefined && user.length === 3,
  });
  const ask = (user: string, source = '192.0.2.10', policy = MD5, headers: [HeaderId, string][] = []) => {
    const request = new SipRequest('REGISTER', `sip:${REALM}`);
    for (const [id, value] of headers) request.headers.add(id, value);
    watch.onChallenged(request, REALM, user, source, policy);
  };
  return { scheduler, lines, watch, ask };
}

describe('a phone that stops at a challenge', () => {
  test('is told of once, with who and where it is and what to look at', () => {
    const { scheduler, lines, ask } = world();
    ask('101', '192.0.2.10', MD5, [[HeaderId.UserAgent, 'baresip v1.0.0']]);
    scheduler.advance(PATIENCE_MS - 1);
    expect(lines).toEqual([]);
    scheduler.advance(1);
    expect(lines).toEqual([
      {
        event: 'challenge-unanswered',
        method: 'REGISTER',
        realm: REALM,
        user: '101',
        source: '192.0.2.10',
        userAgent: 'baresip v1.0.0',
        algorithms: 'MD5',
        hint: expect.stringContaining('password'),
      },
    ]);
    for (let round = 0; round < 5; round++) {
      ask('101');
      scheduler.advance(60_000);
    }
    expect(lines).toHaveLength(1);
  });

  test('is told what to set when more than MD5 is offered', () => {
    const { scheduler, lines, ask } = world();
    ask('101', '192.0.2.10', { algorithms: ['SHA-256', 'MD5'], legacy: false });
    scheduler.advance(PATIENCE_MS);
    expect(lines[0]?.['hint']).toContain('digest.algorithms: [MD5]');
  });

  test('is told of the realm when its credentials are for another', () => {
    const { scheduler, lines, ask } = world();
    ask('101', '192.0.2.10', MD5, [[HeaderId.Authorization, 'Digest realm="asterisk"']]);
    scheduler.advance(PATIENCE_MS);
    expect(lines[0]?.['hint']).toContain(REALM);
  });

  test('is told of again after it has answered in between', () => {
    const { scheduler, lines, watch, ask } = world();
    ask('101');
    scheduler.advance(PATIENCE_MS);
    watch.onCredentials(REALM, '101', '192.0.2.10');
    ask('101');
    scheduler.advance(PATIENCE_MS);
    expect(lines).toHaveLength(2);
  });

  test('is another one at another address', () => {
    const { scheduler, lines, ask } = world();
    ask('101', '192.0.2.10');
    scheduler.advance(1000);
    ask('101', '192.0.2.11');
    scheduler.advance(PATIENCE_MS);
    expect(lines.map(({ source }) => source)).toEqual(['192.0.2.10', '192.0.2.11']);
  });
});

test('a phone that answers is not told of, nor is a name that nobody has', () => {
  const { scheduler, lines, watch, ask } = world();
  ask('101');
  ask('9999');
  scheduler.advance(50);
  watch.onCredentials(REALM, '101', '192.0.2.10');
  scheduler.advance(60_000);
  expect(lines).toEqual([]);
});

// So that the time of an answer does not say who exists: `npm run hostile -- enumeration` measures it.
test('of a name that nobody has as much is noted, and it takes no account’s place', () => {
  const { scheduler, lines, ask } = world();
  ask('9999');
  expect(scheduler.armedCount).toBe(1);
  ask('101');
  for (let index = 0; index < 5000; index++) ask('9999', `2001:db8::${index.toString(16)}`);
  scheduler.advance(PATIENCE_MS);
  expect(lines).toMatchObject([{ user: '101' }]);
  expect(scheduler.armedCount).toBe(0);
});

test('what is remembered is bounded: a flood tells of the latest 1,000 at most', () => {
  const { scheduler, lines, ask } = world();
  for (let index = 0; index < 5000; index++) ask('101', `2001:db8::${index.toString(16)}`);
  scheduler.advance(PATIENCE_MS);
  expect(lines).toHaveLength(1000);
  expect(scheduler.armedCount).toBe(0);
});

test('who waits for credentials leaves no unique string of V8', () => {
  const script = `
    const { ChallengeWatch } = await import('../../src/engine/admit/challenge-watch.ts');
    const { SipRequest } = await import('../../src/sip/message/index.ts');
    const scheduler = { nowMs: () => 0, schedule() {} };
    const watch = new ChallengeWatch({ scheduler, log: {}, patienceMs: 5000, isAccount: () => true });
    const userOf = (at) => ['user', 'who', 'waits', at].join('-');
    for (let at = 0; at < 500; at++)
      watch.onChallenged(new SipRequest('REGISTER', 'sip:a'), 'a', userOf(at), '192.0.2.1', { algorithms: ['MD5'], legacy: false });
    globalThis.kept = watch;
  `;
  expect(uniqueStringsAfter(script, 'user-who-waits-')).toEqual([]);
});
