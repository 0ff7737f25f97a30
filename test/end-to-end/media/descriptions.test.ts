import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Examination } from '../../../src/trunks/examination.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { RtpEnd } from '../../kit/rtp-end.ts';
import { type Rtpengine, startRtpengine } from '../../kit/rtpengine.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { type Dialog, dialogOfCaller, Phone, type PlacedCall } from '../outbound/phone.ts';
import { fieldOf, methodOf, responseTo, statusOf, tagOf, uriOf, type WireMessage } from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';

const HERE = '127.0.0.1';
const SIX = '::1';
const TELEPHONE_EVENT = 101;
const SDP_TYPE = ['Content-Type: application/sdp'];
const FAX = ['m=image PORT udptl t38', 'a=T38FaxVersion:0', 'a=T38FaxUdpEC:t38UDPRedundancy'];
const KEYED = [
  'm=audio PORT RTP/SAVP 8',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj',
];
const FINGERPRINT = `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => '4A').join(':')}`;
const BROWSER = [
  'm=audio PORT UDP/TLS/RTP/SAVPF 8',
  'a=rtcp-mux',
  'a=setup:actpass',
  FINGERPRINT,
  'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuvwx',
  'a=candidate:1 1 UDP 2130706431 127.0.0.1 PORT typ host',
];

