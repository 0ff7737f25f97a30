import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { factsOf, isSigned, MAX_FACTS } from '../../src/messages/webhook.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const octets = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
const notification = (value: object, field = 'messages') => ({
  object: 'whatsapp_business_account',
  entry: [{ id: '2002', changes: [{ field, value: { metadata: { phone_number_id: '1001' }, ...value } }] }],
});
const inbound = (message: object) =>
  factsOf(
    octets(
      notification({
        contacts: [{ profile: { name: 'Zoë' }, wa_id: '1201' }],
        messages: [{ from: '1201', id: 'wamid.A', timestamp: '1763000000', ...message }],
      }),
    ),
  )?.facts[0];

test('the signature is of the octets as they came, by the app secret, in either case of its digits', () => {
  const body = octets('{ "a":  "\u00fc" }');
  const digest = createHmac('sha256', 'app').update(body).digest('hex');
  expect(isSigned(body, `sha256=${digest}`, 'app')).toBe(true);
  expect(isSigned(body, `sha256=${digest.toUpperCase()}`, 'app')).toBe(true);
  expect(isSigned(octets('{"a":"\u00fc"}'), `sha256=${digest}`, 'app')).toBe(false);
  for (const header of [
    undefined,
    '',
    digest,
    `sha1=${digest}`,
    `sha256=${digest}0`,
    `sha256=${digest.slice(1)}`,
    `sha256=${'g'.repeat(64)}`,
  ])
    expect(isSigned(body, header, 'app')).toBe(false);
  expect(isSigned(body, `sha256=${digest}`, 'another')).toBe(false);
});

test('a text, with who wrote, when, and what it answers', () => {
  expect(inbound({ type: 'text', text: { body: 'Grüße' }, context: { id: 'wamid.B' } })).toEqual({
    kind: 'message',
    accountId: '2002',
    phoneNumberId: '1001',
    remoteId: 'wamid.A',
    from: '1201',
    name: 'Zoë',
    atMs: 1_763_000_000_000,
    content: { type: 'text', text: 'Grüße' },
    contextId: 'wamid.B',
  });
});

test.each([
  [
    { type: 'image', image: { id: '9', mime_type: 'image/png', sha256: 'x', caption: 'C' } },
    { type: 'media', kind: 'image', mediaId: '9', mimeType: 'image/png', caption: 'C' },
  ],
  [
    { type: 'document', document: { id: '9', filename: 'a.pdf' } },
    { type: 'media', kind: 'document', mediaId: '9', filename: 'a.pdf' },
  ],
  [
    { type: 'location', location: { latitude: 1.5, longitude: -2, name: 'Here' } },
    { type: 'location', latitude: 1.5, longitude: -2, name: 'Here' },
  ],
  [
    { type: 'reaction', reaction: { message_id: 'wamid.Z', emoji: '👍' } },
    { type: 'reaction', emoji: '👍', to: 'wamid.Z' },
  ],
  [
    { type: 'button', button: { text: 'Yes', payload: 'y' } },
    { type: 'other', kind: 'button', text: 'Yes' },
  ],
  [
    { type: 'interactive', interactive: { list_reply: { id: '1', title: 'Monday' } } },
    { type: 'other', kind: 'interactive', text: 'Monday' },
  ],
  [
    { type: 'contacts', contacts: [{ name: { formatted_name: 'Bob' }, phones: [{ phone: '+1' }] }] },
    { type: 'other', kind: 'contacts', text: 'Bob +1' },
  ],
  [
    { type: 'unsupported', errors: [{}] },
    { type: 'other', kind: 'unsupported', text: '' },
  ],
  [
    { type: 'image', image: {} },
    { type: 'other', kind: 'image', text: '' },
  ],
  [{ type: 'text' }, { type: 'text', text: '' }],
])('%j is %j', (message, content) => expect(inbound(message)).toMatchObject({ content }));

test('a user without a number is known by its id at WhatsApp', () => {
  const body = notification({
    messages: [{ from_user_id: 'US.13491208655302741918', id: 'wamid.A', type: 'text', text: { body: 'x' } }],
  });
  expect(factsOf(octets(body))?.facts[0]).toMatchObject({ from: 'US.13491208655302741918' });
});

test('a user with a number is known by it, and its id is told beside it', () => {
  const body = notification({
    messages: [{ from: '12015550123', from_user_id: 'US.1349', id: 'wamid.A', type: 'text', text: { body: 'x' } }],
  });
  expect(factsOf(octets(body))?.facts[0]).toMatchObject({ from: '12015550123', userId: 'US.1349' });
});

test('statuses, with the reference of their message and why it failed', () => {
  const statuses = [
    { id: 'wamid.S', status: 'delivered', timestamp: '1763000000', biz_opaque_callback_data: 'ref' },
    {
      id: 'wamid.S',
      status: 'failed',
      timestamp: '1763000001',
      errors: [{ code: 131047, title: 't', error_data: { details: 'too late' } }],
    },
    { id: 'wamid.S', status: 'pondered' },
  ];
  const said = factsOf(octets(notification({ statuses })));
  expect(said?.unknown).toBe(1);
  expect(said?.facts).toMatchObject([
    { kind: 'status', reference: 'ref', status: { state: 'delivered', atMs: 1_763_000_000_000 } },
    { reference: undefined, status: { state: 'failed', error: { code: 131047, message: 'too late' } } },
  ]);
});

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['of another object', '{"object":"page","entry":[]}'],
  ['nothing', ''],
])('%s is no notification', (_, body) => expect(factsOf(octets(body))).toBeUndefined());

test('what is not understood is left out and counted, whatever its shape', () => {
  const odd = {
    object: 'whatsapp_business_account',
    entry: [
      null,
      1,
      { changes: 'x' },
      {
        changes: [
          { field: 'account_update', value: {} },
          { field: 'messages', value: { messages: [null, {}, { id: 'a', from: 'a b' }] } },
        ],
      },
    ],
  };
  expect(factsOf(octets(odd))).toEqual({ facts: [], unknown: 3 });
});

test('the name is that of the contact with the number or id of who wrote, else of the first one', () => {
  const contacts = [
    { wa_id: '1', profile: { name: 'first' } },
    { user_id: 'US.2', profile: { name: 'by id' } },
    { wa_id: '3', profile: { name: 'third' } },
    { wa_id: '3', profile: { name: 'again' } },
  ];
  const messages = ['3', 'US.2', '9'].map((from) => ({ id: from, from }));
  const facts = factsOf(octets(notification({ contacts, messages })))?.facts;
  expect(facts).toMatchObject([{ name: 'third' }, { name: 'by id' }, { name: 'first' }]);
});

test('many messages and many contacts are read in a time that grows as they do', () => {
  const messages = Array.from({ length: 5000 }, (_, at) => ({ id: String(at), from: '1' }));
  const contacts = Array.from({ length: 10_000 }, () => ({ wa_id: '2' }));
  const body = octets(notification({ messages, contacts }));
  expect(leastCpuMs(100, () => factsOf(body))).toBeLessThan(500);
});

test('of one notification so much is read, what cannot be understood included', () => {
  const messages = Array.from({ length: MAX_FACTS }, (_, at) => ({ id: String(at), from: '1' }));
  expect(factsOf(octets(notification({ messages: [{}, ...messages] })))).toMatchObject({
    facts: { length: MAX_FACTS - 1 },
    unknown: 1,
  });
});
