import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { letFirst } from '../../src/base/steps.ts';
import { aorKey, Registrar } from '../../src/registrar/index.ts';
import type { BindingChange, RegisterAccount, StoredBinding, StoredRemoval } from '../../src/registrar/ports.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { collectGarbage } from '../kit/collected.ts';
import { eventually } from '../kit/eventually.ts';
import { SliceWatch } from '../kit/slice-watch.ts';
import {
  ACCOUNT,
  BOB,
  bindingsIn,
  DOMAIN,
  flowFrom,
  listed,
  MemoryBindingStore,
  type RegisterFields,
  register,
  registrarWorld,
} from './kit.ts';

const UNSUPPORTED_FLOW = ['Supported: path'];
const OUTBOUND = ['Supported: path, outbound'];
const INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"';

describe('RFC 3261 §10.3: bindings', () => {
  test('step 8: the answer lists every contact with its expiry, and the date', () => {
    const { send } = registrarWorld();
    send({ contacts: ['<sip:bob@192.0.2.4>;q=0.5'], expires: 600 });
    const answer = send({ contacts: ['<sip:bob@192.0.2.5:5070>;expires=120;+sip.instance="<urn:x>"'], expires: 600 });
    expect(answer.status).toBe(200);
    expect(answer.contacts).toEqual([
      '<sip:bob@192.0.2.5:5070>;+sip.instance="<urn:x>";expires=120',
      '<sip:bob@192.0.2.4>;q=0.5;expires=600',
    ]);
    expect(answer.header(HeaderId.Date)).toBe('Sun, 01 Nov 2026 00:00:00 GMT');
  });

  test('without Contact nothing changes and the bindings are listed', () => {
    const { send, clock } = registrarWorld();
    send({ expires: 600 });
    clock.advance(100_500);
    expect(send({ contacts: [] }).contacts).toEqual(['<sip:bob@192.0.2.4>;expires=500']);
  });

  test('step 7: contacts that are equal by §19.1.4 are one binding', () => {
    const { send, uris } = registrarWorld();
    send({ contacts: ['<sip:bob@phone.example.com;foo=1>'] });
    send({ contacts: ['<sip:%62ob@PHONE.example.com>'] });
    expect(uris()).toEqual(['sip:%62ob@PHONE.example.com']);
  });

  test('contacts are tried by q, then the fresher first', () => {
    const { send, uris, clock } = registrarWorld();
    for (const [host, q] of [
      ['a', '0.1'],
      ['b', '1'],
      ['c', '0.1'],
    ]) {
      send({ contacts: [`<sip:bob@${host}.example.com>;q=${q}`] });
      clock.advance(1000);
    }
    expect(uris()).toEqual(['sip:bob@b.example.com', 'sip:bob@c.example.com', 'sip:bob@a.example.com']);
  });

  test('Expires 0 removes one, * removes all', () => {
    const { send, uris, events } = registrarWorld();
    send({ contacts: ['<sip:bob@a.example.com>', '<sip:bob@b.example.com>', '<sip:bob@c.example.com>'] });
    send({ contacts: ['<sip:bob@b.example.com>;expires=0'] });
    expect(uris()).toEqual(['sip:bob@a.example.com', 'sip:bob@c.example.com']);
    expect(send({ contacts: ['*'], expires: 0 }).contacts).toEqual([]);
    expect(uris()).toEqual([]);
    expect(events.filter((event) => event.startsWith('unregistered'))).toHaveLength(3);
  });

  test.each([
    ['*;expires=0', undefined],
    ['* ; expires=0', 3600],
    ['<*>', 0],
    ['"Bob" <*>;expires=0', undefined],
  ])('step 6: Contact %s removes all as * does', (contact, expires) => {
    const { send, uris } = registrarWorld();
    send({ contacts: ['<sip:bob@a.example.com>', '<sip:bob@b.example.com>'] });
    expect(send({ contacts: [contact], ...(expires !== undefined && { expires }) }).status).toBe(200);
    expect(uris()).toEqual([]);
  });

  test.each([
    ['* with another expiration', { contacts: ['*'], expires: 3600 }],
    ['* with another expiration of its own', { contacts: ['*;expires=60'], expires: 0 }],
    ['* without expiration', { contacts: ['*'] }],
    ['* with another contact', { contacts: ['*', '<sip:bob@192.0.2.9>'], expires: 0 }],
    ['a Contact that is no SIP URI', { contacts: ['<tel:+14155550100>'] }],
    ['a Contact of 2 KB', { contacts: [`<sip:${'b'.repeat(2048)}@192.0.2.9>`] }],
  ])('step 6 and form: %s is 400 and leaves the binding intact', (_name, fields) => {
    const { send, uris } = registrarWorld();
    send();
    expect(send(fields).status).toBe(400);
    expect(uris()).toEqual(['sip:bob@192.0.2.4']);
  });

  test('a q that is none costs no binding: it counts as if it were not there', () => {
    const { send, uris } = registrarWorld();
    expect(send({ contacts: ['<sip:bob@192.0.2.9>;q=1.5'] }).status).toBe(200);
    expect(uris()).toEqual(['sip:bob@192.0.2.9']);
  });

  test('step 7: an older or equal CSeq in one Call-ID fails and changes nothing', () => {
    const { send, uris } = registrarWorld();
    send({ cseq: 10 });
    for (const cseq of [9, 10]) {
      expect(send({ cseq, contacts: ['<sip:bob@192.0.2.9>', '<sip:bob@192.0.2.4>;expires=0'] }).status).toBe(400);
      expect(send({ cseq, contacts: ['*'], expires: 0 }).status).toBe(400);
    }
    expect(uris()).toEqual(['sip:bob@192.0.2.4']);
    expect(send({ cseq: 1, callId: 'another', contacts: ['<sip:bob@192.0.2.4>;expires=0'] }).status).toBe(200);
    expect(uris()).toEqual([]);
  });

  test.each<[string, RegisterFields]>([
    ['lasts on', {}],
    ['has another Contact', { contacts: ['<sip:bob@192.0.2.9>'] }],
    ['ends one', { contacts: ['<sip:bob@192.0.2.4>;expires=0'] }],
    ['ends all', { contacts: ['*'], expires: 0 }],
  ])('step 7: a lower CSeq that no overtaken REGISTER can have is of who was started again: it %s', (_what, fields) => {
    const { send, clock } = registrarWorld();
    send({ cseq: 500 });
    clock.advance(31_900);
    expect(send({ cseq: 1 }).status).toBe(400);
    clock.advance(100);
    expect(send({ cseq: 1, ...fields }).status).toBe(200);
  });

  test('step 7: a phone that never counts may refresh at any time, as it is and from where it is', () => {
    const { send, clock, registrar } = registrarWorld();
    for (let refresh = 0; refresh < 5; refresh++) {
      expect(send({ cseq: 1 }).status).toBe(200);
      clock.advance(25_000);
    }
    expect([...registrar.all()].map(({ expiresAtMs }) => expiresAtMs - clock.nowMs())).toEqual([3_575_000]);
    expect(send({ cseq: 1 }, flowFrom('192.0.2.9', 5060)).status).toBe(400);
    expect(send({ cseq: 1, contacts: ['<sip:bob@192.0.2.9>'] }).status).toBe(200);
    expect(send({ cseq: 1, contacts: ['<sip:bob@192.0.2.9>;expires=0'] }).status).toBe(400);
  });

  test('a contact that stands twice in one request is one binding, the later value counts', () => {
    const { send, uris } = registrarWorld();
    const answer = send({ contacts: ['<sip:bob@192.0.2.4>;q=0.1', '<sip:bob@192.0.2.4>;q=0.9'] });
    expect(answer.contacts).toEqual(['<sip:bob@192.0.2.4>;q=0.9;expires=3600']);
    expect(uris()).toHaveLength(1);
  });
});

