import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Examination } from '../../../src/trunks/examination.ts';
import type { DatacentreStatus } from '../../../src/trunks/status-facts.ts';
import { type Baresip, startBaresip } from '../../kit/baresip.ts';
import { type KeyPair, TestAuthority } from '../../kit/certificates.ts';
import { type LogLine, startEngine, type TestEngine } from '../../kit/engine.ts';
import type { ProvisioningInput } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Rtpengine, startRtpengine } from '../../kit/rtpengine.ts';
import { toneShare, writeTone } from '../../kit/tone.ts';
import { type Datacentre, Teams } from '../../peers/teams/teams.ts';
import { type Dialog, dialogOfCaller, Phone, SDP } from '../outbound/phone.ts';
import { fieldOf, readMessage, statusOf, tagOf, writeMessage } from '../outbound/wire-message.ts';
import { acme } from '../world.ts';
import { type DnsServer, startDnsmasq } from './dns-server.ts';
import { tandem } from './observe.ts';

const FQDN = 'sbc1.acme.test';
const GLOBEX_FQDN = 'sbc.globex.test';
const USER = '+12065550100';
const HERTZ = 440;

type Trunk = NonNullable<ProvisioningInput['trunks']>[number];

describe.skipIf(peersSkipped)('Microsoft Teams, three datacentres over TLS', () => {
  let folder: string;
  let authority: TestAuthority;
  let teams: Teams;
  let dns: DnsServer;
  let relay: Rtpengine;
  let engine: TestEngine;
  let provisioned: ProvisioningInput;
  let phone: Phone;
  let baresip: Baresip;
  let file: (name: string, text: string) => string;

  const [sip, sip2, sip3] = [0, 1, 2].map((index) => () => teams.datacentres[index] as Datacentre) as [
    () => Datacentre,
    () => Datacentre,
    () => Datacentre,
  ];

  const certificate = (name: string, owner: string, { cert, key }: KeyPair) =>
    ({ name, owner, use: 'tls', chain: cert, key }) as const;

  const trunk = (changes: Partial<Trunk> = {}): Trunk => ({
    id: '7',
    name: 'teams',
    type: 'teams',
    owner: 'acme',
    didPool: '14155550100-14155550199',
    teams: { fqdn: FQDN, certificate: 'acme-sbc', targets: teams.datacentres.map(({ target }) => target) },
    tls: { ca: join(folder, 'ca.pem') },
    options: { keepAlive: { intervalSeconds: 5 } },
    ...changes,
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-teams-'));
    file = (name, text) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    writeTone(join(folder, 'tone.wav'), HERTZ, 30);
    authority = new TestAuthority();
    file('ca.pem', authority.certificate);
    const own = authority.issue({ commonName: 'pbx.test', alternativeNames: ['DNS:pbx.test'] });
    const sbc = authority.issue({
      commonName: FQDN,
      alternativeNames: [`DNS:${FQDN}`],
      extendedKeyUsage: 'serverAuth',
    });
    const globex = authority.issue({ commonName: 'globex.test', alternativeNames: ['DNS:*.globex.test'] });
    teams = await Teams.start({
      authority,
      addresses: ['127.0.3.1', '127.0.3.2', '127.0.3.3'],
      tenants: [
        { name: FQDN, numbers: [USER] },
        { name: 'globex.test', numbers: ['+12065550200'] },
      ],
    });
    [dns, relay] = await Promise.all([startDnsmasq(teams.records), startRtpengine()]);
    provisioned = {
      tenants: [
        acme({
          extensions: [
            { number: '101', password: Phone.PASSWORD, outboundCallerId: '14155550101' },
            { number: '102', password: 'secret-102', outboundCallerId: '14155550102' },
          ],
          outboundRules: [{ name: 'teams', match: { prefixes: ['9'] }, routes: [{ trunk: 'teams', strip: 1 }] }],
          inboundRules: [
            {
              name: 'direct',
              trunk: 'teams',
              dids: '14155550101-14155550102',
              destination: { extensions: '101-102' },
            },
          ],
        }),
        {
          name: 'globex',
          domain: 'globex.test',
          outboundCallerId: '14155550201',
          extensions: [{ number: '201', password: Phone.PASSWORD }],
          outboundRules: [{ name: 'teams', match: { prefixes: ['9'] }, routes: [{ trunk: 'teams', strip: 1 }] }],
          inboundRules: [{ name: 'all', trunk: 'teams', dids: '14155550201', destination: { extension: '201' } }],
        },
      ],
      trunks: [
        trunk(),
        trunk({
          id: '8',
          owner: 'globex',
          didPool: '14155550200-14155550299',
          teams: { ...trunk().teams, fqdn: GLOBEX_FQDN, certificate: 'globex-sbc' },
        }),
      ],
      certificates: [certificate('acme-sbc', 'acme', sbc), certificate('globex-sbc', 'globex', globex)],
    };
    engine = await startEngine({
      provisioning: provisioned,
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
            ca: join(folder, 'ca.pem'),
            clientCertificate: 'required',
          },
        ],
      },
    });
    for (const fqdn of [FQDN, GLOBEX_FQDN]) teams.knows(fqdn, '127.0.0.1', engine.port('tls'));
    phone = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() });
    baresip = await startBaresip({
      user: '102',
      domain: 'acme.test',
      password: 'secret-102',
      proxy: { host: '127.0.0.1', port: engine.port() },
      transport: 'udp',
      plays: join(folder, 'tone.wav'),
    });
    await baresip.registered();
  });
  afterAll(async () => {
    try {
      await baresip?.stop();
      phone?.party.close();
      await engine?.stop();
    } finally {
      for (const each of [teams, dns, relay]) await each?.stop();
      authority.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  const call = (changes: object = {}) =>
    phone.call({ user: '101', domain: 'acme.test', dialled: `9${USER.slice(1)}`, ...changes });

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

  test('OPTIONS to each of the three, for each tenant: answered, and those of Teams are', async () => {
    for (const datacentre of teams.datacentres) {
      const asked = await datacentre.told({ event: 'request', method: 'OPTIONS' });
      const message = readMessage(String(asked['text']));
      expect(message.startLine).toBe(`OPTIONS sip:${datacentre.target} SIP/2.0`);
      expect(fieldOf(message, 'Contact')).toMatch(/^<sip:sbc1?\.(acme|globex)\.test:\d+;transport=tls>$/);
      expect(fieldOf(message, 'Allow')).toMatch(/REFER.*NOTIFY/);
      expect(await datacentre.told({ event: 'response', cseq: '1 OPTIONS', status: 200 })).toBeDefined();
      expect(datacentre.events().filter(({ event }) => event === 'refused' || event === 'unreachable')).toEqual([]);
    }
    await eventually('both trunks to be online', async () => {
      const { items } = (await engine.api('/api/v1/trunks')) as { items: { id: string }[] };
      const states = await Promise.all(items.map(({ id }) => engine.api(`/api/v1/trunks/${id}/status`)));
      return states.every((status) => (status as { state: string }).state === 'online');
    });
  });

  test('Teams itself refuses an address in Contact with 403, which is why nobody can configure one', async () => {
    const { cert, key } = authority.issue({ commonName: FQDN, alternativeNames: [`DNS:${FQDN}`] });
    const { address, port, host } = sip();
    const socket = connect({ host: address, port, servername: host, cert, key, ca: authority.certificate });
    const heard = once(socket, 'data');
    const from = sip().events().length;
    const own = ['Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1', 'Max-Forwards: 70', 'Call-ID: raw', 'CSeq: 1 INVITE'];
    const parties = [
      `From: <sip:+14155550101@${FQDN}>;tag=1`,
      `To: <sip:${USER}@${host}>`,
      'Contact: <sip:+14155550101@192.0.2.1>',
    ];
    socket.write(writeMessage(`INVITE sip:${USER}@${host};user=phone SIP/2.0`, [...own, ...parties]));
    expect(String((await heard)[0])).toMatch(/^SIP\/2\.0 403 /);
    await sip().told({ event: 'refused', fact: 'address-in-contact' }, from);
    socket.destroy();
  });

  test('a phone calls out: E.164, user=phone, the name in Contact, From and Via, SRTP', async () => {
    const from = sip().events().length;
    const placed = await call();
    expect(placed.status).toBe(200);
    const asked = await sip().told({ event: 'request', method: 'INVITE' }, from);
    const invite = readMessage(String(asked['text']));
    expect(invite.startLine).toBe(`INVITE sip:${USER}@${sip().target};user=phone SIP/2.0`);
    expect(fieldOf(invite, 'From')).toMatch(/<sip:\+14155550101@sbc1\.acme\.test>;tag=/);
    const own = engine.ownPorts('tls');
    expect(own.map((port) => `<sip:+14155550101@${FQDN}:${port};transport=tls>`)).toContain(fieldOf(invite, 'Contact'));
    expect(own.map((port) => `SIP/2.0/TLS ${FQDN}:${port}`)).toContain(fieldOf(invite, 'Via').split(';')[0]);
    expect(invite.body).toMatch(/^m=audio \d+ RTP\/SAVP /m);
    expect(placed.answer.body).toMatch(/^m=audio \d+ RTP\/AVP /m);
    await hangUp(dialogOfCaller(placed));
  });

  test('a phone that leaves the offer to others: Teams is offered one, and the phone what Teams has answered', async () => {
    const from = sip().events().length;
    const placed = await call({ body: '' });
    expect(placed.status).toBe(200);
    expect(placed.answer.body).toMatch(/^m=audio \d+ RTP\/AVP 8/m);
    const asked = await sip().told({ event: 'request', method: 'INVITE' }, from);
    expect(readMessage(String(asked['text'])).body).toMatch(/^a=crypto:/m);
    expect(
      sip()
        .events()
        .slice(from)
        .some(({ event }) => event === 'answer-in-ack'),
    ).toBe(false);
    await hangUp(dialogOfCaller(placed));
  });

  test('a phone that can do little: Teams is promised REFER and NOTIFY all the same', async () => {
    const placed = await call({ headers: ['Allow: INVITE, ACK, CANCEL, BYE'] });
    expect(placed.status).toBe(200);
    await hangUp(dialogOfCaller(placed));
  });

  test('explain says what the call would send', async () => {
    const explained = await engine.api('/api/v1/explain', { tenant: 'acme', from: '101', to: `9${USER.slice(1)}` });
    const text = JSON.stringify(explained);
    expect(text).toContain(`sip:${USER}@${sip().target};user=phone`);
    expect(text).toContain('takes E.164 numbers with + alone');
  });

  test('a hold reaches Teams as inactive, whatever the phone calls it', async () => {
    const placed = await call();
    const dialog = dialogOfCaller(placed);
    for (const [sequence, body] of [
      [10, `${SDP.replace('o=- 1 1', 'o=- 1 2')}a=sendonly\r\n`],
      [11, SDP.replace('o=- 1 1', 'o=- 1 3').replace('c=IN IP4 192.0.2.1', 'c=IN IP4 0.0.0.0')],
    ] as const) {
      const from = sip().events().length;
      const held = await phone.inDialog(dialog, 'INVITE', sequence, ['Content-Type: application/sdp'], body);
      expect(statusOf(held)).toBe(200);
      await sip().told({ event: 'reinvite', direction: 'inactive' }, from);
    }
    const from = sip().events().length;
    const resumed = SDP.replace('o=- 1 1', 'o=- 1 4');
    expect(statusOf(await phone.inDialog(dialog, 'INVITE', 12, ['Content-Type: application/sdp'], resumed))).toBe(200);
    await sip().told({ event: 'reinvite', direction: 'sendrecv' }, from);
    await hangUp(dialog, 13);
  });

  test('RFC 3261 §14.1: a phone that asks for an offer within the call, or takes its place without one: Teams is always offered', async () => {
    const placed = await call();
    const dialog = dialogOfCaller(placed);
    const begun = sip().events().length;
    phone.acknowledges = () => `${SDP.replace('o=- 1 1', 'o=- 1 2')}a=sendonly\r\n`;
    const held = await phone.inDialog(dialog, 'INVITE', 10);
    expect([statusOf(held), held.body]).toEqual([200, expect.stringMatching(/^m=audio [1-9]\d* RTP\/AVP /m)]);
    // Two re-INVITEs: the offer that the phone has asked for, and the hold that it answered with.
    await sip().told({ event: 'reinvite', direction: 'sendrecv' }, begun);
    await sip().told({ event: 'reinvite', direction: 'inactive' }, begun);
    phone.acknowledges = () => SDP.replace('o=- 1 1', 'o=- 1 3');
    const resumed = sip().events().length;
    expect(statusOf(await phone.inDialog(dialog, 'INVITE', 11))).toBe(200);
    await sip().told({ event: 'reinvite', direction: 'sendrecv' }, resumed);
    const taking = sip().events().length;
    const replaces = `Replaces: ${dialog.callId};to-tag=${tagOf(dialog.remote)};from-tag=${tagOf(dialog.local)}`;
    const taken = await call({ dialled: '101', body: '', headers: [replaces] });
    expect([taken.status, taken.answer.body]).toEqual([200, expect.stringMatching(/^m=audio [1-9]\d* RTP\/AVP /m)]);
    await sip().told({ event: 'reinvite', direction: 'sendrecv' }, taking);
    phone.acknowledges = () => '';
    expect(refusals(begun)).toEqual([]);
    expect(events(begun, 'answer-in-ack')).toEqual([]);
    await hangUp(dialogOfCaller(taken));
  });

  test('each device of the user rings with a tag of its own; the one that answers is heard', async () => {
    sip().tell({ do: 'behave', forks: 3 });
    await sip().told({ event: 'behaving' });
    const placed = await call();
    expect([placed.status, placed.answer.body]).toEqual([200, expect.stringContaining('m=audio')]);
    await hangUp(dialogOfCaller(placed));
    await behave(sip(), {});
  });

  test('603 ends the search', async () => {
    await behave(sip(), { invite: '603' });
    const before = invites(sip2());
    expect((await call()).status).toBe(603);
    expect(invites(sip2())).toBe(before);
    await behave(sip(), {});
  });

  test('503 with Retry-After: the next datacentre, the connection is left, and the first one again after its time', async () => {
    await behave(sip(), { invite: '503', options: 503, retryAfter: 3 });
    await behave(sip2(), { invite: '503', retryAfter: 3 });
    const placed = await call();
    expect(placed.status).toBe(200);
    const asked = await sip3().told({ event: 'request', method: 'INVITE' });
    expect(readMessage(String(asked['text'])).startLine).toBe(`INVITE sip:${USER}@${sip3().target};user=phone SIP/2.0`);
    await hangUp(dialogOfCaller(placed));
    const states = await datacentres();
    expect(states.map(({ target, state, lastCode }) => [target, state, lastCode])).toEqual([
      [sip().target, 'held', 503],
      [sip2().target, 'held', 503],
      [sip3().target, 'up', 200],
    ]);
    for (const { since, heldUntil = since } of states.slice(0, 2))
      expect(Date.parse(heldUntil)).toBeGreaterThan(Date.parse(since));
    const metrics = String(await engine.api('/metrics'));
    const upOf = ({ target }: Datacentre) =>
      new RegExp(`^tandem_trunk_datacentre_up\\{.*trunk_id="7",.*datacentre="${target}",.*\\} ([01])$`, 'm').exec(
        metrics,
      )?.[1];
    expect(teams.datacentres.map(upOf)).toEqual(['0', '0', '1']);
    const held = await engine.logged(
      'trunk-datacentre',
      ({ target, state }) => target === sip().target && state === 'held',
    );
    expect(held).toMatchObject({ previous: 'up', lastCode: 503 });
    const shown = await tandem(engine, 'trunks', '7');
    expect(shown).toMatch(new RegExp(`^${sip2().target} +127\\.0\\.3\\.2 +held +\\S+ \\S+ +503 `, 'm'));
    const [first, second] = [invites(sip()), invites(sip2())];
    const again = await call();
    await hangUp(dialogOfCaller(again));
    expect([invites(sip()), invites(sip2()), invites(sip3())]).toEqual([first, second, 2]);
    await behave(sip(), {});
    await behave(sip2(), {});
    await eventually(
      'a call over the first datacentre',
      async () => {
        const next = await call();
        await hangUp(dialogOfCaller(next));
        return invites(sip()) > first;
      },
      { timeoutMs: 20_000 },
    );
    expect((await datacentres())[0]).toMatchObject({ state: 'up', lastCode: 200, address: '127.0.3.1' });
  });

  test('a call from Teams, both ways: the name in Contact, audio through the relay', async () => {
    const from = sip().events().length;
    sip().tell({ do: 'call', fqdn: FQDN, from: USER, to: '+14155550102' });
    await sip().told({ event: 'established' }, from);
    const answer = readMessage(
      String((await sip().told({ event: 'response', status: 200, cseq: '1 INVITE' }, from))['text']),
    );
    expect(engine.ownPorts('tls').map((port) => `<sip:+14155550102@${FQDN}:${port};transport=tls>`)).toContain(
      fieldOf(answer, 'Contact'),
    );
    await hearsItself();
    const callId = fieldOf(answer, 'Call-ID');
    sip().tell({ do: 'media', callId });
    const counted = await sip().told({ event: 'media', callId }, from);
    expect(Number(counted['received'])).toBeGreaterThan(20);
    expect(counted['forged']).toBe(0);
    sip().tell({ do: 'bye', callId });
    await baresip.heard('CALL_CLOSED');
  });

  test('a phone calls Teams, and hears over the relay what it says there', async () => {
    const former = baresip.heardAudio();
    baresip.dial(`sip:9${USER.slice(1)}@acme.test`);
    await baresip.heard('CALL_ESTABLISHED');
    await eventually('another recording', () => baresip.heardAudio() !== former);
    await hearsItself();
    baresip.hangUp();
    await baresip.heard('CALL_CLOSED');
  });

  test('Teams transfers: 202, a new INVITE to the very URI, Referred-By and all, and NOTIFYs', async () => {
    const from = sip().events().length;
    const callId = await established();
    const orgid = '8%3Aorgid%3A00000000-0000-0000-0000-000000000001';
    const referTo = `sip:${sip().host}:${sip().port};transport=tls;x-m=${orgid};x-t=${'0'.repeat(350)}`;
    const referredBy = `<sip:${sip().host}:${sip().port};x-m=8%3Aorgid%3A2;x-t=t;x-ti=i;x-tt=tt>`;
    sip().tell({ do: 'refer', callId, referTo, referredBy });
    await sip().told({ event: 'response', status: 202 }, from);
    const answered = await sip().told({ event: 'answered', xm: orgid, referredBy }, from);
    await eventually('the NOTIFY of success', () =>
      sip()
        .events()
        .slice(from)
        .some((event) => event['method'] === 'NOTIFY' && String(event['text']).includes('SIP/2.0 200')),
    );
    await sip().told({ event: 'response', callId, cseq: '3 BYE', status: 200 }, from);
    sip().tell({ do: 'bye', callId: answered['callId'] });
    await baresip.heard('CALL_CLOSED');
  });

  test('a phone transfers a Teams user to another one, blind and attended: both are offered, and both have agreed', async () => {
    const first = await call();
    const from = sip().events().length;
    const blind = dialogOfCaller(first);
    expect(statusOf(await phone.inDialog(blind, 'REFER', 20, [`Refer-To: <sip:9${USER.slice(1)}@acme.test>`]))).toBe(
      202,
    );
    await sip().told({ event: 'reinvite', callId: await answeredBefore(from) }, from);
    expect(refusals(from)).toEqual([]);
    await hangUpAll();

    const [one, two] = [await call(), await call()].map(dialogOfCaller) as [Dialog, Dialog];
    const joined = sip().events().length;
    const [remote, local] = [tagOf(two.remote), tagOf(two.local)];
    const replaces = `${two.callId}%3Bto-tag%3D${remote}%3Bfrom-tag%3D${local}`;
    const refer = [`Refer-To: <sip:9${USER.slice(1)}@acme.test?Replaces=${replaces}>`];
    expect(statusOf(await phone.inDialog(one, 'REFER', 20, refer))).toBe(202);
    await eventually('re-INVITEs to both', () => events(joined, 'reinvite').length === 2);
    expect(refusals(joined)).toEqual([]);
    await hangUpAll();
  });

  test('a transfer out of Teams, or to anybody else, is none', async () => {
    const from = sip().events().length;
    const callId = await established();
    for (const host of ['sip.elsewhere.test', '127.0.0.1', 'pstn.test.example']) {
      const before = sip().events().length;
      sip().tell({ do: 'refer', callId, referTo: `sip:+12065550100@${host}`, referredBy: `<sip:${sip().host}>` });
      await sip().told({ event: 'response', status: 403 }, before);
    }
    sip().tell({ do: 'bye', callId });
    await sip().told({ event: 'response', status: 200, callId }, from);
    await baresip.heard('CALL_CLOSED');
  });

  test('INVITE with Replaces from Teams takes the place of its own call', async () => {
    const from = sip().events().length;
    const callId = await established();
    const answer = readMessage(String((await sip().told({ event: 'response', status: 200, callId }, from))['text']));
    const [toTag, fromTag] = [tagOf(fieldOf(answer, 'To')), tagOf(fieldOf(answer, 'From'))];
    const replaces = `${callId};to-tag=${toTag};from-tag=${fromTag}`;
    const second = sip().events().length;
    sip().tell({ do: 'call', fqdn: FQDN, from: USER, to: '+14155550102', replaces });
    const established2 = await sip().told({ event: 'established' }, second);
    await sip().told({ event: 'request', method: 'BYE', callId }, second);
    expect(baresip.events.filter(({ type }) => type === 'CALL_CLOSED').length).toBe(closed());
    sip().tell({ do: 'bye', callId: established2['callId'] });
    await baresip.heard('CALL_CLOSED');
  });

  test('two tenants on one node: each is called by its name, at its own numbers alone, and calls by its own', async () => {
    const from = sip2().events().length;
    const placed = await phone.call({ user: '201', domain: 'globex.test', dialled: '912065550200' });
    expect(placed.status).toBe(200);
    await sip().told({ event: 'answered', tenant: 'globex.test', to: '+12065550200' });
    await hangUp(dialogOfCaller(placed));
    // acme's number by globex's name, and the other way round.
    for (const [fqdn, to] of [
      [GLOBEX_FQDN, '+14155550102'],
      [FQDN, '+14155550201'],
    ] as const) {
      const before = sip2().events().length;
      sip2().tell({ do: 'call', fqdn, from: USER, to });
      await sip2().told({ event: 'response', status: 404, cseq: '1 INVITE' }, before);
    }
    sip2().tell({ do: 'call', fqdn: GLOBEX_FQDN, from: USER, to: '+14155550201' });
    await sip2().told({ event: 'response', status: 480, cseq: '1 INVITE' }, from);
  });

  test('the doctor finds nothing, over real DNS, TLS and OPTIONS; and says what Teams refuses, and what to do', async () => {
    const well = await examined('7');
    expect(well.healthy, JSON.stringify(well)).toBe(true);
    const count = (check: string) => well.findings.filter((finding) => finding.check === check).length;
    expect([count('dns'), count('certificate'), count('tls'), count('options'), count('relay')]).toEqual([
      3, 1, 3, 3, 1,
    ]);
    await behave(sip3(), { options: 403 });
    const refused = await examined('7');
    expect(refused.findings.filter(({ outcome }) => outcome === 'failed')).toMatchObject([
      { check: 'options', message: expect.stringContaining('403'), advice: expect.stringContaining(`add ${FQDN}`) },
    ]);
    await behave(sip3(), {});
  });

  test('a new certificate is shown from the next connection on; one that has ended is refused by Teams, and told', async () => {
    const expired = authority.issue({ commonName: FQDN, alternativeNames: [`DNS:${FQDN}`], days: -1 });
    await show(expired);
    const refused = teams.datacentres.map((datacentre) =>
      datacentre.told({ event: 'tls-refused', reason: 'CERT_HAS_EXPIRED' }),
    );
    await Promise.all(refused);
    const status = () => engine.api('/api/v1/trunks/7/status') as Promise<{ state: string; reason?: string }>;
    await eventually('the trunk to be offline', async () => (await status()).state === 'offline');
    const { findings } = await examined('7');
    expect(findings.filter(({ outcome }) => outcome === 'failed').map(({ check }) => check)).toEqual(
      expect.arrayContaining(['certificate', 'tls', 'options', 'state']),
    );
    expect((await status()).reason).toMatch(/certificate acme-sbc ended at \d/);
    const ended = ({ daysLeft }: LogLine) => daysLeft === 0;
    const told = await engine.logged('certificate-expiring', ended);
    expect(told).toMatchObject({ certificate: 'acme-sbc' });
    expect(engine.logs('certificate-expiring').filter(ended)).toEqual([told]);
    const renewed = authority.issue({ commonName: FQDN, alternativeNames: [`DNS:${FQDN}`] });
    await show(renewed);
    await eventually('the trunk to be online', async () => (await status()).state === 'online', { timeoutMs: 20_000 });
    const placed = await call();
    expect(placed.status).toBe(200);
    await hangUp(dialogOfCaller(placed));
  });

  /** The certificate of acme's trunk from now on, of a file: the HTTP interface takes none that has ended. */
  async function show(pair: KeyPair): Promise<void> {
    const file = join(folder, 'certificates.json');
    const certificates = [certificate('acme-sbc', 'acme', pair), ...(provisioned.certificates ?? []).slice(1)];
    writeFileSync(file, JSON.stringify({ ...provisioned, certificates }));
    await engine.configure({ provisioning: [file], provisioningMode: 'managed' });
  }

  const datacentres = async () =>
    ((await engine.api('/api/v1/trunks/7/status')) as { datacentres: DatacentreStatus[] }).datacentres;

  const examined = (id: string) => engine.api(`/api/v1/trunks/${id}/doctor`, {}) as Promise<Examination>;

  /** A call from Teams to baresip. */
  async function established(): Promise<string> {
    const from = sip().events().length;
    sip().tell({ do: 'call', fqdn: FQDN, from: USER, to: '+14155550102' });
    const { callId } = await sip().told({ event: 'established' }, from);
    await baresip.heard('CALL_ESTABLISHED');
    return String(callId);
  }

  const events = (from: number, event: string) =>
    sip()
      .events()
      .slice(from)
      .filter((each) => each.event === event);
  const refusals = (from: number) => events(from, 'refused');

  /** The Teams side of the call that was there before. */
  async function answeredBefore(from: number): Promise<string> {
    await sip().told({ event: 'answered' }, from);
    const earlier = sip()
      .events()
      .slice(0, from)
      .filter(({ event }) => event === 'answered');
    return String(earlier.at(-1)?.['callId']);
  }

  async function hangUpAll(): Promise<void> {
    const calls = await eventually('the end of the transfer', async () => {
      const listed = await engine.calls();
      return listed.every(({ state }) => state === 'answered') && listed;
    });
    for (const { callId } of calls) await engine.endCall(callId);
    await eventually('the end of all calls', async () => (await engine.counted('tandem_calls_live')) === 0);
  }

  const closed = () => baresip.events.filter(({ type }) => type === 'CALL_CLOSED').length;

  async function hangUp(dialog: Dialog, sequence = 10): Promise<void> {
    expect(statusOf(await phone.inDialog(dialog, 'BYE', sequence))).toBe(200);
  }

  async function behave(datacentre: Datacentre, behaviour: object): Promise<void> {
    const from = datacentre.events().length;
    datacentre.tell({ do: 'behave', ...behaviour });
    await datacentre.told({ event: 'behaving' }, from);
  }

  const invites = (datacentre: Datacentre) => datacentre.events().filter(({ method }) => method === 'INVITE').length;
});
