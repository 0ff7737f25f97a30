import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { Dialog } from '../../../src/sip/dialog/index.ts';
import { HeaderId, parseMessage, type SipRequest, serialize } from '../../../src/sip/message/index.ts';
import { makeRequest } from '../transaction/fixture.ts';
import { requestWith, responseTo } from './fixture.ts';

const CONTACT = '<sip:tandem@198.51.100.1:5060>';
const P1 = '<sip:p1.example.com;lr>';
const P2 = '<sip:p2.example.com;lr>';
const STRICT = '<sip:old@p0.example.com;method=INVITE?Subject=x>';

function uas(facts = {}): Dialog {
  return Dialog.createUas(requestWith('INVITE', facts), 'mine', CONTACT);
}

function uac(responseFacts = {}, requestFacts = {}): Dialog {
  const invite = requestWith('INVITE', requestFacts);
  return Dialog.createUac(invite, responseTo(invite, 200, responseFacts));
}

describe('creation', () => {
  test.each([
    ['a Contact after one that cannot be read', { contact: '<sip:[>, <sip:bob@192.0.2.9>' }, 'sip:bob@192.0.2.9'],
    ['a Contact after a telephone number', { contact: '<tel:+1>, <sip:bob@192.0.2.9>' }, 'sip:bob@192.0.2.9'],
  ])('§12.1.2: %s is the target', (_what, facts, target) => {
    expect(uac(facts)).toMatchObject({ hasTarget: true, remoteTarget: target });
  });

  test.each([
    ['Contact', { contact: '<tel:+1>' }],
    ['Record-Route', { recordRoutes: ['<tel:+1>'] }],
    ['Record-Route', { recordRoutes: ['<sip:['] }],
  ])('§12.1.2: a 2xx whose %s leads nowhere has no target', (_field, facts) => {
    expect(uac(facts).hasTarget).toBe(false);
  });

  test('§12.1.1: the called side takes identifiers, sequence number and target from the request', () => {
    const dialog = uas();
    expect(dialog).toMatchObject({
      role: 'uas',
      state: 'early',
      localTag: 'mine',
      remoteTag: '1928301774',
      remoteTarget: 'sip:alice@192.0.2.4:5060',
    });
    const bye = dialog.createRequest('BYE');
    expect(bye.requestUri).toBe('sip:alice@192.0.2.4:5060');
    expect(bye.headers.value(HeaderId.From)).toBe('Bob <sip:bob@biloxi.example.com>;tag=mine');
    expect(bye.headers.value(HeaderId.To)).toBe('"Alice" <sip:alice@atlanta.example.com>;tag=1928301774');
    expect(bye.callId()).toBe('a84b4c76e66710@pc33.atlanta.example.com');
  });

  test('§12.1.2: the calling side takes the remote tag and target from the response', () => {
    const dialog = uac();
    expect(dialog).toMatchObject({
      role: 'uac',
      state: 'confirmed',
      localTag: '1928301774',
      remoteTag: 'callee',
      remoteTarget: 'sip:bob@192.0.2.8:5060',
    });
    const bye = dialog.createRequest('BYE');
    expect(bye.headers.value(HeaderId.To)).toBe('Bob <sip:bob@biloxi.example.com>;tag=callee');
    expect(bye.cseq()).toEqual({ sequence: 314160, method: 'BYE' });
  });

  test('§12.1.1: a request without Contact makes no dialog', () => {
    expect(() => uas({ contact: '' })).toThrow(PeerError);
  });

  test('DEVIATION: a response without Contact leaves the Request-URI as target', () => {
    expect(uac({ contact: '' }).remoteTarget).toBe('sip:bob@biloxi.example.com');
  });

  test('§12.1.1: a peer without a tag (RFC 2543) has the empty one', () => {
    const invite = requestWith('INVITE');
    invite.headers.set(HeaderId.From, '<sip:alice@atlanta.example.com>');
    expect(Dialog.createUas(invite, 'mine', CONTACT).remoteTag).toBe('');
  });

  test('§12.2: requests of the dialog have its key', () => {
    const dialog = uas();
    const bye = requestWith('BYE', { toTag: 'mine', contact: '' });
    expect(dialog.is(bye.callId(), bye.toTag() ?? '', bye.fromTag() ?? '')).toBe(true);
    expect(dialog.is(bye.callId(), bye.toTag() ?? '', 'another')).toBe(false);
  });
});