describe.skipIf(peersSkipped)('descriptions through rtpengine', () => {
  let relay: Rtpengine;
  let engine: TestEngine;
  const phones: Phone[] = [];
  const ends: RtpEnd[] = [];
  let caller: Phone;
  let always: Phone;
  let six: Phone;
  let keyed: Phone;
  let browser: Phone;
  let carrier: Phone;
  let alice: RtpEnd;
  let bob: RtpEnd;
  let bobAtSix: RtpEnd;

  beforeAll(async () => {
    relay = await startRtpengine({ interfaces: [SIX] });
    // Nobody's phone: it hears what the trunks send.
    carrier = await Phone.open({ address: HERE, port: 0 }, '127.0.0.7');
    phones.push(carrier);
    const usual = carrier.party.onMessage;
    carrier.party.onMessage = (message, from) => {
      if (methodOf(message) !== 'REGISTER') usual(message, from);
      else if (fieldOf(message, 'From').includes('sip:refused@'))
        carrier.party.send(responseTo(message, '403 Forbidden', 'registrar'), from);
      else {
        const contact = `Contact: ${fieldOf(message, 'Contact')};expires=600`;
        carrier.party.send(responseTo(message, '200 OK', 'registrar', [contact]), from);
      }
    };
    const extension = (number: string, more: object = {}) => ({ number, password: Phone.PASSWORD, ...more });
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [
              extension('101'),
              extension('102'),
              extension('104', { media: 'always' }),
              extension('105', { media: 'srtp' }),
              extension('106', { media: 'webrtc' }),
            ],
            outboundRules: [
              { name: 'careful', match: { prefixes: ['8'] }, routes: [{ trunk: 'careful', strip: 1 }] },
              { name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1 }] },
            ],
            inboundRules: [],
          }),
        ],
        trunks: [
          carrierTrunk(carrier.party.port, {
            host: carrier.party.address,
            options: { media: 'always', mediaFallback: 'pass', codecs: ['PCMU', 'PCMA'] },
          }),
          carrierTrunk(carrier.party.port, {
            id: '2',
            name: 'careful',
            host: carrier.party.address,
            options: { media: 'always' },
            tenants: [{ tenant: 'acme', didPool: '14155550200-14155550299' }],
          }),
          ...['registers', 'refused'].map((name, index) =>
            carrierTrunk(carrier.party.port, {
              id: String(3 + index),
              name,
              type: 'register',
              host: carrier.party.address,
              credentials: { username: name, password: 'secret' },
              tenants: [{ tenant: 'acme', didPool: `1415555030${index}` }],
            }),
          ),
          carrierTrunk(9, {
            id: '5',
            name: 'closed',
            transport: 'tcp',
            options: { mediaFallback: 'pass' },
            tenants: [{ tenant: 'acme', didPool: '14155550400' }],
          }),
        ],
      },
      settings: {
        mediaRelays: [{ url: relay.url }],
        listen: [
          { transport: 'udp', host: HERE, port: 0 },
          { transport: 'udp', host: SIX, port: 0 },
          { transport: 'tcp', host: HERE, port: 0 },
        ],
      },
    });
    [caller, always, six, keyed, browser] = await Promise.all([
      phone('101', '127.0.0.2'),
      phone('104', '127.0.0.3'),
      phone('102', SIX),
      phone('105', '127.0.0.4'),
      phone('106', '127.0.0.5'),
    ]);
    [alice, bob, bobAtSix] = await Promise.all([end('alice'), end('bob'), end('bob', SIX)]);
  });
  afterAll(async () => {
    try {
      for (const { callId } of (await engine?.calls()) ?? []) await engine.endCall(callId);
      await engine?.stop();
    } finally {
      await relay?.stop();
      for (const each of [...phones.splice(0), ...ends.splice(0)]) each.close();
    }
  });

  async function phone(user: string, address: string): Promise<Phone> {
    const host = address.includes(':') ? SIX : HERE;
    const port = engine.port('udp', host);
    const opened = await Phone.open({ ...engine, address: host, port }, address);
    phones.push(opened);
    expect((await opened.register(user, 'acme.test')).status).toBe(200);
    return opened;
  }

  async function end(name: string, address = HERE): Promise<RtpEnd> {
    const opened = await RtpEnd.open(name, address);
    ends.push(opened);
    return opened;
  }

  /** What the phone is offered from now on, and what it answers. */
  function answers(called: Phone, body: (offer: string) => string, statuses = ['200 OK']): { offer: string } {
    const heard = { offer: '' };
    called.answer = statuses;
    called.says = (invite, status) => {
      heard.offer = invite.body;
      return { body: /^(2|183)/.test(status) ? body(invite.body) : '' };
    };
    return heard;
  }

  async function place(dialled: string, body: string, more: object = {}): Promise<PlacedCall> {
    return caller.call({ user: '101', domain: 'acme.test', dialled, body, ...more });
  }

  const reinvite = (dialog: Dialog, sequence: number, body: string) =>
    caller.inDialog(dialog, 'INVITE', sequence, body === '' ? [] : SDP_TYPE, body);

  const engineAt = () => ({ address: HERE, port: engine.port('udp') });

  async function hangUp(dialog: Dialog, sequence = 90): Promise<void> {
    expect(statusOf(await caller.inDialog(dialog, 'BYE', sequence))).toBe(200);
  }

  /** Both say their names where they were told to, and hear the other's. */
  async function talk(one: RtpEnd, atOne: string, other: RtpEnd, atOther: string, payloadType = 8): Promise<void> {
    const [before, beforeOther] = [one.heard.length, other.heard.length];
    one.talkTo(atOne, payloadType);
    other.talkTo(atOther, payloadType);
    const hears = (listener: RtpEnd, from: number, name: string) =>
      listener.heard.slice(from).some((packet) => packet.payloadType === payloadType && packet.text.startsWith(name));
    await eventually(
      'each to hear the other',
      () => hears(one, before, other.name) && hears(other, beforeOther, one.name),
      { detail: () => `${atOne}\n${atOther}\n${relay.child.output().slice(-3000)}` },
    );
    one.stop();
    other.stop();
  }

  test('IPv4 calls IPv6: each is described in its own family and hears the other, telephone events as they are', async () => {
    const heard = answers(six, () => bobAtSix.sdp());
    const placed = await place('102', alice.sdp());
    expect(heard.offer).toMatch(/^c=IN IP6 ::1\r$/m);
    expect(placed.answer.body).toMatch(/^c=IN IP4 127\.0\.0\.1\r$/m);
    expect([heard.offer, placed.answer.body].every((sdp) => /^a=rtpmap:101 telephone-event\/8000\r$/m.test(sdp))).toBe(
      true,
    );
    await talk(alice, placed.answer.body, bobAtSix, heard.offer);
    await talk(alice, placed.answer.body, bobAtSix, heard.offer, TELEPHONE_EVENT);
    for (const round of [1, 2]) {
      await eventually('reports', () => {
        alice.report(placed.answer.body);
        bobAtSix.report(heard.offer);
        return alice.reports >= round && bobAtSix.reports >= round;
      });
    }
    await hangUp(dialogOfCaller(placed));
    const media = await eventually('the record', async () => {
      const { items } = (await engine.api('/api/v1/call-records?limit=1')) as { items: { media?: object[] }[] };
      return items[0]?.media?.[0];
    });
    const counted = { packets: expect.any(Number), octets: expect.any(Number) };
    expect(media).toMatchObject({ caller: counted, callee: counted });
    // What both ends have reported.
    expect(JSON.stringify(media)).toMatch(/"lost":3,"jitterMs":2,"mos":4/);
  });

  test('a fax (T.38) by re-INVITE goes through the relay, alone and beside a dead audio stream, and comes back to audio', async () => {
    for (const [number, called, far] of [
      ['102', six, bobAtSix],
      ['105', keyed, bob],
    ] as const) {
      const audio = called === keyed ? KEYED : undefined;
      const heard = answers(called, (offer) =>
        /^m=image/m.test(offer)
          ? far.sdp(/^m=audio/m.test(offer) ? ['m=audio 0 RTP/AVP 8', ...FAX] : FAX)
          : far.sdp(audio),
      );
      const placed = await place(number, alice.sdp());
      const dialog = dialogOfCaller(placed);
      const fax = await reinvite(dialog, 20, alice.sdp(FAX));
      expect([statusOf(fax), heard.offer, fax.body]).toEqual([
        200,
        expect.stringMatching(/^m=image \d+ udptl t38\r$/m),
        expect.stringMatching(/^m=image \d+ udptl t38\r$/m),
      ]);
      const [atAlice, atFar] = [alice.datagrams.length, far.datagrams.length];
      await eventually('datagrams of the fax', () => {
        alice.send('page one', fax.body);
        far.send('page two', heard.offer);
        return alice.datagrams.slice(atAlice).includes('page two') && far.datagrams.slice(atFar).includes('page one');
      });
      const beside = await reinvite(dialog, 21, alice.sdp(['m=audio 0 RTP/AVP 8', ...FAX]));
      expect([statusOf(beside), beside.body]).toEqual([200, expect.stringMatching(/^m=audio 0 .*\r\nm=image [1-9]/m)]);
      const back = await reinvite(dialog, 22, alice.sdp());
      expect([statusOf(back), back.body]).toEqual([200, expect.stringMatching(/^m=audio [1-9]\d* RTP\/AVP 8/m)]);
      if (called === six) await talk(alice, back.body, far, heard.offer);
      else expect(heard.offer).toMatch(/^m=audio [1-9]\d* RTP\/SAVP 8[\s\S]*^a=crypto:/m);
      await hangUp(dialog);
    }
  });

  test('a refused re-INVITE leaves the audio where it was', async () => {
    const heard = answers(always, () => bob.sdp());
    const placed = await place('104', alice.sdp());
    const atBob = heard.offer;
    always.answer = ['488 Not Acceptable Here'];
    const refused = await reinvite(dialogOfCaller(placed), 20, alice.sdp(['m=audio 9 RTP/AVP 8', 'a=sendonly']));
    expect(statusOf(refused)).toBe(488);
    await talk(alice, placed.answer.body, bob, atBob);
    await hangUp(dialogOfCaller(placed));
  });

  test('a browser is called by a plain phone and calls one: DTLS, ICE and one port for RTP and RTCP on its side alone', async () => {
    const heard = answers(browser, () => bob.sdp(BROWSER).replace('actpass', 'active'));
    const placed = await place('106', alice.sdp());
    expect(heard.offer).toMatch(/^m=audio \d+ UDP\/TLS\/RTP\/SAVPF 8/m);
    for (const line of ['a=rtcp-mux', 'a=fingerprint:', 'a=setup:', 'a=ice-ufrag:', 'a=candidate:'])
      expect(heard.offer).toContain(`\r\n${line}`);
    expect(heard.offer).not.toContain('a=crypto');
    expect(placed.answer.body).toMatch(/^m=audio \d+ RTP\/AVP 8/m);
    expect(placed.answer.body).not.toMatch(/^a=(ice|candidate|fingerprint|rtcp-mux|setup|crypto)/m);
    await hangUp(dialogOfCaller(placed));
    const plain = answers(always, () => alice.sdp());
    const calling = await browser.call({ user: '106', domain: 'acme.test', dialled: '104', body: bob.sdp(BROWSER) });
    expect(plain.offer).toMatch(/^m=audio \d+ RTP\/AVP 8/m);
    expect(plain.offer).not.toMatch(/^a=(ice|candidate|fingerprint|rtcp-mux|setup|crypto)/m);
    expect(calling.answer.body).toMatch(/^a=candidate:/m);
    expect(calling.answer.body).toMatch(/^a=setup:(active|passive)\r$/m);
    expect(statusOf(await browser.inDialog(dialogOfCaller(calling), 'BYE', 20))).toBe(200);
    // As it is offered: no other way to the keys is offered beside it.
    const same = answers(always, () => alice.sdp(BROWSER).replace('actpass', 'active'));
    await hangUp(dialogOfCaller(await place('104', bob.sdp(BROWSER))));
    expect(same.offer).toMatch(/^a=fingerprint:/m);
    expect(same.offer).not.toContain('a=crypto');
    const keys = answers(always, () => alice.sdp(KEYED));
    await hangUp(dialogOfCaller(await place('104', bob.sdp(KEYED))));
    expect(keys.offer).toMatch(/^a=crypto:/m);
    expect(keys.offer).not.toContain('a=fingerprint');
  });

  test('forks with early media, a reliable one acknowledged by PRACK: each is described, and the one that answers is heard', async () => {
    const [one, two] = [await end('one'), await end('two')];
    let atTwo = '';
    const usual = [always, caller].map(({ party }) => party.onMessage);
    always.party.onMessage = (message) => {
      const answer = (status: string, tag: string, body = '', more: string[] = []) => {
        const described = body === '' ? [] : SDP_TYPE;
        const contact = `Contact: <sip:phone@${always.contact}>`;
        always.party.send(responseTo(message, status, tag, [contact, ...described, ...more], body), engineAt());
      };
      switch (methodOf(message)) {
        case 'INVITE':
          atTwo = message.body;
          answer('183 Session Progress', 'one', one.sdp());
          answer('183 Session Progress', 'two', two.sdp(), ['Require: 100rel', 'RSeq: 7']);
          break;
        case 'PRACK':
          answer('200 OK', 'two');
          one.talkTo(atTwo);
          void eventually('early media', () => alice.heard.some(({ text }) => text.startsWith('one'))).then(() => {
            one.stop();
            const contact = `Contact: <sip:phone@${always.contact}>`;
            always.party.send(responseTo(invited(), '200 OK', 'two', [contact, ...SDP_TYPE], two.sdp()), engineAt());
          });
          break;
        case 'ACK':
          break;
        default:
          answer('200 OK', 'two');
      }
    };
    const invited = () => always.party.received.findLast((message) => methodOf(message) === 'INVITE') as WireMessage;
    const early: WireMessage[] = [];
    caller.party.onMessage = (message) => {
      if (statusOf(message) !== 183) return;
      early.push(message);
      const rseq = fieldOf(message, 'RSeq');
      if (rseq === '') return;
      const dialog = {
        callId: fieldOf(message, 'Call-ID'),
        local: fieldOf(message, 'From'),
        remote: fieldOf(message, 'To'),
        target: uriOf(fieldOf(message, 'Contact')),
      };
      void caller.inDialog(dialog, 'PRACK', 10, [`RAck: ${rseq} ${fieldOf(message, 'CSeq')}`]);
    };
    const placed = await place('104', alice.sdp(), { headers: ['Supported: 100rel'] });
    expect(early.map(({ body }) => /^m=audio \d+ RTP\/AVP 8/m.test(body))).toEqual([true, true]);
    await talk(alice, placed.answer.body, two, atTwo);
    await hangUp(dialogOfCaller(placed));
    for (const [index, { party }] of [always, caller].entries()) party.onMessage = usual[index] ?? party.onMessage;
  });

  test('an offer in the 2xx and its answer in the ACK, UPDATE, and a takeover by INVITE with Replaces', async () => {
    const taker = await phone('102', '127.0.0.6');
    const heard = answers(keyed, () => bob.sdp(KEYED));
    caller.acknowledges = (answer) => (/^m=/m.test(answer.body) ? alice.sdp() : '');
    const placed = await place('105', '');
    caller.acknowledges = () => '';
    expect(heard.offer).toBe('');
    expect(placed.answer.body).toMatch(/^m=audio \d+ RTP\/AVP 8/m);
    const acked = await eventually('the ACK with its answer', () =>
      keyed.party.received.find(
        (message) => methodOf(message) === 'ACK' && /^m=audio \d+ RTP\/SAVP/m.test(message.body),
      ),
    );
    expect(acked.body).toMatch(/^a=crypto:/m);
    const dialog = dialogOfCaller(placed);
    const update = await caller.inDialog(dialog, 'UPDATE', 20, SDP_TYPE, alice.sdp());
    expect(statusOf(update)).toBeLessThan(500);
    const replaces = `Replaces: ${dialog.callId};to-tag=${tagOf(dialog.remote)};from-tag=${tagOf(dialog.local)}`;
    const taken = await taker.call({
      user: '102',
      domain: 'acme.test',
      dialled: '105',
      body: alice.sdp(),
      headers: [replaces],
    });
    expect([taken.status, taken.answer.body]).toEqual([200, expect.stringMatching(/^m=audio \d+ RTP\/AVP 8/m)]);
    expect(heard.offer).toMatch(/^m=audio \d+ RTP\/SAVP 8[\s\S]*^a=crypto:/m);
    expect(statusOf(await taker.inDialog(dialogOfCaller(taken), 'BYE', 30))).toBe(200);
  });

  test('odd descriptions: what can be read is mended and relayed, the rest refused with 488; no relay is lost over any', async () => {
    const heard = answers(always, (offer) => (/^m=/m.test(offer) ? bob.sdp() : bob.sdp([])));
    const plain = alice.sdp();
    const streams = (count: number) => Array.from({ length: count }, () => 'm=audio PORT RTP/AVP 8');
    const described = /^v=0\r?\no=\S+ \S+ \S+ IN IP4 127\.0\.0\.1\r?\n[\s\S]*^m=audio \d+\S* (UDP\/TLS\/)?RTP\//m;
    const rows: readonly (readonly [string, string, number, RegExp?])[] = [
      ['address in the stream alone', plain.replace(/(c=.*\r\n)([\s\S]*?)(m=.*\r\n)/, '$2$3$1'), 200],
      [
        'audio and video',
        alice.sdp(['m=audio PORT RTP/AVP 8', 'm=video 5000 RTP/AVP 96', 'a=rtpmap:96 H264/90000']),
        200,
        /^m=video [1-9]/m,
      ],
      ['a dead stream', alice.sdp(['m=audio PORT RTP/AVP 8', 'm=video 0 RTP/AVP 96']), 200, /^m=video 0 /m],
      ['bundled', alice.sdp(['a=group:BUNDLE 0', ...BROWSER, 'a=mid:0']), 200, /^a=mid:0/m],
      [
        'fingerprint without ICE',
        alice.sdp(['m=audio PORT RTP/SAVPF 8', FINGERPRINT, 'a=setup:actpass']),
        200,
        /^a=fingerprint/m,
      ],
      [
        'hold by 0.0.0.0',
        `${plain.replace('c=IN IP4 127.0.0.1', 'c=IN IP4 0.0.0.0')}a=sendonly\r\n`,
        200,
        /^c=IN IP4 0\.0\.0\.0\r\n[\s\S]*^a=sendonly/m,
      ],
      ['no attributes', alice.sdp(['m=audio PORT RTP/AVP 8']), 200],
      ['line feeds alone', plain.replaceAll('\r\n', '\n'), 200],
      ['no end of the last line', plain.trimEnd(), 200],
      ['no origin', plain.replace(/o=.*\r\n/, ''), 200],
      ['no time, no name', plain.replace('t=0 0\r\n', '').replace('s=-\r\n', ''), 200],
      ['small letters', plain.replace('c=IN IP4', 'c=in ip4'), 200],
      ['two spaces', plain.replace('c=IN IP4 127', 'c=IN  IP4  127').replace('m=audio', 'm=audio '), 200],
      ['the address twice', plain.replace(/(c=.*\r\n)/, '$1$1'), 200],
      ['a format without a name', alice.sdp(['m=audio PORT RTP/AVP 8 102']), 200, /^m=audio \d+ RTP\/AVP 8 102\r$/m],
      [
        'a stream that is no RTP',
        alice.sdp(['m=audio PORT RTP/AVP 8', 'm=message 2855 TCP/MSRP *']),
        200,
        /^m=message 2855 TCP\/MSRP \*/m,
      ],
      ['a broken key', alice.sdp(['m=audio PORT RTP/SAVP 8', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short']), 200],
      [
        '20,000 octets',
        alice.sdp(['m=audio PORT RTP/AVP 8', ...Array.from({ length: 220 }, () => `a=x:${'y'.repeat(86)}`)]),
        200,
      ],
      ['no stream', alice.sdp([]), 200, /^t=0 0\r\n$/m],
      ['a name for an address', plain.replace('c=IN IP4 127.0.0.1', 'c=IN IP4 phone.acme.test'), 200],
      ['a zone', plain.replace('c=IN IP4 127.0.0.1', 'c=IN IP6 fe80::1%eth0'), 200],
      ['half an origin', plain.replace(/o=.*/, 'o=alice'), 200],
      ['a name for RTCP', `${plain}a=rtcp:4001 IN IP4 phone.acme.test\r\n`, 200, /^(?![\s\S]*phone\.acme)/],
      ['another network', plain.replace('c=IN IP4 127.0.0.1', 'c=ATM NSAP 47.0091'), 488],
      ['no description', 'hello', 200, /^hello$/],
      [
        '50,000 octets',
        alice.sdp(['m=audio PORT RTP/AVP 8', ...Array.from({ length: 550 }, () => `a=x:${'y'.repeat(86)}`)]),
        488,
      ],
      ['2,000 streams', alice.sdp(streams(2000)), 488],
    ];
    for (const [name, body, status, wanted] of rows) {
      heard.offer = '';
      const placed = await place('104', body);
      expect([name, placed.status], `${heard.offer}\n${placed.answer.text}`).toEqual([name, status]);
      if (status !== 200) continue;
      if (!name.startsWith('no stream') && name !== 'no description') expect(heard.offer, name).toMatch(described);
      expect(heard.offer, name).not.toContain(' /0');
      if (wanted !== undefined) expect(heard.offer, name).toMatch(wanted);
      await hangUp(dialogOfCaller(placed));
    }
    expect(engine.logs('media-relay')).toEqual([]);
  });

  test('the doctor over sockets: an IP trunk and one that registers are well; one is refused by its registrar, one by the network', async () => {
    const findings = async (id: string) => {
      const examined = (await engine.api(`/api/v1/trunks/${id}/doctor`, {})) as Examination;
      const of = (outcome: string) =>
        examined.findings
          .filter((each) => each.outcome === outcome)
          .map(({ check, message }) => `${check}: ${message}`);
      return { ok: of('ok').join('\n'), failed: of('failed').join('\n') };
    };
    for (const id of ['3', '4']) await engine.api(`/api/v1/trunks/${id}/retry`, {});
    const stateOf = async (id: string) =>
      ((await engine.api(`/api/v1/trunks/${id}/status`)) as { state: string }).state;
    await eventually(
      'both to have registered or not',
      async () => (await stateOf('3')) === 'online' && (await stateOf('4')) === 'offline',
      {
        timeoutMs: 20_000,
        detail: () => JSON.stringify(engine.logs('trunk-state')),
      },
    );
    const [ip, registers, refused, closed] = await Promise.all(['2', '3', '4', '5'].map(findings));
    expect(ip?.failed).toBe('');
    expect(ip?.ok).toMatch(/^options: 200 OK[\s\S]*^relay: 1 of 1 media relays answer/m);
    expect(registers?.failed).toBe('');
    expect(registers?.ok).toMatch(
      /^registration: registered at udp:127\.0\.0\.7:\d+ for 600 s[\s\S]*^options: 200 OK/m,
    );
    expect(refused?.failed).toMatch(/^registration: 403 Forbidden/m);
    expect(closed?.failed).toMatch(/^options: no answer: /m);
  });

  test('a slow relay, none, one that answers nonsense, and one that is started anew between offer and answer', async () => {
    const heard = answers(carrier, () => bob.sdp());
    relay.child.signal('SIGSTOP');
    const offer = alice.sdp(['m=audio PORT RTP/AVP 8 0 18 101', 'a=rtpmap:101 telephone-event/8000']);
    const silences = () => engine.counted('tandem_media_relay_requests_total{result="timeout"}');
    const before = await silences();
    const [refused, passed] = await Promise.all([place('814155551234', offer), place('914155551234', offer)]);
    expect([refused.status, refused.reason]).toEqual([503, expect.any(String)]);
    // An offer of each, and a ping of each process, one of which goes every two seconds: nobody waits for a second request.
    const silent = (await silences()) - before;
    expect(silent).toBeGreaterThanOrEqual(2);
    expect(silent).toBeLessThanOrEqual(2 + TEST_WORKERS);
    expect([passed.status, heard.offer]).toEqual([
      200,
      expect.stringContaining(`m=audio ${alice.port} RTP/AVP 0 8 101\r\n`),
    ]);
    await hangUp(dialogOfCaller(passed));
    await engine.logged('media-relay', ({ state }) => state === 'down');
    const examined = (await engine.api('/api/v1/trunks/2/doctor', {})) as Examination;
    expect(examined.findings.filter(({ outcome }) => outcome === 'failed')).toMatchObject([
      { check: 'relay', message: 'no media relay answers', advice: `start rtpengine again: ${relay.url}` },
    ]);
    relay.child.signal('SIGCONT');
    await engine.logged('media-relay', ({ state }) => state === 'up');
    const relayed = await place('914155551234', offer);
    expect(heard.offer).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101\r$/m);
    expect(heard.offer).not.toContain(`m=audio ${alice.port} `);
    await hangUp(dialogOfCaller(relayed));

    // Its session is forgotten before the callee answers: nobody is left with a description that leads nowhere.
    let invite: WireMessage | undefined;
    carrier.answer = (message) => {
      invite = message;
      return ['180 Ringing'];
    };
    const lost = place('814155551234', offer);
    const ringing = await eventually('the INVITE', () => invite);
    await relay.kill();
    relay = await startRtpengine({ interfaces: [SIX], port: relay.port });
    const contact = `Contact: <sip:carrier@${carrier.contact}>`;
    const ended = carrier.party.next((message) => methodOf(message) === 'BYE', 'BYE to the callee');
    carrier.party.send(responseTo(ringing, '200 OK', 'phone', [contact, ...SDP_TYPE], bob.sdp()), engineAt());
    expect((await lost).status).toBe(503);
    carrier.party.send(responseTo(await ended, '200 OK', 'phone'), engineAt());

    carrier.answer = ['200 OK'];
    const nonsense = await startNonsense();
    await engine.configure({ mediaRelays: [{ url: nonsense.url }] });
    const calls = await Promise.all(nonsense.kinds.map(() => place('814155551234', offer)));
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 503));
    expect(nonsense.asked()).toBeGreaterThanOrEqual(calls.length);
    nonsense.stop();
  });
});