describe('RFC 3261 §10.3 step 7: expiry', () => {
  test.each([
    ['no wish', {}, 3600],
    ['the header field', { expires: 600 }, 600],
    ['the parameter before the header field', { contacts: ['<sip:bob@192.0.2.4>;expires=300'], expires: 600 }, 300],
    ['more than the maximum', { expires: 86_400 }, 7200],
    ['2**32', { expires: '4294967296' }, 7200],
    ['40 digits', { expires: '9'.repeat(40) }, 7200],
    ['§20.10: a malformed parameter', { contacts: ['<sip:bob@192.0.2.4>;expires=soon'], expires: 600 }, 3600],
    ['a negative number', { contacts: ['<sip:bob@192.0.2.4>;expires=-1'] }, 3600],
  ])('%s', (_name, fields, granted) => {
    const { send } = registrarWorld();
    expect(send(fields).contacts).toEqual([`<sip:bob@192.0.2.4>;expires=${granted}`]);
  });

  test('too brief an interval is 423 with Min-Expires, and leaves the rest of the request undone', () => {
    const { send, uris } = registrarWorld({ minExpiresSeconds: 120 });
    const answer = send({ contacts: ['<sip:bob@192.0.2.8>', '<sip:bob@192.0.2.9>;expires=119'] });
    expect(answer.status).toBe(423);
    expect(answer.header(HeaderId.MinExpires)).toBe('120');
    expect(uris()).toEqual([]);
  });

  test('a binding ends when its time is over, not before, and leaves nothing behind', () => {
    const { send, uris, clock, registrar, events } = registrarWorld();
    send({ expires: 60 });
    clock.advance(59_999);
    expect(uris()).toHaveLength(1);
    clock.advance(1);
    expect(uris()).toEqual([]);
    clock.advance(2000);
    expect(registrar.count).toBe(0);
    expect(clock.armedCount).toBe(0);
    expect(events).toEqual(['new sip:bob@192.0.2.4', 'expired sip:bob@192.0.2.4']);
  });

  test('a refresh from the same place keeps all that says the same', () => {
    const { registrar, send } = registrarWorld();
    send();
    const [first] = registrar.bindings(BOB);
    send();
    const [second] = registrar.bindings(BOB);
    expect([second?.source, second?.target, second?.path]).toEqual([first?.source, first?.target, first?.path]);
    expect(second?.source).toBe(first?.source);
    expect(second?.target).toBe(first?.target);
    send({}, flowFrom('192.0.2.4', 5071));
    expect(registrar.bindings(BOB)[0]).toMatchObject({ source: { port: 5071 }, target: { port: 5060 } });
  });

  test('a refresh that says nothing new leaves the binding that there is, for another time', async () => {
    const store = new MemoryBindingStore();
    const { registrar, send, clock, events } = registrarWorld({ store });
    const flow = flowFrom('192.0.2.4', 5060);
    send({ expires: 600 }, flow);
    const [first] = registrar.bindings(BOB);
    clock.advance(500_000);
    expect(send({ expires: 300, callId: 'another', cseq: 7 }, flow).contacts).toEqual([
      '<sip:bob@192.0.2.4>;expires=300',
    ]);
    expect(registrar.bindings(BOB)[0]).toBe(first);
    await registrar.flush();
    const wallMs = clock.wallMs();
    expect(await bindingsIn(store)).toMatchObject([
      {
        callId: 'another',
        cseq: 7,
        registeredAtWallMs: wallMs - 500_000,
        refreshedAtWallMs: wallMs,
        expiresAtWallMs: wallMs + 300_000,
      },
    ]);
    clock.advance(299_000);
    expect(registrar.bindings(BOB)).toEqual([first]);
    send({ expires: 60, callId: 'another', cseq: 8 }, flow);
    expect(send({ expires: 90, callId: 'another', cseq: 7 }, flow).status).toBe(400);
    clock.advance(62_000);
    expect([registrar.count, clock.armedCount]).toEqual([0, 0]);
    expect(events).toEqual([
      'new sip:bob@192.0.2.4',
      'again sip:bob@192.0.2.4',
      'again sip:bob@192.0.2.4',
      'expired sip:bob@192.0.2.4',
    ]);
  });

  test('the same beside another contact, which it comes before from then on', () => {
    const { registrar, send, clock, uris } = registrarWorld();
    const flow = flowFrom('192.0.2.4', 5060);
    send({}, flow);
    const [first] = registrar.bindings(BOB);
    clock.advance(1_000);
    send({ contacts: ['<sip:bob@192.0.2.5>'], callId: 'of another phone' }, flowFrom('192.0.2.5', 5060));
    expect(uris()).toEqual(['sip:bob@192.0.2.5', 'sip:bob@192.0.2.4']);
    clock.advance(1_000);
    send({}, flow);
    expect(uris()).toEqual(['sip:bob@192.0.2.4', 'sip:bob@192.0.2.5']);
    expect(registrar.bindings(BOB)[0]).toBe(first);
  });

  test('a phone that was started again and comes back as it was takes its other contact with it', () => {
    const { send, uris } = registrarWorld();
    const flow = flowFrom('192.0.2.4', 5060);
    const [one, other] = [`<sip:bob@192.0.2.4>;${INSTANCE}`, `<sip:bob@192.0.2.4:5071>;${INSTANCE}`];
    send({ contacts: [one, other], callId: 'before' }, flow);
    send({ contacts: [one], callId: 'before' }, flow);
    expect(uris()).toHaveLength(2);
    send({ contacts: [one], callId: 'after' }, flow);
    expect(uris()).toEqual(['sip:bob@192.0.2.4']);
  });

  const here = flowFrom('192.0.2.4', 5060);
  const contact = '<sip:bob@192.0.2.4>';
  const listening = { contacts: ['<sip:bob@192.0.2.4:5080>'] };
  const symmetric = { ...listening, via: ['SIP/2.0/UDP 192.0.2.4:5060;rport;branch=z9hG4bKnashds7'] };
  /** What is bound after these REGISTERs of one Call-ID, of which the last has CSeq 9. */
  const leftBy = (...sent: [RegisterFields, typeof here][]) => {
    const { send, registrar } = registrarWorld();
    for (const [at, [fields, flow]] of sent.entries()) send({ ...fields, cseq: 10 + at - sent.length }, flow);
    return registrar.bindings(BOB);
  };
  test.each<[string, RegisterFields, typeof here, RegisterFields]>([
    ['another contact parameter', { contacts: [`${contact};+sip.ice`] }, here, {}],
    ['another preference', { contacts: [`${contact};q=0.4`] }, here, {}],
    ['an instance', { contacts: [`${contact};${INSTANCE}`] }, here, {}],
    ['another program', { headers: ['User-Agent: another'] }, here, {}],
    ['a Path', { headers: ['Path: <sip:p1.example.com;lr>', 'Supported: path'] }, here, {}],
    ['another port', {}, flowFrom('192.0.2.4', 5071), {}],
    ['another address', {}, flowFrom('192.0.2.5', 5060), {}],
    ['a connection', {}, flowFrom('192.0.2.4', 5060, 'tcp'), {}],
    ['symmetry', symmetric, here, listening],
  ])('a refresh with %s leaves what it alone would, and so does the way back', (_what, fields, flow, plain) => {
    const [changed, unchanged] = [leftBy([fields, flow]), leftBy([plain, here])];
    expect(changed).not.toEqual(unchanged);
    expect(leftBy([plain, here], [fields, flow])).toEqual(changed);
    expect(leftBy([fields, flow], [plain, here])).toEqual(unchanged);
  });

  test('a day of refreshes keeps one binding and one timer', () => {
    const { send, uris, clock } = registrarWorld();
    for (let minute = 0; minute < 1440; minute++) {
      send({ expires: 3600 });
      clock.advance(60_000);
    }
    expect(uris()).toHaveLength(1);
    expect(clock.armedCount).toBe(1);
  });
});

