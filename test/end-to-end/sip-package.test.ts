import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { eventually } from '../kit/eventually.ts';
import { peersSkipped } from '../kit/peers.ts';
import { type Handler, openSipPackagePeer, type SipPackageMessage, type SipPackagePeer } from '../kit/sip-package.ts';
import { acme, carrierTrunk } from './world.ts';

const sdp = (port: number) =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\n`;
const CREDENTIALS = { user: '101', password: 'secret-101' };
let tokens = 0;
const token = () => `t${++tokens}`;

/** Takes every call: 180, 200 with a session description; BYE is answered. */
const takesCalls =
  (port: () => number): Handler =>
  (request, respond) => {
    if (request.method === 'ACK') return;
    if (request.method !== 'INVITE') return respond(200, 'OK');
    const tag = token();
    const mark = (response: SipPackageMessage) => {
      response.headers.to.params['tag'] = tag;
      response.headers.contact = [{ uri: `sip:127.0.0.1:${port()}` }];
    };
    respond(180, 'Ringing', mark);
    respond(200, 'OK', (response) => {
      mark(response);
      response.headers['content-type'] = 'application/sdp';
      response.content = sdp(30_000);
    });
  };

describe.skipIf(peersSkipped)('a phone and a carrier on the npm package sip', () => {
  let engine: TestEngine;
  let phone: SipPackagePeer;
  let carrier: SipPackagePeer;

  beforeAll(async () => {
    phone = await openSipPackagePeer(takesCalls(() => phone.port));
    carrier = await openSipPackagePeer(takesCalls(() => carrier.port));
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrier.port)] },
    });
  });
  afterAll(async () => {
    await engine.stop();
    phone.close();
    carrier.close();
  });

  const request = (method: string, uri: string, from: string, to: string, port: number): SipPackageMessage => ({
    method,
    uri,
    headers: {
      to: { uri: to, params: {} },
      from: { uri: from, params: { tag: token() } },
      'call-id': `${token()}@peer.invalid`,
      cseq: { method, seq: 1 },
      contact: [{ uri: `sip:101@127.0.0.1:${port}` }],
      route: [{ uri: `sip:127.0.0.1:${engine.port()};lr` }],
    },
  });

  function inDialog(method: string, invite: SipPackageMessage, answer: SipPackageMessage): SipPackageMessage {
    const { from, cseq, 'call-id': callId } = invite.headers;
    const seq = method === 'ACK' ? cseq.seq : cseq.seq + 1;
    return {
      method,
      uri: answer.headers.contact?.[0]?.uri ?? '',
      headers: { to: answer.headers.to, from, 'call-id': callId, cseq: { method, seq } },
    };
  }

  /** INVITE to BYE; the statuses that the caller saw, and the INVITE that the called side got. */
  async function call(from: SipPackagePeer, to: SipPackagePeer, invite: SipPackageMessage, signsIn: boolean) {
    const before = to.requests.length;
    invite.headers['content-type'] = 'application/sdp';
    invite.content = sdp(20_000);
    const { final, statuses } = await from.ask(invite, signsIn ? CREDENTIALS : undefined);
    expect(final).toMatchObject({ status: 200, content: sdp(30_000) });
    from.send(inDialog('ACK', invite, final));
    const methods = () => to.requests.slice(before).map(({ method }) => method);
    await eventually('the ACK at the called side', () => methods().includes('ACK'));
    expect((await from.ask(inDialog('BYE', invite, final))).final.status).toBe(200);
    await eventually('the BYE at the called side', () => methods().includes('BYE'));
    expect(methods()).toEqual(['INVITE', 'ACK', 'BYE']);
    return { statuses, received: to.requests[before] as SipPackageMessage };
  }

  test('the phone registers', async () => {
    const aor = 'sip:101@acme.test';
    const register = request('REGISTER', 'sip:acme.test', aor, aor, phone.port);
    const { final, statuses } = await phone.ask(register, CREDENTIALS);
    expect(statuses).toEqual([401, 200]);
    expect(final.headers.contact).toMatchObject([{ uri: `sip:101@127.0.0.1:${phone.port}` }]);
  });

  test('the phone calls out through the trunk', async () => {
    const invite = request(
      'INVITE',
      'sip:915551234@acme.test',
      'sip:101@acme.test',
      'sip:915551234@acme.test',
      phone.port,
    );
    const { statuses, received } = await call(phone, carrier, invite, true);
    expect(statuses.filter((status) => status !== 100)).toEqual([407, 180, 200]);
    expect(received.uri).toBe(`sip:+15551234@127.0.0.1:${carrier.port}`);
    expect(received.headers.from.uri).toBe('sip:14155550101@acme.test');
    expect(received.content).toBe(sdp(20_000));
  });

  test('the carrier calls the phone by DID', async () => {
    const did = `sip:14155550101@127.0.0.1:${engine.port()}`;
    const invite = request('INVITE', did, 'sip:4930123456@carrier.example', did, carrier.port);
    const { statuses, received } = await call(carrier, phone, invite, false);
    expect(statuses.filter((status) => status !== 100)).toEqual([180, 200]);
    expect(received.uri).toBe(`sip:101@127.0.0.1:${phone.port}`);
    expect(received.headers.from.uri).toBe('sip:4930123456@acme.test');
  });
});
