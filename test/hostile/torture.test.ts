import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TortureCase, tortureCases, tortureText } from '../kit/torture.ts';
import { HostileTarget } from './target.ts';

let target: HostileTarget;
// Some messages of the sets share branch and Call-ID, and would be retransmissions of one another.
beforeEach(async () => {
  target = await new HostileTarget().open();
});
afterEach(async () => {
  await target.assertUnharmed();
  await target.close();
});

const rfc4475 = tortureCases('rfc4475');
const rfc5118 = tortureCases('rfc5118').map((owed) =>
  // The archive's Content-Length counts what is not there; expected.json says which file is meant.
  owed.name === 'ipv6-in-sdp' ? { ...owed, text: tortureText('rfc5118', 'ipv6-in-sdp.clfixed') } : owed,
);

/** Who must not be answered: responses, and requests to be dropped. */
function expectOwed(owed: TortureCase, statuses: readonly number[]): void {
  if (owed.drop || owed.respond.length === 0) {
    expect(statuses).toEqual([]);
    return;
  }
  expect(statuses.length).toBe(1);
  expect(owed.respond).toContain(statuses[0]);
}

test('both sets are complete', () => {
  expect([rfc4475.length, rfc5118.length]).toEqual([49, 12]);
});

describe('over UDP each message gets what it is owed', () => {
  test.each([...rfc4475, ...rfc5118].map((owed) => [owed.section, owed.name, owed] as const))(
    '§%s %s',
    async (_s, _n, owed) => {
      const attacker = await target.udpAttacker();
      expectOwed(owed, await attacker.exchange(owed.text));
    },
  );
});

/** How a stream reads the message (RFC 3261 §18.3): Content-Length alone says where it ends. */
type StreamReading = 'whole' | 'excess' | 'incomplete' | 'broken';

function streamReading(text: string): StreamReading {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 'incomplete';
  const lengths = [...text.slice(0, headEnd).matchAll(/^(?:content-length|l)[ \t]*:\s*(.*)$/gim)].map(
    (match) => match[1]?.trim() ?? '',
  );
  if (lengths.length !== 1 || !/^\d+$/.test(lengths[0] as string)) return 'broken';
  const surplus = text.length - headEnd - 4 - Number(lengths[0]);
  return surplus === 0 ? 'whole' : surplus > 0 ? 'excess' : 'incomplete';
}

describe('over TCP each message gets what it is owed', () => {
  test.each([...rfc4475, ...rfc5118].map((owed) => [owed.section, owed.name, owed] as const))(
    '§%s %s',
    async (_s, _n, owed) => {
      const attacker = await target.tcpAttacker();
      switch (streamReading(owed.text)) {
        case 'whole':
          expectOwed(owed, await attacker.exchange(owed.text));
          expect(attacker.ended).toBe(false);
          return;
        case 'excess':
          // What follows is another message; that it is there must not change the answer to the first.
          attacker.write(owed.text);
          await attacker.until(() => attacker.statuses().length > 0);
          expect(owed.respond).toContain(attacker.statuses()[0]);
          return;
        case 'incomplete': {
          attacker.write(owed.text);
          // A ping over UDP shows that the stream has been read; then the time limit passes.
          await (await target.udpAttacker()).exchange();
          target.scheduler.advance(10_000);
          await attacker.until(() => attacker.ended);
          expect(attacker.statuses()).toEqual([]);
          return;
        }
        case 'broken': {
          const statuses = await attacker.exchange(owed.text);
          expect(attacker.ended).toBe(true);
          expect([[], [400]]).toContainEqual(statuses);
        }
      }
    },
  );

  test('§3.1.1.8 dblreq: two requests in one segment are two requests, both answered', async () => {
    const attacker = await target.tcpAttacker();
    attacker.write(tortureText('rfc4475', 'dblreq'));
    await attacker.until(() => attacker.statuses().length > 0);
    expect(attacker.statuses()[0]).toBe(405);
  });

  test('§3.1.2.15 baddn with its empty line: read', async () => {
    const attacker = await target.tcpAttacker();
    expect(await attacker.exchange(tortureText('rfc4475', 'variants/baddn.eoh'))).toEqual([200]);
  });
});