describe('security.md, Access: unusable and excessive contacts', () => {
  test.each([
    'sip:bob@203.0.113.7:5060',
    'sip:bob@203.0.113.7',
    'sip:bob@192.0.2.1:5060',
    'sip:bob@224.0.0.1',
    'sip:bob@[ff02::1]',
    'sip:bob@255.255.255.255',
    'sip:bob@0.1.2.3',
    'sip:bob@127.0.0.1:0',
    'sip:bob@127.0.0.1;maddr=10.0.0.1',
    'sip:bob@169.254.169.254',
    'sip:bob@192.0.2.4:0',
    'sip:bob@192.0.2.4;maddr=10.0.0.1',
  ])('%s is refused and leaves the binding intact', (uri) => {
    const { send, uris } = registrarWorld();
    send();
    expect(send({ contacts: [`<${uri}>`] }).status).toBe(403);
    expect(uris()).toEqual(['sip:bob@192.0.2.4']);
  });

  test('a phone on the loopback address may register there, but not where the engine is', () => {
    const { send } = registrarWorld();
    const flow = { ...flowFrom('127.0.0.1', 5070), localAddress: '127.0.0.1' };
    expect(send({ contacts: ['<sip:bob@127.0.0.1:5070>'] }, flow).status).toBe(200);
    expect(send({ contacts: ['<sip:bob@127.0.0.1:5060>'] }, flow).status).toBe(403);
  });

  const LOCAL = [
    '0.0.0.0',
    '[::]',
    '127.0.1.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '169.254.1.1:5062',
    '[fe80::1]',
    DOMAIN,
  ];

  test.each(LOCAL)('%s from elsewhere is the phone itself, at its source', (host) => {
    const { send, registrar } = registrarWorld();
    expect(send({ contacts: [`<sip:bob@${host}>`] }, flowFrom('192.0.2.4', 40_000)).status).toBe(200);
    expect(
      registrar.bindings(BOB).map(({ flow, target }) => [flow?.remotePort, target?.address, target?.port]),
    ).toEqual([[40_000, '192.0.2.4', 40_000]]);
  });

  // RFC 3327 §5.4: the last proxy of the Path sends to the Contact.
  test.each(LOCAL)(
    '%s behind a Path would be the machine or link of its proxy, or us: 403, and so as the Path',
    (host) => {
      const { send, uris } = registrarWorld({ trustsPath: () => true });
      const flow = flowFrom('192.0.2.4', 40_000);
      expect(send({ contacts: [`<sip:bob@${host}>`], headers: ['Path: <sip:192.0.2.4;lr>'] }, flow).status).toBe(403);
      expect(send({ contacts: ['<sip:bob@10.0.0.5>'], headers: [`Path: <sip:${host};lr>`] }, flow).status).toBe(403);
      expect(uris()).toEqual([]);
      expect(send({ contacts: ['<sip:bob@10.0.0.5>'], headers: ['Path: <sip:192.0.2.4;lr>'] }, flow).status).toBe(200);
    },
  );

  test('20 contacts: no more than the limit, all or nothing', () => {
    const { send, uris } = registrarWorld({ maxContactsPerAor: 3 });
    const contacts = (count: number) => Array.from({ length: count }, (_, index) => `<sip:bob@192.0.2.${10 + index}>`);
    expect(send({ contacts: contacts(20) }).status).toBe(403);
    expect(uris()).toEqual([]);
    expect(send({ contacts: contacts(3) }).status).toBe(200);
    expect(send({ contacts: ['<sip:bob@192.0.2.99>'] }).status).toBe(403);
    expect(send({ contacts: ['<sip:bob@192.0.2.99>', '<sip:bob@192.0.2.10>;expires=0'] }).status).toBe(200);
    expect(uris()).toHaveLength(3);
    expect(send({ contacts: contacts(33) }).status).toBe(403);
  });

  test('the number of bindings over all is bounded', () => {
    const { send } = registrarWorld({ maxBindings: 1 });
    expect(send().status).toBe(200);
    const answer = send({ contacts: ['<sip:bob@192.0.2.5>'] });
    expect([answer.status, answer.header(HeaderId.RetryAfter)]).toEqual([503, '60']);
    expect(send().status).toBe(200);
  });

  test('one with long texts counts as often as they are longer than those of most, also when a refresh has them', () => {
    const { send, registrar } = registrarWorld({ maxBindings: 6 });
    const path = Array.from({ length: 10 }, (_, at) => `Path: <sip:p${at}.example;lr;x=${'x'.repeat(900)}>`);
    const long = { contacts: ['<sip:bob@192.0.2.5>'], headers: ['Supported: path', ...path] };
    expect(send().status).toBe(200);
    expect(send(long).status).toBe(200);
    expect([send({ contacts: ['<sip:bob@192.0.2.6>'] }).status, registrar.count]).toEqual([503, 2]);
    expect(send({ headers: long.headers }).status).toBe(503);
    expect(send({ contacts: ['<sip:bob@192.0.2.5>;expires=0'] }).status).toBe(200);
    expect(send({ contacts: ['<sip:bob@192.0.2.6>'] }).status).toBe(200);
  });
});

describe('where there are several tenants', () => {
  const register = (world: ReturnType<typeof registrarWorld>, user: string, domain: string) => {
    const to = `sip:${user}@${domain}`;
    const account = { ...ACCOUNT, user, aor: aorKey(user, domain) };
    return world.send({ to, contacts: [`<sip:${user}@192.0.2.4>`] }, undefined, account).status;
  };
  const countOf = (world: ReturnType<typeof registrarWorld>, domain: string) =>
    Array.from({ length: 100 }, (_, at) => register(world, String(at), domain)).filter((status) => status === 200)
      .length;

  test('one has three quarters of all bindings at most, and the next one three quarters of the rest', () => {
    const world = registrarWorld({ maxBindings: 64, isShared: () => true });
    expect([countOf(world, 'loud.test'), countOf(world, 'quiet.test')]).toEqual([48, 12]);
    // Who is registered stays so, and what goes makes room.
    expect(register(world, '0', 'loud.test')).toBe(200);
    world.clock.advance(2 * 3_600_000);
    expect(countOf(world, 'quiet.test')).toBe(48);
  });

  test('a tenant that is alone has all of them', () => {
    expect(countOf(registrarWorld({ maxBindings: 64 }), 'acme.test')).toBe(64);
  });
});

