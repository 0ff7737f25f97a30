import { expect, test } from 'vitest';
import { randomToken } from '../../src/base/ids.ts';
import { relayMessage } from '../../src/call/message-relay.ts';
import type { ServerTransaction } from '../../src/call/ports.ts';
import { HeaderId, type HeaderList, SipRequest } from '../../src/sip/message/index.ts';
import { type Content, fill, legOptions, type Party, Sent, scene, type World } from './world.ts';

/** Sends a MESSAGE outside of a dialog from A; the engine relays it to `hosts`. */
function relayed(
  hosts: string[],
  content: Content = { body: 'héllo'.normalize(), type: 'text/plain' },
): { world: World; sent: Sent } {
  const { world, a, engine } = scene();
  const calls = engine.calls as unknown as { handle(transaction: ServerTransaction, request: SipRequest): boolean };
  calls.handle = (transaction, request) => {
    relayMessage(
      engine.endpoint,
      transaction,
      {
        options: legOptions(),
        targets: hosts.map((host) => ({
          to: { transport: 'udp', address: host, port: 5060 },
          draft: {
            requestUri: `sip:${host}`,
            from: '<sip:101@engine>',
            to: '<sip:102@engine>',
            contact: '',
            routes: [],
            headers: [['Content-Type', request.headers.value(HeaderId.ContentType) ?? '']],
            body: request.body,
          },
        })),
      },
      randomToken,
    );
    return true;
  };
  const request = new SipRequest('MESSAGE', 'sip:102@engine');
  const { headers } = request;
  headers.add(HeaderId.MaxForwards, '70');
  headers.add(HeaderId.From, '<sip:101@engine>;tag=x');
  headers.add(HeaderId.To, '<sip:102@engine>');
  headers.add(HeaderId.CallId, 'message-1');
  headers.add(HeaderId.CSeq, '1 MESSAGE');
  fill(request, content);
  const sent = new Sent(request);
  a.endpoint.sendRequest(
    request,
    { transport: 'udp', address: 'engine', port: 5060 },
    { onResponse: (response) => sent.responses.push(response), onTimeout() {}, onTransportError() {} },
  );
  return { world, sent };
}

function answers(party: Party, status: number, headers: HeaderList = []): void {
  party.onRequest = (transaction) => transaction.reply(status, undefined, headers);
}

test('RFC 3428: a MESSAGE reaches the other extension octet for octet, without Contact, with the Call-ID that reports name it by (RFC 5438)', () => {
  const { world, sent } = relayed(['b']);
  world.run();
  const [message] = world.b.requests('MESSAGE');
  expect(message?.body).toBe('héllo'.normalize());
  expect(message?.callId()).toBe('message-1');
  expect(message?.headers.has(HeaderId.Contact)).toBe(false);
  expect(message?.headers.value(HeaderId.MaxForwards)).toBe('69');
  expect(sent.final?.status).toBe(200);
});

test('copies for several bindings have one Call-ID and a From tag each, so that none is taken for a merged request (RFC 3261 §8.2.2.2)', () => {
  const { world } = relayed(['b', 'c']);
  world.run();
  const copies = [world.b, world.c].map((party) => party.requests('MESSAGE')[0]);
  expect(copies.map((copy) => copy?.callId())).toEqual(['message-1', 'message-1']);
  expect(new Set(copies.map((copy) => copy?.from().params.get('tag'))).size).toBe(2);
});

test('several bindings: one 2xx is success, whoever refuses; if all refuse, the best refusal is told', () => {
  const first = relayed(['b', 'c']);
  answers(first.world.b, 486);
  first.world.run();
  expect(first.sent.final?.status).toBe(200);
  const second = relayed(['b', 'c']);
  answers(second.world.b, 404);
  answers(second.world.c, 603);
  second.world.run();
  expect(second.sent.final?.status).toBe(603);
});

test.each([
  ['what it has', 'INVITE, ACK, BYE', 'INVITE, ACK, BYE'],
  [
    'what else goes through, where it says nothing',
    undefined,
    'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY',
  ],
])('§21.4.6: of a phone without MESSAGE the sender is told %s', (_what, said, told) => {
  const { world, sent } = relayed(['b']);
  answers(world.b, 405, said === undefined ? [] : [[HeaderId.Allow, said]]);
  world.run();
  expect([sent.final?.status, sent.final?.headers.value(HeaderId.Allow)]).toEqual([405, told]);
});

test('no binding is 480, a challenge for this engine is 480; silence is answered with silence (RFC 4320 §4.2)', () => {
  const none = relayed([]);
  none.world.run();
  expect(none.sent.final?.status).toBe(480);
  const challenged = relayed(['b']);
  answers(challenged.world.b, 401);
  challenged.world.run();
  expect(challenged.sent.final?.status).toBe(480);
  const silent = relayed(['nowhere', 'b']);
  answers(silent.world.b, 503);
  silent.world.run(40_000);
  expect(silent.sent.final).toBeUndefined();
  expect(silent.world.network.count('engine>a 408')).toBe(0);
});
