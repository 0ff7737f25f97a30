import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SourceGate } from '../../src/sip/transport/index.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { knownBy } from '../kit/known.ts';
import { threadCpuMs } from '../kit/thread-cpu.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { wire } from '../sip/endpoint/world.ts';
import { HostileTarget, pingText } from './target.ts';

/** CPU time of this thread, the peers' part included: it is 1 to 5, and seconds where it grows with the square of the length. */
const MOST_MS = 100;

let target: HostileTarget;
beforeEach(async () => {
  target = await new HostileTarget().open();
});
afterEach(async () => {
  await target.assertUnharmed();
  await target.close();
});

async function turns(until: () => boolean): Promise<void> {
  while (!until()) await new Promise((resolve) => setImmediate(resolve));
}

describe('streams that lie (RFC 3261 §18.3)', () => {
  const smuggled = wire('INVITE', { 'Call-ID': 'smuggled' });

  test.each([
    ['two Content-Lengths', 'Content-Length: 0\r\nContent-Length: 300'],
    ['a compact and a long one', 'l: 0\r\nContent-Length: 300'],
    ['two values in one field', 'Content-Length: 0, 300'],
    ['a negative one', 'Content-Length: -1'],
    ['one with a sign', 'Content-Length: +0'],
    ['a hexadecimal one', 'Content-Length: 0x0'],
    ['one beyond every integer', 'Content-Length: 99999999999999999999999999'],
    ['an empty one', 'Content-Length:'],
    ['none', 'Subject: none'],
  ])('%s: at most a 400, then the connection closes, and what follows is never answered', async (_name, field) => {
    const attacker = await target.tcpAttacker();
    const text = wire('OPTIONS').replace('Content-Length: 0', field);
    const statuses = await attacker.exchange(text + smuggled);
    expect(attacker.ended).toBe(true);
    expect(statuses).toEqual([400]);
    expect(target.user.callIds).toEqual([]);
  });

  test('two Content-Lengths that agree are one', async () => {
    const attacker = await target.tcpAttacker();
    const text = wire('OPTIONS').replace('Content-Length: 0', 'Content-Length: 0\r\nl: 0');
    expect(await attacker.exchange(text)).toEqual([200]);
    expect(target.user.callIds).not.toContain('smuggled');
  });

  test('a message hidden in a body stays a body', async () => {
    const attacker = await target.tcpAttacker();
    expect(await attacker.exchange(wire('OPTIONS', {}, smuggled))).toEqual([200]);
    expect(target.user.callIds).not.toContain('smuggled');
  });

  test('a Content-Length that ends inside the next message costs the connection, and the rest is not answered', async () => {
    const attacker = await target.tcpAttacker();
    const text = wire('OPTIONS', { 'Content-Length': '20' }) + smuggled;
    await attacker.exchange(text);
    expect(target.user.callIds).not.toContain('smuggled');
  });

  test('1,000 pipelined requests in one write are answered one by one', async () => {
    const attacker = await target.tcpAttacker();
    const texts = Array.from({ length: 1_000 }, (_, index) => pingText(`pipelined-${index}`, 'TCP'));
    attacker.write(texts.join(''));
    await attacker.until(() => attacker.statuses().length === 1_000);
    expect(attacker.statuses().every((status) => status === 200)).toBe(true);
  });

  test('one octet per segment is answered', async () => {
    const attacker = await target.tcpAttacker();
    for (const octet of pingText('octets', 'TCP')) {
      attacker.write(octet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await attacker.until(() => attacker.statuses().length === 1);
  });
});

describe('header smuggling', () => {
  test.each([
    ['256 spaces before the colon are one name still', `Require${' '.repeat(256)}: nothing`, 420],
    ['a bare LF ends no line', 'Subject: x\nRequire: nothing', 400],
    ['a bare CR ends no line', 'Subject: x\rRequire: nothing', 400],
    ['a NUL is no text', 'Subject: x\0y', 400],
    ['two From fields', 'From: <sip:mallory@example.com>;tag=m', 400],
    ['a compact second From', 'f: <sip:mallory@example.com>;tag=m', 400],
    ['two CSeq fields', 'CSeq: 2 OPTIONS', 400],
    ['two Call-IDs', 'i: other', 400],
    ['a name with a space in it', 'Re quire: nothing', 400],
    ['an empty name', ': nothing', 400],
  ])('%s', async (_name, field, status) => {
    const attacker = await target.udpAttacker();
    const text = wire('OPTIONS').replace('Content-Length', () => `${field}\r\nContent-Length`);
    expect(await attacker.exchange(text)).toEqual([status]);
    expect(target.user.callIds).not.toContain('peer-1');
  });
});

describe('size and nesting', () => {
  const big = (more: Record<string, string>, body = '') => wire('OPTIONS', more, body);
  const headers = Array.from({ length: 10_000 }, (_, index) => [`X${index % 10}`, '']);

  test.each([
    ['500 Vias in one field', big({ Via: Array(500).fill('SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1').join(', ') })],
    [
      '10,000 header fields',
      wire('OPTIONS').replace('Content-Length', `${headers.map(([name]) => `${name}:\r\n`).join('')}Content-Length`),
    ],
    ['a Request-URI of 60 KB', wire('OPTIONS').replace('sip:bob@192.0.2.1', `sip:${'x'.repeat(60_000)}@192.0.2.1`)],
    ['one header field of 60 KB', big({ Subject: 'x'.repeat(60_000) })],
    ['20,000 parameters', big({ To: `<sip:b@x>${';a'.repeat(20_000)}` })],
    ['30,000 nested comments', big({ Server: `${'('.repeat(30_000)}${')'.repeat(30_000)}` })],
    ['60 KB of spaces in To', big({ To: `"${' '.repeat(60_000)}<sip:b@x>` })],
    ['60 KB of folded lines', big({ Subject: 'a\r\n '.repeat(15_000) })],
    ['60 KB of quotes and backslashes', big({ From: `"${'\\"'.repeat(30_000)}" <sip:a@x>;tag=1` })],
  ])('%s over UDP and TCP: refused in a few milliseconds', async (_name, text) => {
    const beganMs = threadCpuMs();
    const udp = await (await target.udpAttacker()).exchange(text);
    const tcpAttacker = await target.tcpAttacker();
    const tcp = await tcpAttacker.exchange(text);
    expect(threadCpuMs() - beganMs).toBeLessThan(MOST_MS);
    for (const statuses of [udp, tcp]) {
      expect(statuses.length).toBeLessThanOrEqual(1);
      for (const status of statuses) expect([400, 414, 513]).toContain(status);
    }
    expect(target.user.callIds).not.toContain('peer-1');
  });

  test('a datagram of 65,507 octets is handled', async () => {
    const attacker = await target.udpAttacker();
    const bare = wire('OPTIONS');
    const length = 65_507 - bare.length - 4;
    const text = wire('OPTIONS', {}, 'x'.repeat(length));
    expect(text.length).toBe(65_507);
    expect(await attacker.exchange(text)).toEqual([200]);
  });

  test('a header of 1 MB over TCP ends the connection', async () => {
    const attacker = await target.tcpAttacker();
    attacker.write(`OPTIONS sip:x SIP/2.0\r\nSubject: ${'x'.repeat(1_048_576)}`);
    await attacker.until(() => attacker.ended);
    expect(target.endpoint.transport.counters.framingLost).toBe(1);
  });

  test('a multipart body nested 500 deep is a body', async () => {
    const attacker = await target.tcpAttacker();
    let body = 'x';
    for (let depth = 0; depth < 500; depth++) body = `--b${depth}\r\n\r\n${body}\r\n--b${depth}--`;
    expect(await attacker.exchange(wire('OPTIONS', { 'Content-Type': 'multipart/mixed;boundary=b499' }, body))).toEqual(
      [200],
    );
  });
});

describe('prototype pollution', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'];

  test('such names as header field, parameter, method, tag and Call-ID change nothing', async () => {
    const attacker = await target.udpAttacker();
    const messages = names.flatMap((name, index) => [
      wire('OPTIONS', { [name]: 'polluted', 'Call-ID': `h${index}` }),
      wire('OPTIONS', { Via: `SIP/2.0/UDP x;branch=z9hG4bK${name};${name}=polluted;${name}`, 'Call-ID': `v${index}` }),
      wire('OPTIONS', { From: `<sip:a@x;${name}=p>;tag=${name};${name}=p`, 'Call-ID': name }),
      wire('OPTIONS', { Require: name }),
      wire(name, { CSeq: `1 ${name}` }),
    ]);
    const statuses = await attacker.exchange(...messages);
    expect(statuses.length).toBe(messages.length);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined);
  });
});