describe('reaching a phone where it came from', () => {
  test('a phone behind NAT is reached at the source of its REGISTER', () => {
    const { send, registrar } = registrarWorld();
    const flow = flowFrom('198.51.100.9', 40_000);
    send({ contacts: ['<sip:bob@10.0.0.5:5060>'] }, flow);
    const [binding] = registrar.bindings(BOB);
    expect(binding?.flow).toBe(flow);
    expect(binding?.target).toEqual({ transport: 'udp', address: '198.51.100.9', port: 40_000, listenerId: 'udp-1' });
    expect(registrar.bindingByFlow(flow.key)).toBe(binding);
  });

  test('a Contact never directs a request to another address', () => {
    const { send, registrar } = registrarWorld();
    for (const uri of ['sip:x@10.1.2.3:6379;transport=tcp', 'sip:x@internal.example.net', 'sips:x@192.0.2.77']) {
      send({ contacts: [`<${uri}>`] });
    }
    for (const binding of registrar.bindings(BOB)) expect(binding.target?.address).toBe('192.0.2.4');
  });

  test('RFC 3581 §4: without rport, another port of the same address is where the phone listens', () => {
    const { send, registrar } = registrarWorld();
    const flow = flowFrom('192.0.2.4', 33_333);
    send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flow);
    expect(registrar.bindings(BOB)[0]).toMatchObject({ flow: undefined, target: { address: '192.0.2.4', port: 5070 } });
    send({ contacts: ['<sip:bob@192.0.2.4:5070>'], via: ['SIP/2.0/UDP 192.0.2.4:5070;rport;branch=z9hG4bK1'] }, flow);
    expect(registrar.bindings(BOB)[0]).toMatchObject({ flow, target: { port: 33_333 } });
  });

  test('a phone on TCP behind NAT is reached over its own connection, and is gone with it', () => {
    const { send, registrar, uris, events } = registrarWorld();
    const flow = flowFrom('198.51.100.9', 40_000, 'tcp');
    send({ contacts: ['<sip:bob@10.0.0.5:5060;transport=tcp>'] }, flow);
    expect(registrar.bindings(BOB)[0]).toMatchObject({ flow, target: undefined });
    flow.closed = true;
    expect(uris()).toEqual([]);
    registrar.flowClosed(flow.key);
    expect(registrar.count).toBe(0);
    expect(events.at(-1)).toBe('flow-closed sip:bob@10.0.0.5:5060;transport=tcp');
  });

  test('a phone on TCP without NAT is called back when its connection is gone', () => {
    const { send, registrar } = registrarWorld();
    const flow = flowFrom('192.0.2.4', 40_000, 'tcp');
    send({ contacts: ['<sip:bob@192.0.2.4:5070;transport=tcp>'] }, flow);
    registrar.flowClosed(flow.key);
    expect(registrar.bindings(BOB)[0]).toMatchObject({
      flow: undefined,
      target: { transport: 'tcp', address: '192.0.2.4', port: 5070 },
    });
  });

  test('a phone on TCP that comes over one connection after another is never one contact too many: those without a connection give way', () => {
    const { send, registrar, uris, events } = registrarWorld({ maxContactsPerAor: 3 });
    const over = (port: number) => {
      const flow = flowFrom('192.0.2.4', port, 'tcp');
      expect(send({ contacts: [`<sip:bob@192.0.2.4:${port};transport=tcp>`], callId: String(port) }, flow).status).toBe(
        200,
      );
      return flow;
    };
    send({ contacts: ['<sip:bob@192.0.2.9>'], callId: 'desk' });
    for (const port of [40_001, 40_002, 40_003, 40_004]) registrar.flowClosed(over(port).key);
    expect(uris().sort()).toEqual(
      [9, '4:40003;transport=tcp', '4:40004;transport=tcp'].map((rest) => `sip:bob@192.0.2.${rest}`).sort(),
    );
    expect(events.filter((event) => event.startsWith('replaced'))).toEqual([
      'replaced sip:bob@192.0.2.4:40001;transport=tcp',
      'replaced sip:bob@192.0.2.4:40002;transport=tcp',
    ]);
  });

  test.each([
    ['a connection that stands', { transport: 'tcp', closes: false }],
    ['an address over UDP', { transport: 'udp', closes: true }],
    [
      'a proxy whose connection has ended',
      { transport: 'tcp', closes: true, headers: ['Path: <sip:192.0.2.4:5070;lr>', 'Supported: path'] },
    ],
  ] as const)('no contact gives way that is reached over %s', (_, { transport, closes, ...more }) => {
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
    const flow = flowFrom('192.0.2.4', 5070, transport);
    expect(send({ contacts: ['<sip:bob@192.0.2.4:5070>'], ...more }, flow).status).toBe(200);
    if (closes) registrar.flowClosed(flow.key);
    const fresh = flowFrom('192.0.2.4', 5071, 'tcp');
    expect(send({ contacts: ['<sip:bob@192.0.2.4:5071>'], callId: 'fresh' }, fresh).status).toBe(403);
    expect(uris()).toEqual(['sip:bob@192.0.2.4:5070']);
  });

  test.each([
    ['of another address', '192.0.2.5', '', ''],
    ['of another instance', '192.0.2.4', ';+sip.instance="<urn:a>"', ';+sip.instance="<urn:b>"'],
    ['that says its instance', '192.0.2.4', '', ';+sip.instance="<urn:b>"'],
  ] as const)(
    'no contact whose connection has ended gives way to a phone %s: it may listen',
    (_, address, mine, its) => {
      const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
      const flow = flowFrom('192.0.2.4', 40_001, 'tcp');
      send({ contacts: [`<sip:bob@192.0.2.4:5070;transport=tcp>${mine}`], callId: 'desk' }, flow);
      registrar.flowClosed(flow.key);
      const fresh = flowFrom(address, 40_002, 'tcp');
      expect(send({ contacts: [`<sip:bob@${address}:5071;transport=tcp>${its}`], callId: 'other' }, fresh).status).toBe(
        403,
      );
      expect(uris()).toEqual(['sip:bob@192.0.2.4:5070;transport=tcp']);
    },
  );

  test('a contact whose connection has ended gives way to the same instance, whatever its address is now', () => {
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
    const flow = flowFrom('192.0.2.4', 40_001, 'tcp');
    send({ contacts: [`<sip:bob@192.0.2.4:40001>;${INSTANCE}`], callId: 'one' }, flow);
    registrar.flowClosed(flow.key);
    // The same Call-ID: it was not restarted.
    const moved = flowFrom('192.0.2.5', 40_002, 'tcp');
    expect(send({ contacts: [`<sip:bob@192.0.2.5:40002>;${INSTANCE}`], callId: 'one' }, moved).status).toBe(200);
    expect(uris()).toEqual(['sip:bob@192.0.2.5:40002']);
  });

  test('after a restart no contact gives way to another phone, though all connections have ended', async () => {
    const store = new MemoryBindingStore();
    const before = registrarWorld({ store, maxContactsPerAor: 2 });
    const from = (world: typeof before, host: number) => {
      const address = `192.0.2.${host}`;
      const contacts = [`<sip:bob@${address}:5070;transport=tcp>`];
      return world.send({ contacts, callId: String(host) }, flowFrom(address, 40_000, 'tcp')).status;
    };
    expect([4, 5].map((host) => from(before, host))).toEqual([200, 200]);
    await before.registrar.flush();
    const after = registrarWorld({ store, maxContactsPerAor: 2 });
    await after.registrar.restore();
    expect([6, 7].map((host) => from(after, host))).toEqual([403, 403]);
    expect(after.uris().sort()).toEqual([4, 5].map((host) => `sip:bob@192.0.2.${host}:5070;transport=tcp`));
  });

  test('no contact gives way whose connection is at another node', () => {
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
    const other = registrarWorld({ node: 'b' });
    other.send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flowFrom('192.0.2.4', 5070, 'tcp'));
    registrar.applyRemote(BOB, other.registrar.bindings(BOB));
    const fresh = flowFrom('192.0.2.4', 5071, 'tcp');
    expect(send({ contacts: ['<sip:bob@192.0.2.4:5071>'], callId: 'fresh' }, fresh).status).toBe(403);
    expect(uris()).toEqual(['sip:bob@192.0.2.4:5070']);
  });

  test.each([60_000, 60_900])(
    'one that has expired ends before the list is changed, told of once, %d ms after it came',
    (ms) => {
      for (const again of ['here', 'elsewhere']) {
        const { send, clock, registrar, events } = registrarWorld({ node: 'a' });
        // Expiry is looked at once a second.
        clock.advance(300);
        send({ expires: 60 });
        clock.advance(ms);
        if (again === 'here') send({ callId: 'again', expires: 60 });
        else registrar.applyRemote(BOB, []);
        clock.advance(63_000);
        const ends = ['new sip:bob@192.0.2.4', 'expired sip:bob@192.0.2.4'];
        expect(events).toEqual(again === 'here' ? [...ends, ...ends] : ends);
        expect(registrar.count).toBe(0);
      }
    },
  );

  test('a contact gives way whose connection to another node has ended, as that one has written', async () => {
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
    const store = new MemoryBindingStore();
    const other = registrarWorld({ node: 'b', store });
    const flow = flowFrom('192.0.2.4', 5070, 'tcp');
    other.send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flow);
    other.registrar.flowClosed(flow.key);
    await other.registrar.flush();
    registrar.applyRemote(BOB, JSON.parse(JSON.stringify(await bindingsIn(store))));
    const fresh = flowFrom('192.0.2.4', 5071, 'tcp');
    expect(send({ contacts: ['<sip:bob@192.0.2.4:5071>'], callId: 'fresh' }, fresh).status).toBe(200);
    expect(uris()).toEqual(['sip:bob@192.0.2.4:5071']);
    // It has a connection again.
    other.send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flowFrom('192.0.2.4', 5070, 'tcp'));
    await other.registrar.flush();
    expect((await bindingsIn(store))[0]).not.toHaveProperty('connectionEnded');
  });

  test('a contact gives way whose connection was to a node that has ended, and none of a node that is there', async () => {
    const gone = new Set<string>();
    const asked = new Set<number>();
    const hasEnded = (node: string, wasThereAtWallMs: number) => asked.add(wasThereAtWallMs) && gone.has(node);
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1, hasEnded });
    const store = new MemoryBindingStore();
    const other = registrarWorld({ node: 'b', store });
    other.send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flowFrom('192.0.2.4', 5070, 'tcp'));
    await other.registrar.flush();
    const [written] = await bindingsIn(store);
    registrar.applyRemote(BOB, JSON.parse(JSON.stringify([written])));
    const again = (port: number, address = '192.0.2.4') =>
      send({ contacts: [`<sip:bob@${address}:${port}>`], callId: `from ${address}` }, flowFrom(address, port, 'tcp'))
        .status;
    expect(again(5071)).toBe(403);
    gone.add('b');
    // Another phone.
    expect(again(5071, '192.0.2.9')).toBe(403);
    expect(again(5072)).toBe(200);
    expect(uris()).toEqual(['sip:bob@192.0.2.4:5072']);
    // It was there when it wrote the contact.
    expect([...asked]).toEqual([written?.refreshedAtWallMs]);
  });

  test.each([
    ['gives way to the same instance', ';+sip.instance="<urn:uuid:1>"', 200],
    ['without an instance stays: another phone may be there', '', 403],
  ])('behind a NAT a contact of a node that has ended %s', async (_, instance, status) => {
    const { send, registrar } = registrarWorld({ maxContactsPerAor: 1, hasEnded: (node) => node === 'b' });
    const store = new MemoryBindingStore();
    const other = registrarWorld({ node: 'b', store });
    const shared = (port: number) => flowFrom('203.0.113.9', port, 'tcp');
    other.send({ contacts: [`<sip:bob@10.0.0.5:5070>${instance}`] }, shared(40_001));
    await other.registrar.flush();
    registrar.applyRemote(BOB, JSON.parse(JSON.stringify(await bindingsIn(store))));
    const fresh = { contacts: [`<sip:bob@10.0.0.5:5071>${instance}`], callId: 'fresh' };
    expect(send(fresh, shared(40_002)).status).toBe(status);
    expect(registrar.elsewhere(BOB)).toHaveLength(status === 200 ? 0 : 1);
  });

  test('no contact gives way that the same REGISTER refreshes', () => {
    const { send, registrar, uris } = registrarWorld({ maxContactsPerAor: 1 });
    const flow = flowFrom('192.0.2.4', 5070, 'tcp');
    send({ contacts: ['<sip:bob@192.0.2.4:5070>'] }, flow);
    registrar.flowClosed(flow.key);
    const again = flowFrom('192.0.2.4', 5071, 'tcp');
    expect(send({ contacts: ['<sip:bob@192.0.2.4:5070>', '<sip:bob@192.0.2.4:5071>'] }, again).status).toBe(403);
    expect(uris()).toEqual(['sip:bob@192.0.2.4:5070']);
  });

  test('an old connection that closes late does not touch the binding of the new one', () => {
    const { send, registrar } = registrarWorld();
    const [first, second] = [flowFrom('198.51.100.9', 1, 'tcp'), flowFrom('198.51.100.9', 2, 'tcp')];
    send({}, first);
    send({}, second);
    registrar.flowClosed(first.key);
    expect(registrar.bindings(BOB)[0]?.flow).toBe(second);
    expect(registrar.bindingByFlow(first.key)).toBeUndefined();
  });

  test('§19.1.1: a Request-URI made of a Contact has no headers and no method', () => {
    const { send, registrar } = registrarWorld();
    send({ contacts: ['<sip:bob@192.0.2.4;method=BYE;ob?Subject=x>'] });
    expect(registrar.bindings(BOB)[0]?.requestUri).toBe('sip:bob@192.0.2.4;ob');
  });
});

