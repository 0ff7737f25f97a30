import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Examination } from '../../../src/trunks/examination.ts';
import { type Baresip, startBaresip } from '../../kit/baresip.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Rtpengine, startRtpengine } from '../../kit/rtpengine.ts';
import { toneShare, writeTone } from '../../kit/tone.ts';
import { type Cloud, startCloud } from '../../peers/whatsapp/cloud.ts';
import { startWhatsappSip, type WhatsappSip } from '../../peers/whatsapp/sip.ts';
import { Carrier } from '../outbound/carrier.ts';
import { type Dialog, dialogOfCaller, Phone, type PhoneCall, SDP } from '../outbound/phone.ts';
import { fieldOf, readMessage, statusOf, tagOf } from '../outbound/wire-message.ts';
import { type DnsServer, startDnsmasq } from '../trunks/dns-server.ts';
import { whatsappWorld } from './world.ts';

const HOSTNAME = 'calls.pbx.test';
const NUMBER = '+14155550160';
const USER = '+12015550123';
const SIP_PASSWORD = 'made-by-meta';
const HERTZ = 440;

describe.skipIf(peersSkipped)('calls with WhatsApp, over TLS', () => {
  let folder: string;
  let authority: TestAuthority;
  let cloud: Cloud;
  let whatsapp: WhatsappSip;
  let dns: DnsServer;
  let relay: Rtpengine;
  let carrier: Carrier;
  let engine: TestEngine;
  let phone: Phone;
  let baresip: Baresip;
  /** Events of WhatsApp before the test. */
  let from = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-whatsapp-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    writeTone(join(folder, 'tone.wav'), HERTZ, 30);
    authority = new TestAuthority();
    const ca = file('ca.pem', authority.certificate);
    const own = authority.issue({ commonName: HOSTNAME, alternativeNames: [`DNS:${HOSTNAME}`] });
    const number = { number: NUMBER, hostname: HOSTNAME, password: SIP_PASSWORD, allowed: [USER] };
    [cloud, whatsapp, relay] = await Promise.all([
      startCloud(),
      startWhatsappSip(authority, '127.0.4.1', number),
      startRtpengine(),
    ]);
    carrier = await Carrier.open('127.0.4.2');
    dns = await startDnsmasq([`host-record=${whatsapp.domain},${whatsapp.address}`]);
    const world = whatsappWorld(cloud.apiBase, { calls: { hostname: HOSTNAME, password: SIP_PASSWORD } });
    const [tenant] = world.tenants ?? [];
    const [trunk] = world.trunks ?? [];
    engine = await startEngine({
      provisioning: {
        tenants: [
          {
            ...(tenant as NonNullable<typeof tenant>),
            outboundRules: [
              { name: 'whatsapp', match: { prefixes: ['+'] }, routes: [{ trunk: 'whatsapp' }] },
              { name: 'world', match: { prefixes: ['0'] }, routes: [{ trunk: 'carrier' }] },
              { name: 'either', match: { prefixes: ['8'] }, routes: [{ trunk: 'whatsapp', strip: 1, prepend: '+' }] },
            ],
            inboundRules: [
              {
                name: 'outside',
                trunk: 'whatsapp',
                dids: '14155550160',
                callers: '4477********',
                destination: { number: '004420' },
              },
              { name: 'all', trunk: 'whatsapp', dids: '14155550160', destination: { extension: '102' } },
              { name: 'carrier', trunk: 'carrier', dids: '14155550170', destination: { number: `8${USER.slice(1)}` } },
            ],
          },
        ],
        trunks: [
          {
            ...(trunk as NonNullable<typeof trunk>),
            host: whatsapp.domain,
            // The double is not at the port of the real one.
            port: whatsapp.port,
            tls: { ca },
          },
          {
            id: '9',
            name: 'carrier',
            type: 'ip',
            host: carrier.party.address,
            port: carrier.port,
            tenants: [{ tenant: 'acme', didPool: '14155550170' }],
          },
        ],
      },
      settings: {
        dns: { servers: [dns.address] },
        egress: { allow: ['127.0.0.0/8'] },
        mediaRelays: [{ url: relay.url }],
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          {
            transport: 'tls',
            host: '127.0.0.1',
            port: 0,
            certificate: file('cert.pem', own.cert),
            key: file('key.pem', own.key),
            ca,
            clientCertificate: 'optional',
          },
        ],
      },
    });
    whatsapp.tell({ do: 'sbc', address: '127.0.0.1', port: engine.port('tls') });
    phone = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() });
    expect((await phone.register('101', 'acme.test')).status).toBe(200);
    baresip = await startBaresip({
      user: '102',
      domain: 'acme.test',
      password: Phone.PASSWORD,
      proxy: { host: '127.0.0.1', port: engine.port() },
      transport: 'udp',
      plays: join(folder, 'tone.wav'),
    });
    await baresip.registered();
  });
  afterAll(async () => {
    try {
      await baresip?.stop();
      phone?.close();
      carrier?.close();
      await engine?.stop();
    } finally {
      for (const each of [cloud, whatsapp, dns, relay]) await each?.stop();
      authority?.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
  beforeEach(() => {
    from = whatsapp.events().length;
  });

  const call = (changes: Partial<PhoneCall> = {}) =>
    phone.call({ user: '101', domain: 'acme.test', dialled: USER, ...changes });

  const hearsItself = () =>
    eventually(
      'the echo',
      () => {
        const heard = baresip.heardAudio();
        return heard !== undefined && toneShare(heard, HERTZ) > 0.8;
      },
      {
        timeoutMs: 15_000,
        detail: () => `${baresip.child.output().slice(-2000)}\n${relay.child.output().slice(-3000)}`,
      },
    );

  const refusals = () =>
    whatsapp
      .events()
      .slice(from)
      .flatMap(({ event, fact }) => (event === 'refused' && fact !== 'unsigned' ? [fact] : []));

  const hangUp = async (dialog: Dialog, sequence = 50) =>
    expect(statusOf(await phone.inDialog(dialog, 'BYE', sequence))).toBe(200);

  /** Packets that WhatsApp gets from now on, which come with the key that it was given. */
  async function speech(callId: string): Promise<number> {
    const before = whatsapp.events().length;
    whatsapp.tell({ do: 'media', callId });
    const counted = await whatsapp.told({ event: 'media', callId }, before);
    expect(counted['forged']).toBe(0);
    return Number(counted['received']);
  }

  test('a phone calls: the business in From and in the credentials, its name, SRTP; challenged once', async () => {
    const placed = await call();
    expect(placed.status).toBe(200);
    const asked = whatsapp
      .events()
      .slice(from)
      .filter(({ method }) => method === 'INVITE')
      .map(({ text }) => readMessage(String(text)));
    expect(asked).toHaveLength(2);
    const invite = asked.at(-1) as (typeof asked)[0];
    expect(invite.startLine).toBe(`INVITE sip:${USER}@${whatsapp.domain}:${whatsapp.port};transport=tls SIP/2.0`);
    expect(fieldOf(invite, 'From')).toMatch(/<sip:\+14155550160@calls\.pbx\.test>;tag=/);
    expect(fieldOf(invite, 'Session-Expires')).toBe('');
    expect(invite.body).toMatch(/^m=audio \d+ RTP\/SAVP /m);
    expect(placed.answer.body).toMatch(/^m=audio \d+ RTP\/AVP /m);
    await hangUp(dialogOfCaller(placed));
  });

  test('hold, resume, another codec, a refresh and an offer that is asked for: none reaches WhatsApp', async () => {
    const placed = await call();
    const dialog = dialogOfCaller(placed);
    const reinvite = (sequence: number, body: string) =>
      phone.inDialog(dialog, 'INVITE', sequence, ['Content-Type: application/sdp'], body);
    const held = await reinvite(10, `${SDP.replace('o=- 1 1', 'o=- 1 2')}a=sendonly\r\n`);
    expect([statusOf(held), /^a=(recvonly)/m.exec(held.body)?.[1]]).toEqual([200, 'recvonly']);
    const resumed = await reinvite(11, SDP.replace('o=- 1 1', 'o=- 1 3').replace('4000', '4002'));
    expect([statusOf(resumed), /^a=(recvonly|sendrecv)/m.exec(resumed.body)?.[1]]).toEqual([200, 'sendrecv']);
    expect(statusOf(await phone.inDialog(dialog, 'INVITE', 12))).toBe(200);
    // Fax, and a codec that WhatsApp does not have: the call stays as it is.
    const fax = `${SDP.replace('o=- 1 1', 'o=- 1 4').replace(/m=audio.*\r\n/, '')}m=image 4004 udptl t38\r\n`;
    expect(statusOf(await reinvite(13, fax))).toBe(488);
    expect(statusOf(await reinvite(14, SDP.replace('o=- 1 1', 'o=- 1 5').replace('AVP 0', 'AVP 18')))).toBe(488);
    expect(statusOf(await reinvite(15, SDP.replace('o=- 1 1', 'o=- 1 6')))).toBe(200);
    expect(refusals()).toEqual([]);
    await hangUp(dialog);
  });

  test('WhatsApp calls: challenged, known by the password, heard; with what it says of the user in the record', async () => {
    const before = baresip.heardAudio();
    whatsapp.tell({
      do: 'call',
      from: USER,
      headers: ['x-wa-meta-wacid: wacid.ABC', 'x_wa_meta_user_name: Zoe', 'x-wa-meta-cta-payload: order-17'],
    });
    const { callId } = await whatsapp.told({ event: 'established' }, from);
    const answers = whatsapp.events().slice(from);
    expect(answers.some(({ event }) => event === 'unchallenged')).toBe(false);
    expect((await baresip.heard('CALL_ESTABLISHED')).peerdisplayname).toBe('Zoe');
    await eventually('a recording', () => baresip.heardAudio() !== before);
    await hearsItself();
    expect(await speech(String(callId))).toBeGreaterThan(20);
    whatsapp.tell({ do: 'bye', callId });
    await baresip.heard('CALL_CLOSED');
    const record = await eventually('the record', async () =>
      ((await engine.api('/api/v1/call-records')) as { items: Record<string, unknown>[] }).items.find(
        ({ sipCallIds }) => (sipCallIds as string[]).includes(String(callId)),
      ),
    );
    expect(record).toMatchObject({
      direction: 'inbound',
      callerNumber: USER,
      trunk: 'whatsapp',
      inboundRule: 'all',
      whatsapp: {
        callId: 'wacid.ABC',
        userName: 'Zoe',
        buttonPayload: 'order-17',
        durationSeconds: expect.any(Number),
      },
    });
  });

  test('with another password it is nobody', async () => {
    whatsapp.tell({ do: 'call', from: USER, password: 'guessed' });
    await eventually('the refusal', () =>
      whatsapp
        .events()
        .slice(from)
        .some(({ event, cseq, status }) => event === 'response' && cseq === '2 INVITE' && Number(status) >= 400),
    );
    expect(
      whatsapp
        .events()
        .slice(from)
        .some(({ event }) => event === 'established'),
    ).toBe(false);
  });

  test('nor over UDP with the right one', async () => {
    const fields = [
      `From: <sip:${USER}@wa.test>;tag=1`,
      `To: <sip:${NUMBER}@${HOSTNAME}>`,
      'Call-ID: udp-1',
      'Max-Forwards: 70',
      `Contact: <sip:1@${phone.contact}>`,
      'Content-Type: application/sdp',
    ];
    const stranger = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() }, '127.0.4.3');
    const uri = `sip:${NUMBER}@${HOSTNAME}`;
    expect((await stranger.request('INVITE', uri, NUMBER, HOSTNAME, fields, SDP, SIP_PASSWORD)).status).toBe(403);
    await engine.logged('request-refused', ({ code, trunk }) => code === 'not-by-tls' && trunk === 'whatsapp');
    stranger.close();
  });

  test('a phone transfers the user to a colleague: the same keys and ports at WhatsApp, who is heard', async () => {
    const placed = await call();
    const dialog = dialogOfCaller(placed);
    const former = baresip.heardAudio();
    const { callId } = await whatsapp.told({ event: 'answered' }, from);
    expect(statusOf(await phone.inDialog(dialog, 'REFER', 20, ['Refer-To: <sip:102@acme.test>']))).toBe(202);
    await baresip.heard('CALL_ESTABLISHED');
    await eventually('a recording', () => baresip.heardAudio() !== former);
    await hearsItself();
    expect(await speech(String(callId))).toBeGreaterThan(20);
    expect(refusals()).toEqual([]);
    whatsapp.tell({ do: 'bye', callId });
    await baresip.heard('CALL_CLOSED');
  });

  test('no telephone network on any leg: from a carrier to WhatsApp, from WhatsApp to a carrier, by transfer or by taking a place', async () => {
    // An inbound rule of the carrier that leads to WhatsApp.
    carrier.answer = () => ({ statuses: ['200 OK'], sdp: SDP });
    const onward = await new Phone(carrier.party, { address: '127.0.0.1', port: engine.port() }).request(
      'INVITE',
      'sip:14155550170@acme.test',
      '1',
      'acme.test',
      [
        'From: <sip:441632960111@carrier.test>;tag=1',
        'To: <sip:14155550170@acme.test>',
        'Call-ID: pstn-1',
        'Max-Forwards: 70',
        `Contact: <sip:1@${carrier.party.hostPort}>`,
        'Content-Type: application/sdp',
      ],
      SDP,
    );
    expect(onward.status).toBe(403);
    // An inbound rule of WhatsApp that leads to the carrier.
    whatsapp.tell({ do: 'call', from: '+447700900123' });
    await whatsapp.told({ event: 'response', cseq: '2 INVITE', status: 403 }, from);
    expect(carrier.take()).toEqual([]);
    // A transfer.
    const placed = dialogOfCaller(await call());
    const refer = await phone.inDialog(placed, 'REFER', 20, ['Refer-To: <sip:0441632960111@acme.test>']);
    expect(statusOf(refer)).toBe(202);
    await eventually('the NOTIFY', () => phone.party.received.some(({ body }) => body.startsWith('SIP/2.0 403')));
    expect(carrier.take()).toEqual([]);
    // And one to a call that is there.
    const outside = dialogOfCaller(await call({ dialled: '0441632960111' }));
    const replaces = `${outside.callId}%3Bto-tag%3D${tagOf(outside.remote)}%3Bfrom-tag%3D${tagOf(outside.local)}`;
    const attended = [`Refer-To: <sip:0441632960111@acme.test?Replaces=${replaces}>`];
    expect(statusOf(await phone.inDialog(placed, 'REFER', 21, attended))).toBe(403);
    await hangUp(outside);
    await hangUp(placed);
    const explained = JSON.stringify(await engine.api('/api/v1/explain', { tenant: 'acme', from: '101', to: USER }));
    expect(explained).toContain(`sip:${USER}@${whatsapp.domain}`);
  });

  test('who has not allowed it is not called, and the phone hears it', async () => {
    expect((await call({ dialled: '+12015550999' })).status).toBe(403);
    expect(refusals()).toEqual(['no-permission-138006']);
  });

  test('the doctor looks at the name, TLS, the token and the relay', async () => {
    const well = (await engine.api('/api/v1/trunks/7/doctor', {})) as Examination;
    expect(well.healthy, JSON.stringify(well)).toBe(true);
    expect(well.findings.map(({ check }) => check)).toEqual([
      'settings',
      'dns',
      'tls',
      'token',
      'state',
      'relay',
      'rules',
    ]);
  });
});
