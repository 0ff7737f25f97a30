import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Explanation } from '../../../src/outbound/index.ts';
import { fieldOf, methodOf, type WireMessage } from '../outbound/wire-message.ts';
import {
  ackOf,
  carrierInvite,
  type FieldChanges,
  type FieldWorld,
  PHONE_HOST,
  phoneInvite,
  requestOf,
  responseTo,
  SDP,
  startField,
  statusOf,
  token,
} from './world.ts';

let world: FieldWorld;
beforeAll(async () => {
  world = await startField({
    tenant: {
      stopOutbound: false,
      limits: { barred: { prefixes: ['91900'] } },
      emergency: { callbackNumber: '+1 (415) 555-0150' },
    },
    trunk: { limits: { concurrentCalls: 1 } },
    settings: {
      listen: [
        { transport: 'udp', host: '127.0.0.1', port: 0 },
        { transport: 'tcp', host: '127.0.0.1', port: 0 },
      ],
    },
  });
});
afterAll(() => world.stop());

interface Outcome {
  readonly status: number;
  readonly reached: WireMessage | undefined;
}

/** Places a call; a carrier that is reached refuses it. */
async function place(text: string, from = world.phone): Promise<Outcome> {
  const { carrier } = world;
  const quiet = carrier.serves;
  let reached: WireMessage | undefined;
  carrier.serves = (message) => {
    if (methodOf(message) !== 'INVITE') return quiet(message);
    reached = message;
    return responseTo(message, '486 Busy Here', token());
  };
  from.send(text);
  // Not the last call's, sent again because its ACK came late.
  const callId = /\r\nCall-ID: ([^\r]*)/.exec(text)?.[1];
  const isFinal = (message: WireMessage) => statusOf(message) >= 200 && fieldOf(message, 'Call-ID') === callId;
  const answer = await from.next(isFinal, 'the answer').finally(() => {
    carrier.serves = quiet;
  });
  from.send(ackOf(from, text, answer));
  return { status: statusOf(answer), reached };
}

/** An INVITE to any URI. */
const inviteTo = (uri: string, changes: FieldChanges = {}, from = world.phone) =>
  requestOf(from, `INVITE ${uri} SIP/2.0`, { To: `<${uri}>`, ...changes }, SDP);

const userOf = (message: WireMessage | undefined) =>
  /^INVITE (?:sip:|tel:)([^@ ]*)/.exec(message?.startLine ?? '')?.[1];

describe('kind 1: visual separators dodge nothing (RFC 3966 §5.1.1)', () => {
  test.each([
    'sip:91-900-555-1234@acme.test',
    'sip:91%2D900-555.1234@acme.test;user=phone',
    'sip:9(1)900.5551234;phone-context=+1@acme.test',
    'sip:*67-91-900-5551234@acme.test',
    'tel:9-1-900-555-1234',
    'sip:91%E2%80%8B900555%C2%A01234@acme.test',
    'sip:\u00e2\u0080\u00ac919005551234\u00ef\u00bb\u00bf@acme.test',
    'tel:9(1)900.555.1234;phone-context=+1',
    'sip:%DB%B9%DB%B1%DB%B9%DB%B0%DB%B05551234@acme.test',
    'sip:\u00ef\u00bc\u0099\u00ef\u00bc\u0091-900.5551234@acme.test;user=phone',
  ])('%s is barred as 919005551234 is', async (uri) => {
    expect(await place(inviteTo(uri))).toEqual({ status: 403, reached: undefined });
  });

  test('what is not barred leaves without them, over TCP too', async () => {
    const { reached } = await place(inviteTo('sip:9-44(207)946.0123@acme.test'));
    expect(userOf(reached)).toBe('+442079460123');
    const tcp = await world.party('tcp', PHONE_HOST);
    expect(await place(inviteTo('sip:91-900-555-1234@acme.test', {}, tcp), tcp)).toMatchObject({ status: 403 });
  });
});