describe('RFC 3327: Path', () => {
  const PATH = ['Path: <sip:P1.example.com;lr>, <sip:P2.example.com;lr>'];

  test('§5.3: Path is stored in order and copied into the answer', () => {
    const { send, registrar } = registrarWorld();
    const answer = send({ headers: [...PATH, 'Supported: path'] });
    expect(answer.response.headers.listValues(HeaderId.Path)).toEqual([
      '<sip:P1.example.com;lr>',
      '<sip:P2.example.com;lr>',
    ]);
    expect(registrar.bindings(BOB)[0]?.path).toEqual(['<sip:P1.example.com;lr>', '<sip:P2.example.com;lr>']);
  });

  test('§5.3: Path from a client that does not know it is 420', () => {
    const { send, uris } = registrarWorld();
    const answer = send({ headers: PATH });
    expect([answer.status, answer.header(HeaderId.Unsupported)]).toEqual([420, 'path']);
    expect(uris()).toEqual([]);
  });

  test('§5.3: Path from a client that does not know it is kept where the proxy is trusted', () => {
    const { send, registrar } = registrarWorld({ trustsPath: ({ remoteAddress }) => remoteAddress === '192.0.2.50' });
    expect(send({ headers: PATH }, flowFrom('192.0.2.51', 5060, 'udp')).status).toBe(420);
    expect(send({ headers: PATH }, flowFrom('192.0.2.50', 5060, 'udp')).status).toBe(200);
    expect(registrar.bindings(BOB)[0]?.path).toHaveLength(2);
  });

  test("a proxy's flow does not say who sends over it, and takes no binding with it", () => {
    const { send, registrar } = registrarWorld();
    const flow = flowFrom('192.0.2.50', 5060, 'tcp');
    send({ headers: [...PATH, 'Supported: path'] }, flow);
    expect(registrar.bindingByFlow(flow.key)).toBeUndefined();
    registrar.flowClosed(flow.key);
    expect(registrar.count).toBe(1);
  });

  test('a Path into our own listener is refused', () => {
    const { send } = registrarWorld();
    expect(send({ headers: ['Path: <sip:203.0.113.7;lr>', 'Supported: path'] }).status).toBe(403);
  });
});

describe('RFC 5626: flows', () => {
  const contact = (port: number, regId = 1) =>
    `<sip:bob@10.0.0.5:${port};transport=tcp;ob>;reg-id=${regId};${INSTANCE}`;

  test('§6: the binding is of instance and flow, whatever the URI; the answer requires outbound and names the timer', () => {
    const { send, uris, registrar } = registrarWorld();
    send({ contacts: [contact(1000)], headers: OUTBOUND }, flowFrom('198.51.100.9', 1000, 'tcp'));
    const answer = send(
      { contacts: [contact(2000)], headers: OUTBOUND, callId: 'new' },
      flowFrom('198.51.100.9', 2000, 'tcp'),
    );
    expect([answer.header(HeaderId.Require), answer.header(HeaderId.FlowTimer)]).toEqual(['outbound', '120']);
    expect(uris()).toEqual(['sip:bob@10.0.0.5:2000;transport=tcp;ob']);
    expect(registrar.count).toBe(1);
  });

  test('§6: without support in the client, reg-id is ignored and nothing required', () => {
    const { send, registrar } = registrarWorld();
    const answer = send({ contacts: [contact(1000)], headers: UNSUPPORTED_FLOW });
    expect(answer.header(HeaderId.Require)).toBeUndefined();
    expect(registrar.bindings(BOB)[0]?.regId).toBeUndefined();
  });

  test('§6: reg-id without instance is ignored', () => {
    const { send, registrar } = registrarWorld();
    send({ contacts: ['<sip:bob@10.0.0.5>;reg-id=1'], headers: OUTBOUND });
    expect(registrar.bindings(BOB)[0]?.regId).toBeUndefined();
  });

  test('§6: a first hop that does not keep flows is 439', () => {
    const { send } = registrarWorld();
    const via = ['SIP/2.0/UDP p1.example.com;branch=z9hG4bK2', 'SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1'];
    const fields = { via, contacts: [contact(1000)] };
    expect(send({ ...fields, headers: OUTBOUND }).status).toBe(439);
    const path = 'Path: <sip:token@p1.example.com;lr;ob>';
    expect(send({ ...fields, headers: [...OUTBOUND, path] }).status).toBe(200);
  });

  test('§6: two contacts, one of them with reg-id, are 400', () => {
    const { send } = registrarWorld();
    expect(send({ contacts: [contact(1000), '<sip:bob@192.0.2.8>'], headers: OUTBOUND }).status).toBe(400);
  });

  test('§7: one target per instance; a closed flow hands over', () => {
    const { send, registrar, clock } = registrarWorld();
    const flows = [flowFrom('198.51.100.9', 1, 'tcp'), flowFrom('198.51.100.9', 2, 'tcp')];
    for (const [index, flow] of flows.entries()) {
      send({ contacts: [contact(index + 1, index + 1)], headers: OUTBOUND }, flow);
      clock.advance(1000);
    }
    const [best, ...others] = registrar.bindings(BOB);
    expect([best?.regId, others]).toEqual([2, []]);
    registrar.flowClosed(flows[1]?.key ?? '');
    expect(registrar.bindings(BOB).map(({ regId }) => regId)).toEqual([1]);
  });

  test('the same instance with a new Call-ID is a restarted phone: its old contact goes', () => {
    const { send, uris, events } = registrarWorld();
    send({ contacts: [`<sip:bob@192.0.2.4:1111>;${INSTANCE}`], callId: 'before' });
    send({ contacts: [`<sip:bob@192.0.2.4:2222>;${INSTANCE}`], callId: 'after' });
    expect(uris()).toEqual(['sip:bob@192.0.2.4:2222']);
    expect(events.at(-2)).toBe('replaced sip:bob@192.0.2.4:1111');
  });
});

describe('behaviour 24: a gateway that registers to an accept-register trunk', () => {
  const GATEWAY = { ...ACCOUNT, aor: 'gw@trunk.label', user: undefined, newestOnly: true };

  test('a later registration from elsewhere replaces the earlier one', () => {
    const { send, registrar } = registrarWorld();
    send({ callId: 'a' }, flowFrom('198.51.100.1', 5060), GATEWAY);
    const moved = flowFrom('198.51.100.2', 7000, 'tcp');
    expect(send({ contacts: ['<sip:gw@10.9.9.9>'], callId: 'b' }, moved, GATEWAY).contacts).toHaveLength(1);
    expect(registrar.bindings(GATEWAY.aor).map(({ flow }) => flow)).toEqual([moved]);
  });

  test('an overtaken REGISTER of the same Call-ID does not bring the old place back', () => {
    const { send, uris } = registrarWorld();
    send({ cseq: 5, contacts: ['<sip:gw@192.0.2.20>'] }, undefined, GATEWAY);
    expect(send({ cseq: 4, contacts: ['<sip:gw@192.0.2.19>'] }, undefined, GATEWAY).status).toBe(400);
    expect(uris(GATEWAY.aor)).toEqual(['sip:gw@192.0.2.20']);
  });

  test('two contacts at once are refused', () => {
    const { send } = registrarWorld();
    expect(send({ contacts: ['<sip:gw@192.0.2.20>', '<sip:gw@192.0.2.21>'] }, undefined, GATEWAY).status).toBe(403);
  });
});

