import { describe, expect, test } from 'vitest';
import { callIdOf, Dealing, type Dealt, hasToTag, type Workers } from '../../../src/engine/admit/dealing.ts';

const COUNT = 3;
const TRUNK = '198.51.100.7';
const PHONE = '203.0.113.9';

/** Workers of one machine, each with its dealing; what one hands over is in `given`. */
function machine(down: readonly number[] = []) {
  const given: { from: number; to: number; dealt: Dealt }[] = [];
  const dealings = Array.from({ length: COUNT }, (_, index) => {
    const workers: Workers = {
      index,
      count: COUNT,
      ownPort: (port) => port + 1000 + index * 10,
      allPorts: (port) => [port + 1000, port + 1010, port + 1020],
      give: (to, dealt) => {
        if (down.includes(to)) return false;
        given.push({ from: index, to, dealt });
        return true;
      },
      onGiven() {},
      trunks: { isFirst: () => index === 0, tell() {} },
      onNews() {},
    };
    return new Dealing(workers, { knows: (address) => address === TRUNK });
  });
  /** Who has a datagram that the system gave to worker `at`: that one, another, or nobody. */
  const ownerOf = (text: string, at: number, address = TRUNK, port = 5060): number | 'nobody' => {
    const before = given.length;
    const keeps = dealings[at]?.sharedPort(5060).keeps('udp', Buffer.from(text, 'latin1'), address, port);
    if (keeps === true) return at;
    return given.length > before ? (given.at(-1)?.to ?? 'nobody') : 'nobody';
  };
  return { dealings, given, ownerOf };
}

const request = (callId: string, to = '<sip:b@x>', method = 'INVITE') =>
  `${method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: 1 ${method}\r\n\r\n`;

describe('a request from a trunk', () => {
  test('goes by its Call-ID, whichever worker gets it and whichever port it comes from', () => {
    const { ownerOf } = machine();
    const owners = new Set<number | 'nobody'>();
    for (let call = 0; call < 60; call++) {
      const text = request(`call-${call}@carrier`);
      const seen = new Set([0, 1, 2].map((at) => ownerOf(text, at, TRUNK, 5060 + at)));
      expect(seen.size).toBe(1);
      for (const owner of seen) owners.add(owner);
    }
    expect(owners).toEqual(new Set([0, 1, 2]));
  });

  test('its CANCEL and its ACK come to the same, however the field is written', () => {
    const { ownerOf } = machine();
    const owner = ownerOf(request('abc@d'), 0);
    for (const field of ['Call-ID: abc@d', 'call-id:abc@d', 'CALL-ID \t:  abc@d  ', 'i: abc@d', 'I:abc@d'])
      expect(ownerOf(`CANCEL sip:b@x SIP/2.0\r\nContact: <sip:i@c>\r\nContent-Length: 0\r\n${field}\r\n\r\n`, 1)).toBe(
        owner,
      );
  });

  test('within a dialog that this worker began it comes home', () => {
    const { dealings, ownerOf } = machine();
    for (const [index, dealing] of dealings.entries())
      for (let round = 0; round < 20; round++)
        expect(ownerOf(request(dealing.newCallId(), '<sip:b@x>;tag=1', 'BYE'), 0)).toBe(index);
  });
});

test('a phone stays at one worker, with all its calls', () => {
  const { ownerOf } = machine();
  const owners = new Set(
    Array.from({ length: 30 }, (_, call) => ownerOf(request(`call-${call}`), call % COUNT, PHONE, 5062)),
  );
  expect(owners.size).toBe(1);
  const ofOthers = new Set(Array.from({ length: 60 }, (_, phone) => ownerOf(request('one'), 0, PHONE, 10_000 + phone)));
  expect(ofOthers).toEqual(new Set([0, 1, 2]));
});

test('an answer goes to the worker that asked, from wherever it comes', () => {
  const { dealings, ownerOf } = machine();
  for (const [index, dealing] of dealings.entries()) {
    const text = `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:6060;rport=5060;branch=${dealing.newBranch()}\r\nCall-ID: x\r\n\r\n`;
    for (const at of [0, 1, 2]) expect(ownerOf(text, at, PHONE)).toBe(index);
  }
  // Not ours: whoever has it drops it.
  expect(ownerOf('SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK-1-2\r\n\r\n', 2)).toBe(2);
  expect(ownerOf('SIP/2.0 200 OK\r\n\r\n', 1)).toBe(1);
});

test('while its worker is not there, what begins something is served by whoever has it; what belongs to a call waits', () => {
  const whole = machine();
  const callId =
    Array.from({ length: 50 }, (_, call) => `c${call}`).find((id) => whole.ownerOf(request(id), 0) === 1) ?? '';
  const { ownerOf, dealings } = machine([1]);
  expect(ownerOf(request(callId), 2)).toBe(2);
  expect(ownerOf(request(callId, '<sip:b@x>;tag=7', 'BYE'), 2)).toBe('nobody');
  const answer = `SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP x;branch=${dealings[1]?.newBranch()}\r\n\r\n`;
  expect(ownerOf(answer, 0)).toBe('nobody');
});

test('what is no SIP costs nothing but a look', () => {
  const { ownerOf } = machine();
  for (const text of [
    '',
    '\r\n',
    'x',
    'INVITE',
    'INVITE sip:a SIP/2.0\r\n',
    'INVITE sip:a SIP/2.0\r\nc',
    'A\n\n\n',
    ':\n:\n:',
  ])
    expect([0, 1, 2]).toContain(ownerOf(text, 0));
  expect(callIdOf(Buffer.from(`A\r\n${'c'.repeat(60_000)}\r\n`))).toBeUndefined();
});

test('the tag of To, and no other', () => {
  const tagOf = (fields: string) => hasToTag(Buffer.from(`BYE sip:a SIP/2.0\r\n${fields}\r\n\r\n`, 'latin1'));
  expect(tagOf('From: <sip:a>;tag=1\r\nTo: <sip:b>')).toBe(false);
  expect(tagOf('From: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2')).toBe(true);
  expect(tagOf('From: <sip:a>;tag=1\r\nt:<sip:b> ; TAG = 2')).toBe(true);
  expect(tagOf('Timestamp: 1;tag=2\r\nTo: <sip:b>')).toBe(false);
});