describe('kind 2: emergency numbers leave as dialled', () => {
  test.each([
    ['sip:911@acme.test', '911'],
    ['tel:9-1-1', '911'],
    ['tel:112;phone-context=+1', '112'],
    ['sip:%E2%80%AA911%E2%80%AC@acme.test', '911'],
    ['sip:%D9%A9%D9%A1%D9%A1@acme.test', '911'],
    ['sip:\u00ef\u00bc\u0091\u00ef\u00bc\u0091\u00ef\u00bc\u0092@acme.test', '112'],
    ['sip:9911@acme.test', '911'],
    ['sip:9-112@acme.test;user=phone', '112'],
    ['sip:*67112@acme.test', '112'],
    ['sip:*67*67911@acme.test', '911'],
  ])('%s arrives as %s, with its callback number', async (uri, number) => {
    const { reached } = await place(inviteTo(uri, { Privacy: 'id;critical' }));
    expect(userOf(reached)).toBe(number);
    expect(fieldOf(reached as WireMessage, 'From')).toContain('<sip:+14155550150@');
  });

  test('past the limit of the trunk', async () => {
    const held = phoneInvite(world.phone);
    world.carrier.forget();
    world.phone.send(held);
    const first = await world.carrier.nextRequest('INVITE');
    // It rings: the INVITE is not sent again.
    world.carrier.send(responseTo(first, '180 Ringing', 'held'));
    expect(statusOf((await placeBehind()).answer)).toBe(503);
    const { reached } = await place(inviteTo('sip:911@acme.test'));
    expect(userOf(reached)).toBe('911');
    world.carrier.send(responseTo(first, '486 Busy Here', 'held'));
    world.phone.send(ackOf(world.phone, held, await world.phone.nextAnswer(486)));
  });

  async function placeBehind() {
    const text = phoneInvite(world.phone);
    world.phone.send(text);
    const answer = await world.phone.nextAnswer();
    world.phone.send(ackOf(world.phone, text, answer));
    return { answer };
  }
});

describe('kinds 1 and 2 behind other settings', () => {
  let other: FieldWorld;
  beforeAll(async () => {
    other = await startField({
      tenant: {
        extensions: [
          { number: '101', trustedAddresses: [PHONE_HOST] },
          { number: '102', forward: { always: '9-1-1' } },
          { number: '911', forward: { always: '102' } },
        ],
        outboundRules: [
          {
            name: 'world',
            match: { prefixes: ['9'] },
            routes: [{ trunk: 'carrier', strip: 1, prepend: '+' }],
          },
        ],
      },
      trunk: { inboundParameters: { normalize: { calledNumber: { strip: 2, prepend: '1' } } } },
    });
  });
  afterAll(() => other.stop());

  test.each([
    ['a number that an extension has, too', 'sip:911@acme.test'],
    ['a forward to it', 'sip:102@acme.test'],
  ])('an emergency number leaves as dialled: %s', async (_, uri) => {
    const { phone, carrier } = other;
    const text = requestOf(phone, `INVITE ${uri} SIP/2.0`, { To: `<${uri}>` }, SDP);
    phone.send(text);
    const reached = await carrier.nextRequest('INVITE');
    carrier.send(responseTo(reached, '486 Busy Here', token()));
    phone.send(ackOf(phone, text, await phone.nextAnswer(486)));
    expect(userOf(reached)).toBe('911');
  });

  test.each(['(99) 415-555-0101', '99-415.555.0101', '994155550101'])(
    'separators are no digits to strip of a called number: %s',
    async (called) => {
      const { carrier } = other;
      const text = carrierInvite(carrier, { To: `<sip:${called.replaceAll(' ', '%20')}@acme.test>` });
      carrier.send(text);
      const answer = await carrier.nextAnswer();
      carrier.send(ackOf(carrier, text, answer));
      // The phone of the DID is known, and not there.
      expect(statusOf(answer)).toBe(480);
    },
  );
});

test('kind 23: caller IDs leave without separators', async () => {
  const shown = async (changes: FieldChanges) =>
    fieldOf((await place(phoneInvite(world.phone, changes))).reached as WireMessage, 'From');
  expect(await shown({ 'X-Outbound-Cli': 'rewrite-from="+1 (415) 555-0112"' })).toContain('<sip:+14155550112@');
  expect(await shown({ 'P-Preferred-Identity': '<tel:+1-(415)-555.0113>' })).toContain('<sip:+14155550113@');
});