describe('loops', () => {
  test.each([
    ['0', 483],
    ['-1', 483],
  ])('Max-Forwards %s: %i', async (value, status) => {
    const attacker = await target.udpAttacker();
    expect(await attacker.exchange(wire('INVITE', { 'Max-Forwards': value }))).toEqual([status]);
  });
});

describe('amplification', () => {
  test('an unauthenticated request gets no more than 1.5 times its octets at once', async () => {
    const attacker = await target.udpAttacker();
    let octets = 0;
    attacker.socket.on('message', (message) => (octets += message.length));
    const request = wire('REGISTER');
    attacker.send(request);
    await turns(() => octets > 0);
    expect(octets).toBeLessThanOrEqual(request.length * 1.5);
  });

  test('§26.3.2.4: an INVITE refused with answerOnce costs no more than three times its octets in 8 s', async () => {
    const attacker = await target.udpAttacker();
    let octets = 0;
    attacker.socket.on('message', (message) => {
      if (!message.includes('Call-ID: ping')) octets += message.length;
    });
    const request = wire('INVITE');
    attacker.send(request);
    await turns(() => octets > 0);
    for (let second = 0; second < 8; second++) target.scheduler.advance(1_000);
    await attacker.exchange();
    expect(octets).toBeLessThanOrEqual(request.length * 1.5);
  });
});