describe('route set', () => {
  test('§12.1.1: the called side keeps Record-Route in order, over several fields and commas', () => {
    const dialog = uas({ recordRoutes: [`${P1}, ${P2}`, '<sip:p3.example.com;lr>'] });
    expect(dialog.routeSet).toEqual([P1, P2, '<sip:p3.example.com;lr>']);
    expect(dialog.nextHop()).toBe('sip:p1.example.com;lr');
  });

  test('§12.1.2: the calling side reverses it', () => {
    const dialog = uac({ recordRoutes: [P1, P2] });
    expect(dialog.routeSet).toEqual([P2, P1]);
    const bye = dialog.createRequest('BYE');
    expect(bye.requestUri).toBe('sip:bob@192.0.2.8:5060');
    expect(bye.headers.listValues(HeaderId.Route)).toEqual([P2, P1]);
  });

  test('§20.30: a Record-Route without its angle brackets is of a loose router all the same', () => {
    for (const dialog of [uas, uac].map((make) => make({ recordRoutes: ['sip:p0.example.com;lr'] }))) {
      const bye = dialog.createRequest('BYE');
      expect(bye.requestUri).toBe(dialog.remoteTarget);
      expect(bye.headers.listValues(HeaderId.Route)).toEqual(['<sip:p0.example.com;lr>']);
    }
  });

  test('§12.2.1.1: a strict router first: its URI is the Request-URI and the remote target goes last', () => {
    const dialog = uas({ recordRoutes: [STRICT, P1] });
    const bye = dialog.createRequest('BYE');
    expect(bye.requestUri).toBe('sip:old@p0.example.com');
    expect(bye.headers.listValues(HeaderId.Route)).toEqual([P1, '<sip:alice@192.0.2.4:5060>']);
  });

  test('§12.2.1.1: without routes the target is the Request-URI and the next hop', () => {
    const dialog = uas();
    expect(dialog.createRequest('BYE').headers.has(HeaderId.Route)).toBe(false);
    expect(dialog.nextHop()).toBe('sip:alice@192.0.2.4:5060');
  });

  test('§12.2: a Record-Route in later messages changes nothing', () => {
    const dialog = uac({ recordRoutes: [P1] });
    dialog.refreshTarget(requestWith('INVITE', { toTag: 'x', recordRoutes: [P2] }));
    expect(dialog.routeSet).toEqual([P1]);
  });

  test('§13.2.2.4: the 2xx fixes route set and target of an early dialog anew', () => {
    const invite = requestWith('INVITE');
    const dialog = Dialog.createUac(invite, responseTo(invite, 180, { recordRoutes: [P1], contact: '' }));
    expect(dialog.state).toBe('early');
    dialog.confirm(responseTo(invite, 200, { recordRoutes: [P1, P2], contact: '<sip:bob@192.0.2.9>' }));
    expect(dialog).toMatchObject({ state: 'confirmed', routeSet: [P2, P1], remoteTarget: 'sip:bob@192.0.2.9' });
    dialog.confirm(responseTo(invite, 200, { recordRoutes: [P2], contact: '<sip:bob@192.0.2.10>' }));
    expect(dialog.routeSet).toEqual([P2, P1]);
  });
});

describe('sequence numbers', () => {
  test('§12.2.2: a BYE with the number of the request before it ends the dialog, as its sender does not count', () => {
    const dialog = uas();
    expect(dialog.receiveRequest(requestWith('BYE', { sequence: 314159, toTag: 'mine' }))).toBeUndefined();
    expect(dialog.receiveRequest(requestWith('BYE', { sequence: 314158, toTag: 'mine' }))).toMatchObject({
      status: 500,
    });
  });

  test('§12.2.2: a lower number, or the same again, is 500; a higher one is taken', () => {
    const dialog = uas();
    expect(dialog.receiveRequest(requestWith('INFO', { sequence: 314158, toTag: 'mine' }))).toMatchObject({
      status: 500,
    });
    expect(dialog.receiveRequest(requestWith('INFO', { sequence: 314159, toTag: 'mine' }))).toMatchObject({
      status: 500,
    });
    expect(dialog.receiveRequest(requestWith('INFO', { sequence: 314170, toTag: 'mine' }))).toBeUndefined();
    expect(dialog.receiveRequest(requestWith('BYE', { sequence: 314165, toTag: 'mine' }))).toMatchObject({
      status: 500,
    });
  });

  test("§12.1.2: on the calling side the peer's first number may be any, 0 too", () => {
    const dialog = uac();
    expect(dialog.receiveRequest(makeRequest('BYE', { sequence: 0, toTag: '1928301774' }))).toBeUndefined();
  });

  test('§12.2.2: ACK and CANCEL have the number of their INVITE and are not counted', () => {
    const dialog = uas();
    expect(dialog.receiveRequest(makeRequest('ACK', { toTag: 'mine' }))).toBeUndefined();
    expect(dialog.receiveRequest(makeRequest('CANCEL', { toTag: 'mine' }))).toBeUndefined();
  });

  test("§12.2.1.1: each request of ours is one higher; the ACK has the INVITE's number", () => {
    const dialog = uas();
    const invite = dialog.createRequest('INVITE');
    const info = dialog.createRequest('INFO');
    expect([invite.cseq().sequence, info.cseq().sequence, dialog.localSequence]).toEqual([1, 2, 2]);
    expect(dialog.createAck(invite).cseq()).toEqual({ sequence: 1, method: 'ACK' });
  });
});

