import { expect, test } from 'vitest';
import {
  addOwnHeaders,
  allowOf,
  allows,
  CALL_METHODS,
  methodsOf,
  promiseOnly,
  withoutMethod,
} from '../../src/call/capabilities.ts';
import { HeaderId, Headers, SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import { scene, sdp } from './world.ts';

function allow(...values: string[]): Headers {
  const headers = new Headers();
  for (const value of values) headers.add(HeaderId.Allow, value);
  return headers;
}

test('what a peer allows is read from all its Allow fields; one that sent none has not said', () => {
  expect(allows(undefined, 'UPDATE')).toBeUndefined();
  const methods = methodsOf(allow('INVITE, update', 'INFO'));
  expect([allows(methods, 'UPDATE'), allows(methods, 'INFO'), allows(methods, 'MESSAGE')]).toEqual([true, true, false]);
  expect(allows(methodsOf(allow('')), 'UPDATE')).toBe(false);
});

test('of lists that differ each is read, however often and in whatever order they come', () => {
  const lists = [
    'INFO',
    'INVI',
    'info',
    'INVITE, UPDATE',
    'INVITE, CANCEL',
    'INFO, UPDATE, NOTIFY',
    `INFO, ${'X'.repeat(300)}`,
  ];
  const first = lists.map((list) => methodsOf(allow(list)));
  expect(first).toEqual([2, 0, 2, 1, 0, 11, 2]);
  expect(lists.map((list) => methodsOf(allow(list)))).toEqual(first);
  expect(methodsOf(allow('INFO', 'UPDATE'))).toBe(3);
});

test('RFC 3261 table 3: of the software that a leg speaks with its requests tell in User-Agent, its responses in Server', () => {
  const told = [new SipRequest('BYE', 'sip:a@b'), new SipResponse(200, 'OK')].map((message) => {
    addOwnHeaders(message, { contact: '', headers: [['Server', 'tandem']] });
    return [message.headers.value(HeaderId.UserAgent), message.headers.value(HeaderId.Server)];
  });
  expect(told).toEqual([
    ['tandem', undefined],
    [undefined, 'tandem'],
  ]);
});

test('Allow promises what the other party can do; UPDATE is ours once it has answered', () => {
  const none = methodsOf(allow('INVITE, ACK, BYE'));
  expect(allowOf(undefined)).toBe(CALL_METHODS);
  expect(allowOf({ state: 'confirmed', methods: undefined })).toBe(CALL_METHODS);
  expect(allowOf({ state: 'confirmed', methods: none })).toBe(
    'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER',
  );
  expect(allowOf({ state: 'early', methods: none })).toBe('INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, REFER');
});

test('the Allow of a drafted INVITE promises what its caller can do', () => {
  const promised = (methods: number | undefined) => {
    const headers = allow('INVITE, UPDATE', 'INFO, MESSAGE, NOTIFY, REGISTER');
    promiseOnly(headers, methods);
    return headers.listValues(HeaderId.Allow).join(' ');
  };
  expect(promised(undefined)).toBe('INVITE UPDATE INFO MESSAGE NOTIFY REGISTER');
  expect(promised(methodsOf(allow('INVITE, INFO')))).toBe('INVITE INFO REGISTER');
  expect(promised(withoutMethod(undefined, 'UPDATE'))).toBe('INVITE INFO MESSAGE NOTIFY REGISTER');
  const none = new Headers();
  promiseOnly(none, 0);
  expect(none.has(HeaderId.Allow)).toBe(false);
});

test('18x, 2xx, re-INVITE, UPDATE and OPTIONS on a leg say what its own peer’s other side can do', () => {
  const { world, a, b } = scene();
  const call = a.calls({ body: sdp('caller'), headers: [[HeaderId.Allow, 'INVITE, UPDATE, INFO']] });
  b.answers(180, { headers: [[HeaderId.Allow, 'INVITE, MESSAGE']] });
  b.answers(200, { body: sdp('callee'), headers: [[HeaderId.Allow, 'INVITE, MESSAGE']] });
  const [ringing, answer] = call.responses.slice(-2).map((response) => response.headers.value(HeaderId.Allow));
  expect(ringing).toBe('INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, REFER, MESSAGE');
  expect(answer).toBe('INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, MESSAGE');
  const ofA = 'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER';
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('b') });
  };
  const refresh = b.send('UPDATE');
  const options = b.send('OPTIONS');
  const reinvite = a.sends('INVITE', { body: sdp('again') });
  expect(refresh.final?.headers.value(HeaderId.Allow)).toBe(ofA);
  expect(options.final?.headers.value(HeaderId.Allow)).toBe(ofA);
  expect(b.invite.request.headers.value(HeaderId.Allow)).toBe(ofA);
  expect(reinvite.final?.headers.value(HeaderId.Allow)).toBe(answer);
  expect(world.ends()).toBe(true);
});