describe('kinds 39 and 40: explain is what is sent', () => {
  // Of a call that is yet to be made the first worker says what it would send; another one may have it then.
  const steady = (text: string) =>
    world
      .ownPorts()
      .reduce((said, own) => said.replaceAll(`127.0.0.1:${own}`, '127.0.0.1:#'), text)
      .replace(/;branch=[^;\r]+/g, ';branch=#')
      .replace(/(From: [^\r]*);tag=[^;\r]+/, '$1;tag=#')
      .replace(/^Call-ID: [^\r]+/gm, 'Call-ID: #');
  const octetsOf = ({ inviteBase64 }: { inviteBase64: string }) =>
    Buffer.from(inviteBase64, 'base64').toString('latin1');

  test('kind 21: an INVITE whose octets are no UTF-8 is explained octet for octet', async () => {
    const text = phoneInvite(world.phone, { From: `"Jos\u00e9" <sip:101@acme.test>;tag=${token()}` });
    const inviteBase64 = Buffer.from(text, 'latin1').toString('base64');
    const before = (await world.api('/api/v1/explain', { tenant: 'acme', inviteBase64 })) as Explanation;
    const { reached } = await place(text);
    expect(reached?.text).toContain('From: "Jos\u00e9" <');
    expect(steady(octetsOf(before.routes[0] as never))).toBe(steady(reached?.text ?? ''));
    const invite = text;
    await expect(world.api('/api/v1/explain', { tenant: 'acme', invite, inviteBase64 })).rejects.toThrow(/422/);
  });

  test.each([
    ['asks for what nobody has', { Require: 'foo' }, 420],
    ['has no hops left', { 'Max-Forwards': '0' }, 483],
    ['says two things', { 'Max-Forwards': ['70', '69'] }, 400],
    ['is from nobody that is known', { From: '<sip:199@acme.test>;tag=x' }, 407],
  ])('an INVITE that %s is explained by its Call-ID', async (_, changes, status) => {
    const text = phoneInvite(world.phone, changes);
    expect(await place(text)).toMatchObject({ status });
    const callId = encodeURIComponent(/\r\nCall-ID: ([^\r]*)/.exec(text)?.[1] ?? '');
    const after = (await world.api(`/api/v1/calls/${callId}/explain`)) as Explanation;
    expect(after).toMatchObject({ dialled: '9442079460123', refusal: { status, code: 'request-refused' }, legs: [] });
    expect(after.answer?.status).toBe(status);
  });

  test.each([
    ['with its session description and Max-Forwards', { 'Max-Forwards': '20', Supported: '100rel' }],
    ['anonymous', { Privacy: 'id', Subject: 'call 101' }],
  ])('a whole INVITE, %s; then the call that was placed', async (_, changes) => {
    const text = phoneInvite(world.phone, changes);
    const before = (await world.api('/api/v1/explain', { tenant: 'acme', invite: text })) as Explanation;
    const { reached } = await place(text);
    expect(steady(octetsOf(before.routes[0] as never))).toBe(steady(reached?.text ?? ''));
    const callId = encodeURIComponent(/\r\nCall-ID: ([^\r]*)/.exec(text)?.[1] ?? '');
    const after = (await world.api(`/api/v1/calls/${callId}/explain`)) as Explanation;
    expect(after.legs?.map((leg) => steady(octetsOf(leg)))).toEqual([steady(reached?.text ?? '')]);
    expect(after.answer?.status).toBe(486);
  });

  test('a call that was refused, and one that would be', async () => {
    const text = inviteTo('sip:91-900-555-1234@acme.test');
    const before = (await world.api('/api/v1/explain', { tenant: 'acme', invite: text })) as Explanation;
    expect(before.refusal).toMatchObject({ status: 403, code: 'destination-barred' });
    await place(text);
    const callId = encodeURIComponent(/\r\nCall-ID: ([^\r]*)/.exec(text)?.[1] ?? '');
    const after = (await world.api(`/api/v1/calls/${callId}/explain`)) as Explanation;
    expect(after.refusal).toMatchObject({ status: 403, code: 'destination-barred' });
  });

  test('a call in, and who is unknown', async () => {
    const asked = (await world.api('/api/v1/explain', {
      trunk: 'carrier',
      from: '+44',
      to: '+14155550101',
    })) as Explanation;
    expect(asked).toMatchObject({ tenant: 'acme', refusal: { status: 480 } });
    await expect(world.api('/api/v1/explain', { tenant: 'acme', from: '199', to: '9' })).rejects.toThrow(/404/);
    await expect(
      world.api('/api/v1/explain', { tenant: 'acme', from: '101', to: '9', headers: [{ name: 'To', value: '<<<' }] }),
    ).rejects.toThrow(/422/);
  });
});