describe('remote target', () => {
  test.each(['INVITE', 'UPDATE', 'NOTIFY', 'REFER', 'SUBSCRIBE'])('§12.2.2: an accepted %s moves it', (method) => {
    const dialog = uas();
    dialog.refreshTarget(requestWith(method, { contact: '<sip:alice@203.0.113.9;transport=tcp>' }));
    expect(dialog.remoteTarget).toBe('sip:alice@203.0.113.9;transport=tcp');
  });

  test('§12.2.2: other requests, and refreshes without Contact, do not', () => {
    const dialog = uas();
    dialog.refreshTarget(requestWith('INFO', { contact: '<sip:mallory@203.0.113.66>' }));
    dialog.refreshTarget(requestWith('UPDATE', { contact: '' }));
    // What cannot be used moves nothing either.
    for (const contact of ['<sip:[>', '<tel:+1>', '*']) dialog.refreshTarget(requestWith('INVITE', { contact }));
    expect(dialog.remoteTarget).toBe('sip:alice@192.0.2.4:5060');
  });

  test('§12.2.1.2: the 2xx to our target refresh moves it', () => {
    const dialog = uas();
    dialog.refreshTarget(responseTo(requestWith('INVITE'), 200, { contact: '<sip:alice@192.0.2.77>' }));
    expect(dialog.createRequest('BYE').requestUri).toBe('sip:alice@192.0.2.77');
  });
});

describe('requests', () => {
  test('§12.2.1.1: target refresh requests carry our Contact, others do not', () => {
    const dialog = uas();
    expect(dialog.createRequest('INVITE').headers.value(HeaderId.Contact)).toBe(CONTACT);
    expect(dialog.createRequest('UPDATE').headers.value(HeaderId.Contact)).toBe(CONTACT);
    expect(dialog.createRequest('BYE').headers.has(HeaderId.Contact)).toBe(false);
  });

  test('header fields and body are added, and what is written can be read', () => {
    const dialog = uas({ recordRoutes: [P1] });
    const info = dialog.createRequest('INFO', {
      headers: [[HeaderId.Supported, 'timer']],
      contentType: 'application/dtmf-relay',
      body: 'Signal=1\r\n',
    });
    info.headers.prepend(HeaderId.Via, 'SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx');
    const read = parseMessage(serialize(info)) as SipRequest;
    expect(read.headers.value(HeaderId.Supported)).toBe('timer');
    expect(read.headers.value(HeaderId.ContentType)).toBe('application/dtmf-relay');
    expect(read.headers.value(HeaderId.ContentLength)).toBe('10');
    expect(read.body).toBe('Signal=1\r\n');
    expect(read.maxForwards()).toBe(70);
  });

  test('§13.2.2.4: the ACK to a 2xx has the credentials of the INVITE, the routes, and may hold the answer', () => {
    const invite = requestWith('INVITE', { headers: [[HeaderId.ProxyAuthorization, 'Digest username="a"']] });
    const dialog = Dialog.createUac(invite, responseTo(invite, 200, { recordRoutes: [P1] }));
    const ack = dialog.createAck(invite, { contentType: 'application/sdp', body: 'v=0\r\n' });
    expect(ack.method).toBe('ACK');
    expect(ack.requestUri).toBe('sip:bob@192.0.2.8:5060');
    expect(ack.headers.value(HeaderId.ProxyAuthorization)).toBe('Digest username="a"');
    expect(ack.headers.listValues(HeaderId.Route)).toEqual([P1]);
    expect(ack.toTag()).toBe('callee');
    expect(ack.body).toBe('v=0\r\n');
    expect(dialog.localSequence).toBe(314159);
  });
});

describe('a snapshot', () => {
  test('of a confirmed dialog goes on in another process: same identifiers, routes and target, sequence numbers that never go back', () => {
    const dialog = uac({ recordRoutes: [P2, P1] });
    dialog.createRequest('INFO');
    const { cseq, ...before } = facts(dialog.createRequest('BYE'));
    const restored = Dialog.restore(JSON.parse(JSON.stringify(dialog.snapshot())));
    expect(restored.is(dialog.callId, dialog.localTag, dialog.remoteTag)).toBe(true);
    expect(restored).toMatchObject({ state: 'confirmed', role: 'uac', hasTarget: true });
    const { cseq: later, ...after } = facts(restored.createRequest('BYE'));
    expect(after).toEqual(before);
    expect(later).toBeGreaterThan(cseq);
    expect(restored.nextHop()).toBe(dialog.nextHop());
  });

  test('§12.2.2: what the peer sends again out of order is still refused', () => {
    const dialog = uas();
    dialog.confirm();
    dialog.receiveRequest(requestWith('INFO', { sequence: 314200 }));
    const restored = Dialog.restore(dialog.snapshot());
    expect(restored.receiveRequest(requestWith('INFO', { sequence: 314200 }))?.status).toBe(500);
    expect(restored.receiveRequest(requestWith('BYE', { sequence: 314201 }))).toBeUndefined();
  });
});

function facts(request: SipRequest) {
  const [uri, from, to] = [
    request.requestUri,
    request.headers.value(HeaderId.From),
    request.headers.value(HeaderId.To),
  ];
  return { uri, from, to, routes: request.headers.fieldValues(HeaderId.Route), cseq: request.cseq().sequence };
}