describe('restart and other nodes', () => {
  test('bindings come back with the time that is left; a phone behind NAT on TCP has to connect again', async () => {
    const store = new MemoryBindingStore();
    const before = registrarWorld({ store });
    before.send({ expires: 600 }, flowFrom('198.51.100.9', 40_000));
    before.send({ contacts: ['<sip:bob@10.0.0.6;transport=tcp>'] }, flowFrom('198.51.100.9', 40_001, 'tcp'));
    expect(await before.registrar.flush()).toBe(true);

    const after = registrarWorld({ store });
    after.clock.advance(100_000);
    expect(await after.registrar.restore()).toBe(1);
    const [binding] = after.registrar.bindings(BOB);
    expect(binding?.target).toEqual({ transport: 'udp', address: '198.51.100.9', port: 40_000, listenerId: 'udp-1' });
    expect(after.registrar.bindingByFlow('udp 198.51.100.9 40000')).toBe(binding);
    expect(after.send({ contacts: [] }).contacts).toEqual(['<sip:bob@192.0.2.4>;expires=500']);
    after.clock.advance(502_000);
    expect(after.registrar.count).toBe(0);
  });

  test('an expired binding does not come back', async () => {
    const store = new MemoryBindingStore();
    const before = registrarWorld({ store });
    before.send({ expires: 60 });
    await before.registrar.flush();
    const after = registrarWorld({ store });
    after.clock.advance(60_000);
    expect(await after.registrar.restore()).toBe(0);
  });

  test('a list changed by another node is taken over; what registered here stays', async () => {
    const store = new MemoryBindingStore();
    const other = registrarWorld({ store, node: 'b' });
    other.send({ contacts: ['<sip:bob@10.0.0.7;transport=tcp>'] }, flowFrom('198.51.100.7', 1, 'tcp'));
    await other.registrar.flush();
    const remote = await bindingsIn(store);

    const here = registrarWorld({ store, node: 'a' });
    here.send({ contacts: ['<sip:bob@192.0.2.4>'] });
    here.registrar.applyRemote(BOB, remote);
    expect(here.uris()).toEqual(['sip:bob@192.0.2.4']);
    expect(here.registrar.elsewhere(BOB).map(({ node }) => node)).toEqual(['b']);
    here.registrar.applyRemote(BOB, []);
    expect(here.registrar.count).toBe(1);
  });

  test('what another node writes while the store is read is taken after what was read', async () => {
    const store = new MemoryBindingStore();
    const before = registrarWorld({ store, node: 'a' });
    before.send({ contacts: ['<sip:bob@192.0.2.4>'] });
    await before.registrar.flush();
    const { promise: read, resolve } = Promise.withResolvers<void>();
    const slow = new MemoryBindingStore();
    const kept = await store.load();
    slow.load = async () => {
      await read;
      return kept;
    };
    const here = registrarWorld({ store: slow, node: 'a' });
    const other = registrarWorld({ store, node: 'b' });
    other.send({ contacts: ['<sip:bob@10.0.0.7;transport=tcp>'] }, flowFrom('198.51.100.7', 1, 'tcp'));
    await other.registrar.flush();
    const written = [...[...kept].flatMap(({ bindings = [] }) => bindings), ...(await bindingsIn(store))];
    const restored = here.registrar.restore();
    here.registrar.applyRemote(BOB, written);
    expect(here.registrar.count).toBe(0);
    resolve();
    expect(await restored).toBe(1);
    expect(here.uris()).toEqual(['sip:bob@192.0.2.4']);
    expect(here.registrar.elsewhere(BOB).map(({ node }) => node)).toEqual(['b']);
  });

  /** A store with so many AORs, of which `load` waits until it is let. */
  async function slowStore(aors: number, node: string) {
    const store = new MemoryBindingStore();
    const before = registrarWorld({ store, node });
    before.send();
    await before.registrar.flush();
    const [one] = await bindingsIn(store);
    if (one === undefined) throw new Error('nothing was written');
    const kept = Array.from({ length: aors }, (_, n) => ({ ...one, aor: aorKey(`u${n}`, DOMAIN) }));
    const { promise: read, resolve } = Promise.withResolvers<void>();
    const slow = new MemoryBindingStore();
    slow.load = async () => {
      await read;
      return listed(kept);
    };
    return { store: Object.assign(slow, { isShared: true as const }), kept, letRead: resolve };
  }

  test('with 50,000 AORs that are read, and all that were told meanwhile, no turn of the loop computes for 50 ms', async () => {
    /** CPU time of the longest turn. */
    const longestTurnMs = async () => {
      const { store, kept, letRead } = await slowStore(50_000, 'b');
      const here = registrarWorld({ store, node: 'a' });
      const restored = here.registrar.restore();
      const newer = kept.map((one) => ({ ...one, contactUri: 'sip:bob@192.0.2.5' }));
      for (const one of kept) here.registrar.applyRemote(one.aor, [one]);
      for (const one of newer) here.registrar.applyRemote(one.aor, [one]);
      // What the rows before have left is not collected in a turn of this one.
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
      const watch = new SliceWatch();
      watch.start();
      letRead();
      expect(await restored).toBe(50_000);
      await new Promise((resolve) => setImmediate(resolve));
      const { cpuMs } = watch.stop();
      // Of each the last that was told.
      const contacts = new Set([...here.registrar.all()].map(({ contactUri }) => contactUri));
      expect([here.registrar.count, ...contacts]).toEqual([50_000, 'sip:bob@192.0.2.5']);
      return cpuMs;
    };
    let leastMs = Number.POSITIVE_INFINITY;
    // A collection of garbage may fall into a turn of any one of them, not of all.
    for (let tries = 0; tries < 5 && leastMs >= 50; tries++) leastMs = Math.min(leastMs, await longestTurnMs());
    expect(leastMs).toBeLessThan(50);
  });

  test('while calls wait, an AOR that is asked for is there as soon as it is read, and so is news of others', async () => {
    const { store, kept, letRead } = await slowStore(4_000, 'b');
    const here = registrarWorld({ store, node: 'a' });
    const yieldsNoMore = letFirst(() => true);
    onTestFinished(() => void yieldsNoMore());
    const restored = here.registrar.restore();
    const [told, asked] = kept.slice(-2) as [StoredBinding, StoredBinding];
    const atNewPort = { ...told, contactUri: 'sip:bob@192.0.2.5', refreshedAtWallMs: told.refreshedAtWallMs + 1 };
    const unknown = { ...told, aor: aorKey('new', DOMAIN) };
    letRead();
    await eventually('it', () => here.registrar.bindings(asked.aor).length === 1);
    here.registrar.applyRemote(told.aor, [told, atNewPort]);
    here.registrar.applyRemote(unknown.aor, [unknown]);
    expect(here.registrar.bindings(told.aor)).toHaveLength(2);
    expect(here.registrar.bindings(unknown.aor)).toHaveLength(1);
    // Most of them have not had their turn.
    expect(here.registrar.count).toBeLessThan(4_000);
    yieldsNoMore();
    expect(await restored).toBe(4_000);
    expect(here.registrar.bindings(told.aor)).toHaveLength(2);
    expect(here.registrar.count).toBe(4_002);
  });

  test('an extension that is deleted before its binding is brought back has none', async () => {
    const { store, kept, letRead } = await slowStore(4_000, 'a');
    const here = registrarWorld({ store, node: 'a' });
    const yieldsNoMore = letFirst(() => true);
    onTestFinished(() => void yieldsNoMore());
    const restored = here.registrar.restore();
    const [asked, deleted] = kept.slice(-2).map(({ aor }) => aor) as [string, string];
    letRead();
    await eventually('it', () => here.registrar.bindings(asked).length === 1);
    here.registrar.remove(deleted);
    yieldsNoMore();
    await restored;
    expect(here.registrar.bindings(deleted)).toEqual([]);
  });

  test('however long calls wait, all that was read is back within seconds', async () => {
    const { store, letRead } = await slowStore(20_000, 'b');
    let laterMs = 0;
    const real = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => real() + laterMs);
    const yieldsNoMore = letFirst(() => true);
    onTestFinished(() => {
      clock.mockRestore();
      yieldsNoMore();
    });
    const restored = registrarWorld({ store, node: 'a' }).registrar.restore();
    letRead();
    await new Promise((resolve) => setTimeout(resolve, 100));
    laterMs = 3_000;
    const late = new Promise((resolve) => setTimeout(resolve, 6_000, 'late'));
    // By the slices that are left to it beside calls, 13 s.
    expect(await Promise.race([restored, late])).toBe(20_000);
  });

  describe.each<[string, (binding: StoredBinding) => unknown]>([
    ['no object', () => null],
    ['no Contact', (binding) => ({ ...binding, contactUri: undefined })],
    ['a Contact that is no URI', (binding) => ({ ...binding, contactUri: 'sip:' })],
    ['no source', ({ source: _, ...rest }) => rest],
    ['a source without address', (binding) => ({ ...binding, source: { ...binding.source, address: undefined } })],
    ['a source without port', (binding) => ({ ...binding, source: { ...binding.source, port: null } })],
    ['a Path that is a text', (binding) => ({ ...binding, path: 'sip:proxy.example.com' })],
    ['no expiry', (binding) => ({ ...binding, expiresAtWallMs: null })],
  ])('a stored binding with %s', (_name, spoil) => {
    async function world() {
      const { store, kept, letRead } = await slowStore(3, 'b');
      letRead();
      const warnings: unknown[] = [];
      const log = { ...silentLog, warn: (event: string, fields?: object) => warnings.push({ event, ...fields }) };
      const sources: string[] = [];
      const listener = {
        onRegistered() {},
        onUnregistered() {},
        onRead: ({ source: { address } }: StoredBinding) => sources.push(address),
      };
      const here = registrarWorld({ store, node: 'a', log, listener });
      const [first, second, third] = kept as [StoredBinding, StoredBinding, StoredBinding];
      const sibling = { ...second, contactUri: 'sip:sibling@192.0.2.8', callId: 'sibling' };
      return { store, here, warnings, sources, first, second, third, sibling, broken: spoil(second) as StoredBinding };
    }
    const warning = { event: 'registration-not-read', aor: expect.any(String), error: expect.any(String) };

    test('costs no other, of its AOR or of another one, when all are brought back', async () => {
      const { store, here, warnings, sources, first, second, third, sibling, broken } = await world();
      store.load = () => Promise.resolve(listed([first, broken, sibling, third], second.aor));
      expect(await here.registrar.restore()).toBe(3);
      const urisOf = ({ aor }: StoredBinding) => here.registrar.bindings(aor).map(({ contactUri }) => contactUri);
      expect([first, sibling, third].map(urisOf)).toEqual(
        [first, sibling, third].map(({ contactUri }) => [contactUri]),
      );
      expect(sources).toHaveLength(3);
      expect(warnings).toEqual([warning]);
    });

    test('costs no other when another node tells of it', async () => {
      const { here, warnings, second, sibling, broken } = await world();
      here.registrar.applyRemote(second.aor, [broken, sibling]);
      expect(here.registrar.bindings(second.aor).map(({ contactUri }) => contactUri)).toEqual([sibling.contactUri]);
      expect(warnings).toEqual([{ ...warning, aor: second.aor }]);
      here.registrar.applyRemote(second.aor, [second]);
      expect(here.registrar.bindings(second.aor)).toHaveLength(1);
    });
  });

  describe('a list of another node that cannot be read as a whole', () => {
    async function world() {
      const { store, kept, letRead } = await slowStore(1, 'b');
      const written: BindingChange[] = [];
      store.write = async (changes) => void written.push(...changes);
      const here = registrarWorld({ store, node: 'a' });
      const [known] = kept as [StoredBinding];
      const { aor } = known;
      const sibling = { ...known, contactUri: 'sip:sibling@192.0.2.8', callId: 'sibling' };
      const unreadable = { ...known, source: null, refreshedAtWallMs: known.refreshedAtWallMs + 1 } as never;
      const own = () =>
        here.registrar.process(
          register({ user: 'u0', cseq: 9, callId: 'own', contacts: ['<sip:own@192.0.2.9>'] }),
          flowFrom('192.0.2.9', 5060),
          { ...ACCOUNT, aor, user: 'u0' },
        );
      const write = async () => {
        here.clock.advance(1_000);
        await here.registrar.flush();
        return written.splice(0).map(({ bindings }) => bindings.map(({ contactUri }) => contactUri));
      };
      const { contactUri, callId, cseq, node, refreshedAtWallMs, expiresAtWallMs: untilWallMs } = known;
      const removal = { contactUri, callId, cseq, node, refreshedAtWallMs, untilWallMs } as StoredRemoval;
      const uris = () => here.uris(aor).sort();
      return { store, here, letRead, aor, known, sibling, unreadable, own, write, removal, uris };
    }

    test('takes away nothing that is known here of other nodes', async () => {
      const { here, aor, known, sibling, unreadable, uris } = await world();
      here.registrar.applyRemote(aor, [known]);
      here.registrar.applyRemote(aor, [unreadable]);
      expect(uris()).toEqual([known.contactUri]);
      here.registrar.applyRemote(aor, [unreadable, sibling]);
      expect(uris()).toEqual([known.contactUri, sibling.contactUri].sort());
      here.registrar.applyRemote(aor, undefined);
      expect(uris()).toEqual([known.contactUri, sibling.contactUri].sort());
      here.registrar.applyRemote(aor, [sibling]);
      expect(uris()).toEqual([sibling.contactUri]);
    });

    test('brings a later registration of what is known all the same', async () => {
      const { here, aor, known, sibling, unreadable, uris } = await world();
      here.registrar.applyRemote(aor, [known]);
      const later = { ...known, node: 'c', refreshedAtWallMs: known.refreshedAtWallMs + 5 };
      here.registrar.applyRemote(aor, [{ ...(unreadable as object), contactUri: sibling.contactUri } as never, later]);
      expect(uris()).toEqual([known.contactUri]);
      expect(here.registrar.bindings(aor).map(({ node }) => node)).toEqual(['c']);
    });

    test('takes away nothing that was told while the store was read', async () => {
      const { store, here, letRead, aor, known, sibling, unreadable, uris } = await world();
      store.load = async () => [];
      const restored = here.registrar.restore();
      here.registrar.applyRemote(aor, undefined);
      here.registrar.applyRemote(aor, [known]);
      here.registrar.applyRemote(aor, [unreadable, sibling]);
      here.registrar.applyRemote(aor, undefined);
      letRead();
      await restored;
      expect(uris()).toEqual([known.contactUri, sibling.contactUri].sort());
    });

    test('comes with what was taken away, which counts', async () => {
      const { here, aor, known, sibling, removal, uris } = await world();
      here.registrar.applyRemote(aor, [known, sibling]);
      here.registrar.applyRemote(aor, undefined, [removal]);
      expect(uris()).toEqual([sibling.contactUri]);
    });

    test('is written anew where it lacks what registered here, and left alone where nothing of it can be read', async () => {
      const { here, aor, known, unreadable, own, write } = await world();
      here.registrar.applyRemote(aor, [known]);
      own();
      await write();
      here.registrar.applyRemote(aor, undefined);
      expect(await write()).toEqual([]);
      here.registrar.applyRemote(aor, [unreadable]);
      expect(await write()).toEqual([expect.arrayContaining(['sip:own@192.0.2.9', known.contactUri])]);
    });
  });

  test('a phone of another node is known, whatever way a later version reaches it there; in the list of another address it is not', async () => {
    const { kept } = await slowStore(1, 'b');
    const here = registrarWorld({ node: 'a' });
    const [one] = kept as [StoredBinding];
    const source = { ...one.source, transport: 'ws' };
    const later = { ...one, source, target: source, instance: null, userAgent: { name: 'phone' } } as never;
    here.registrar.applyRemote(one.aor, [later]);
    expect(here.registrar.elsewhere(one.aor)).toMatchObject([{ source, target: undefined, userAgent: '' }]);
    here.registrar.applyRemote(BOB, [one]);
    expect(here.registrar.elsewhere(BOB)).toEqual([]);
    expect(here.registrar.bindings(BOB)).toEqual([]);
  });

  test('what the store has in the list of another address is not taken', async () => {
    const { store, kept, letRead } = await slowStore(2, 'a');
    letRead();
    const [one, other] = kept as [StoredBinding, StoredBinding];
    store.load = () =>
      Promise.resolve([
        { aor: one.aor, bindings: [one, other] },
        { aor: other.aor, bindings: undefined },
      ]);
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (_event: string, fields?: object) => warnings.push(fields) };
    const here = registrarWorld({ store, node: 'a', log });
    expect(await here.registrar.restore()).toBe(1);
    expect([one, other].map(({ aor }) => here.registrar.bindings(aor).length)).toEqual([1, 0]);
    expect(warnings).toEqual([
      { aor: one.aor, error: 'a binding of another address-of-record' },
      { aor: other.aor, error: 'bindings that are no list in JSON' },
    ]);
  });

  describe.each(['when the store is read', 'when another node tells of it'])(
    'a binding that lasts and cannot be read here, %s,',
    (when) => {
      async function world(changes: object = {}) {
        const { store, kept, letRead } = await slowStore(1, 'b');
        const [known] = kept as [StoredBinding];
        const later = { ...known, source: null, more: 'of a later version', ...changes } as never as StoredBinding;
        const sibling = { ...known, contactUri: 'sip:sibling@192.0.2.8', callId: 'sibling' };
        const written: BindingChange[] = [];
        store.write = async (all) => void written.push(...all);
        const warnings: unknown[] = [];
        const log = { ...silentLog, warn: (event: string) => warnings.push(event) };
        const here = registrarWorld({ store, node: 'a', log });
        const list = [later, sibling];
        const tell = async () => {
          if (when.startsWith('when another')) here.registrar.applyRemote(known.aor, list);
          else {
            store.load = async () => [{ aor: known.aor, bindings: list }];
            await here.registrar.restore();
          }
        };
        letRead();
        await tell();
        let cseq = 9;
        const say = (fields: RegisterFields, more: Partial<RegisterAccount> = {}) =>
          here.registrar.process(
            register({ user: 'u0', cseq: cseq++, callId: 'own', ...fields }),
            flowFrom('192.0.2.9', 5060),
            { ...ACCOUNT, aor: known.aor, user: 'u0', ...more },
          );
        const write = async () => {
          here.clock.advance(1_000);
          await here.registrar.flush();
          return written.splice(0).at(-1)?.bindings;
        };
        return { here, known, later, sibling, list, say, write, warnings };
      }
      const OWN = { contacts: ['<sip:own@192.0.2.9>'] };

      test('goes back as it came with what others of its address register, and the log hears of it once', async () => {
        const { here, known, later, sibling, say, write, warnings } = await world();
        say(OWN);
        const written = (await write()) ?? [];
        expect(written).toContainEqual(later);
        expect(written.map(({ contactUri }) => contactUri).sort()).toEqual(
          [known.contactUri, sibling.contactUri, 'sip:own@192.0.2.9'].sort(),
        );
        here.registrar.applyRemote(known.aor, written);
        say(OWN);
        expect(await write()).toContainEqual(later);
        expect(warnings).toEqual(['registration-not-read']);
      });

      test.each<[string, object, RegisterFields, Partial<RegisterAccount>]>([
        ['its phone registers here', {}, { contacts: ['<sip:bob@192.0.2.4>'] }, {}],
        ['all of its address are taken away', {}, { contacts: ['*'], expires: 0 }, {}],
        ['its address has one binding, and that is another', {}, OWN, { newestOnly: true }],
        ['it does not say until when it lasts', { expiresAtWallMs: 'later' }, OWN, {}],
      ])('is gone when %s', async (_what, changes, fields, more) => {
        const { later, say, write } = await world(changes);
        say(fields, more);
        expect(await write()).not.toContainEqual(later);
        say(OWN, more);
        expect(await write()).not.toContainEqual(later);
      });

      test('is gone when its time is over, and when its extension is deleted', async () => {
        const { here, known, later, say, write } = await world({ expiresAtWallMs: 0 });
        say(OWN);
        expect(await write()).not.toContainEqual(later);
        const again = await world();
        again.here.registrar.applyRemote(known.aor, [again.later]);
        again.here.registrar.remove(known.aor);
        expect(await again.write()).toEqual([]);
        expect(here.registrar.bindings(known.aor)).not.toEqual([]);
      });
    },
  );

  test('who sends over a UDP flow is known as soon as the store is read, brought back yet or not', async () => {
    const { store, kept, letRead } = await slowStore(20_000, 'a');
    const flowKey = 'udp of u19999';
    const list = kept.map((one, index) => (index === 19_999 ? { ...one, flowKey } : one));
    store.load = async () => listed(list);
    letRead();
    const here = registrarWorld({ store, node: 'a' });
    let isOver = false;
    const restored = here.registrar.restore().then(() => {
      isOver = true;
    });
    const isKnown = () => here.registrar.bindingByFlow(flowKey)?.aor === list[19_999]?.aor;
    while (!isKnown() && !isOver) await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    expect(here.registrar.count).toBeLessThan(20_000);
    await restored;
  });

  test('a phone of another node is back beside one that has registered meanwhile', async () => {
    const { store, kept, letRead } = await slowStore(1, 'b');
    const here = registrarWorld({ store, node: 'a' });
    const restored = here.registrar.restore();
    const [one] = kept as [StoredBinding];
    here.registrar.process(register({ user: 'u0', contacts: ['<sip:own@192.0.2.9>'] }), flowFrom('192.0.2.9', 5060), {
      ...ACCOUNT,
      aor: one.aor,
      user: 'u0',
    });
    letRead();
    await restored;
    expect(here.uris(one.aor).sort()).toEqual([one.contactUri, 'sip:own@192.0.2.9'].sort());
  });

  test('what was taken away elsewhere and cannot be read costs nothing beside it', async () => {
    const { store, kept, letRead } = await slowStore(1, 'b');
    letRead();
    const here = registrarWorld({ store, node: 'a' });
    const [binding] = kept as [StoredBinding];
    const { aor, contactUri, callId, cseq, node, refreshedAtWallMs } = binding;
    const gone = { contactUri, callId, cseq, node, refreshedAtWallMs, instance: undefined, regId: undefined };
    const removal = { ...gone, untilWallMs: binding.expiresAtWallMs };
    const sibling = { ...binding, contactUri: 'sip:sibling@192.0.2.8', callId: 'sibling' };
    here.registrar.applyRemote(
      aor,
      [binding, sibling],
      [null as never, { ...removal, contactUri: null as never }, removal],
    );
    expect(here.registrar.bindings(aor).map((one) => one.contactUri)).toEqual([sibling.contactUri]);
  });

  test('the listener hears of each that is read, and of each that is back', async () => {
    const { store, kept, letRead } = await slowStore(3, 'b');
    const [first, second, third] = kept as [StoredBinding, StoredBinding, StoredBinding];
    store.load = () => Promise.resolve(listed([first, { ...second, expiresAtWallMs: 0 }, third]));
    letRead();
    const heard: string[] = [];
    const listener = {
      onRegistered() {},
      onUnregistered() {},
      onRead: ({ aor }: StoredBinding) => heard.push(`read ${aor}`),
      onBroughtBack: ({ aor }: StoredBinding) => heard.push(`back ${aor}`),
    };
    await registrarWorld({ store, node: 'a', listener }).registrar.restore();
    const read = kept.map(({ aor }) => `read ${aor}`);
    expect(heard).toEqual([...read, `back ${first.aor}`, `back ${third.aor}`]);
  });

  test('the listener hears of what other nodes tell, and of what that takes the place of', async () => {
    const { kept } = await slowStore(2, 'b');
    const [first, second] = kept as [StoredBinding, StoredBinding];
    const heard: string[][][] = [];
    const listener = {
      onRegistered() {},
      onUnregistered() {},
      onTold: (...lists: (readonly StoredBinding[])[]) =>
        heard.push(lists.map((list) => list.map(({ contactUri, node }) => `${contactUri} ${node}`))),
    };
    const { registrar } = registrarWorld({ node: 'a', listener });
    const [one, other] = [first, { ...second, aor: first.aor }].map((each) => `${each.contactUri} b`) as [
      string,
      string,
    ];
    registrar.applyRemote(first.aor, [first]);
    registrar.applyRemote(first.aor, [
      { ...second, aor: first.aor },
      { ...first, node: 'a' },
    ]);
    registrar.applyRemote(first.aor, []);
    expect(heard).toEqual([
      [[one], []],
      [[other], [one]],
      [[], [other]],
    ]);
  });

  test('a phone that unregisters, or registers, while the store is read is what it says', async () => {
    const { store, kept, letRead } = await slowStore(2, 'a');
    const here = registrarWorld({ store, node: 'a' });
    const restored = here.registrar.restore();
    const [gone = '', moved = ''] = kept.map(({ aor }) => aor);
    const say = (user: string, fields: RegisterFields) =>
      here.registrar.process(register({ user, cseq: 2, ...fields }), flowFrom('192.0.2.4', 5060), {
        ...ACCOUNT,
        aor: aorKey(user, DOMAIN),
        user,
      });
    say('u0', { contacts: ['*'], expires: 0 });
    say('u1', { contacts: [`<${kept[1]?.contactUri}>;expires=0`, '<sip:u1@192.0.2.6>'] });
    letRead();
    await restored;
    expect(here.registrar.bindings(gone)).toEqual([]);
    expect(here.registrar.bindings(moved).map(({ contactUri }) => contactUri)).toEqual(['sip:u1@192.0.2.6']);
  });

  test('where the store cannot be read, what another node writes meanwhile is taken all the same', async () => {
    const store = new MemoryBindingStore();
    const other = registrarWorld({ store, node: 'b' });
    other.send({ contacts: ['<sip:bob@10.0.0.7;transport=tcp>'] }, flowFrom('198.51.100.7', 1, 'tcp'));
    await other.registrar.flush();
    const written = await bindingsIn(store);
    const unread = new MemoryBindingStore();
    unread.load = () => Promise.reject(new Error('unreachable'));
    const here = registrarWorld({ store: unread, node: 'a' });
    const restored = here.registrar.restore();
    here.registrar.applyRemote(BOB, written);
    await expect(restored).rejects.toThrow('unreachable');
    expect(here.registrar.elsewhere(BOB).map(({ node }) => node)).toEqual(['b']);
  });

  test('a deleted extension leaves no binding', () => {
    const { send, registrar, events } = registrarWorld();
    send();
    registrar.remove(BOB);
    expect(registrar.count).toBe(0);
    expect(events.at(-1)).toBe('removed sip:bob@192.0.2.4');
  });
});

test('prototype names are names like any other', () => {
  const { send, registrar } = registrarWorld();
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(registrar.bindings(name)).toEqual([]);
    const account = { ...ACCOUNT, aor: name };
    expect(send({ contacts: [`<sip:${name}@192.0.2.4>;${name}=1`] }, undefined, account).status).toBe(200);
    expect(registrar.bindings(name)).toHaveLength(1);
  }
});

test('a registrar is a value: two of them share nothing', () => {
  const [a, b] = [registrarWorld(), registrarWorld()];
  a.send();
  expect([a.registrar.count, b.registrar.count]).toEqual([1, 0]);
  expect(a.registrar).toBeInstanceOf(Registrar);
});