/** A relay that answers pings, and everything else with one kind of nonsense after the other. */
async function startNonsense() {
  const forms: Readonly<Record<string, (cookie: string) => string>> = {
    'no dictionary': (cookie) => `${cookie} 5:hello`,
    'half a dictionary': (cookie) => `${cookie} d6:result2:ok3:sdp99:v=0`,
    'no description': (cookie) => `${cookie} d6:result2:oke`,
    'a list for a description': (cookie) => `${cookie} d6:result2:ok3:sdpl1:aee`,
    'another description': (cookie) => `${cookie} d6:result2:ok3:sdp6:hello\n\ne`,
    octets: () => randomBytes(600).toString('latin1'),
  };
  let asked = 0;
  const socket = createSocket('udp4');
  socket.on('message', (octets, from) => {
    const [cookie = '', ...rest] = octets.toString('latin1').split(' ');
    const isPing = rest.join(' ').includes('7:command4:ping');
    const form = Object.values(forms)[isPing ? 0 : asked++ % Object.keys(forms).length];
    const answer = isPing ? `${cookie} d6:result4:ponge` : (form?.(cookie) ?? '');
    socket.send(Buffer.from(answer, 'latin1'), from.port, from.address);
  });
  socket.bind(0, HERE);
  await once(socket, 'listening');
  return {
    url: `udp://${HERE}:${socket.address().port}`,
    kinds: Object.keys(forms),
    asked: () => asked,
    stop: () => socket.close(),
  };
}