describe('slow peers', () => {
  /** Enough to show that what they hold is bounded; security.md's 5,000 and 1,000 differ in number only. */
  const SLOW = Number(process.env['TANDEM_HOSTILE_CONNECTIONS'] ?? 300);

  test('dribbling TCP connections do not keep others out and are gone after 10 s', async () => {
    const slow = [];
    for (let index = 0; index < SLOW; index++) {
      const attacker = await target.tcpAttacker(`127.0.1.${1 + (index % 100)}`);
      attacker.write('OPTIONS sip:x SIP/2.0\r\nVia');
      slow.push(attacker);
    }
    expect(await (await target.tcpAttacker()).exchange('')).toEqual([]);
    expect(await (await target.udpAttacker()).exchange()).toEqual([]);
    target.scheduler.advance(9_000);
    for (const attacker of slow) attacker.write(': x');
    await (await target.tcpAttacker()).exchange('');
    target.scheduler.advance(1_000);
    for (const attacker of slow) await attacker.until(() => attacker.ended);
    expect(target.endpoint.transport.counters.slowClosed).toBe(SLOW);
  });

  test('stalled TLS handshakes do not keep others out and are closed in time', async () => {
    const authority = new TestAuthority();
    const { cert, key } = authority.issue({ commonName: 'sip.example.com' });
    authority.remove();
    const stalled = new HostileTarget({ transportLimits: { messageTimeoutMs: 1_000 } });
    await stalled.open({ transport: 'tls', host: '127.0.0.1', port: 0, certificate: cert, key });
    const slow = [];
    for (let index = 0; index < Math.ceil(SLOW / 5); index++) {
      slow.push(await stalled.tcpAttacker(`127.0.1.${1 + (index % 100)}`, stalled.ports.tls));
    }
    expect(await (await stalled.udpAttacker()).exchange()).toEqual([]);
    expect(await (await stalled.tcpAttacker()).exchange('')).toEqual([]);
    for (const attacker of slow) await attacker.until(() => attacker.ended);
    expect(stalled.endpoint.transport.counters.tlsRefused).toBe(slow.length);
    await stalled.assertUnharmed();
    await stalled.close();
  });
});

describe('floods', () => {
  test('a flood from one source is cut to its rate; every message of others is answered', async () => {
    const sources = new SourceGate(new VirtualScheduler(), {
      burst: 100,
      messagesPerSecond: 50,
      ...knownBy(() => false),
    });
    const flooded = await new HostileTarget({ sources }).open();
    const flood = await flooded.udpAttacker('127.0.0.3');
    const honest = await flooded.udpAttacker('127.0.0.2');
    for (let round = 0; round < 50; round++) {
      for (let count = 0; count < 40; count++) flood.send(pingText(`flood-${round}-${count}`));
      expect(await honest.exchange()).toEqual([]);
    }
    expect(flooded.user.callIds.filter((callId) => callId.startsWith('flood')).length).toBe(100);
    expect(flooded.endpoint.transport.counters.rateLimited).toBe(1_900);
    await flooded.assertUnharmed();
    await flooded.close();
  });
});
