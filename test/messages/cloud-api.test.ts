import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EgressError } from '../../src/base/egress.ts';
import { CloudApi } from '../../src/messages/cloud-api.ts';
import { directoryOf, numberIn } from './world.ts';

const { settings, trunk } = numberIn(directoryOf());

interface Asked {
  readonly owner: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly maxOctets: number;
}

function apiOf(...answers: readonly (object | Error)[]) {
  const asked: Asked[] = [];
  let next = 0;
  const api = new CloudApi({
    ask: async (request: Asked) => {
      // In whose name the host is looked up.
      expect(request.owner).toBe(settings.owner);
      asked.push(request);
      const answer = answers[next++];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as never);
  return { api, asked };
}

const json = (status: number, body: unknown, headers = {}) => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const wanted = {
  to: '12015550123',
  content: { type: 'text', text: 'Hi' },
  contextId: 'wamid.B',
  reference: 'ref',
} as const;

test('its host is looked up in the name of who owns the trunk', () => {
  expect([trunk.owner, settings.owner]).toEqual(['acme', 'acme']);
});

describe('a message', () => {
  test('goes to the number with the token, its reference and what it answers', async () => {
    const { api, asked } = apiOf(json(200, { messages: [{ id: 'wamid.A' }] }));
    expect(await api.send(settings, wanted)).toEqual({ kind: 'sent', remoteId: 'wamid.A' });
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: 'https://graph.example/v23.0/1001/messages',
      headers: { authorization: 'Bearer token-1', 'content-type': 'application/json' },
    });
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({
      messaging_product: 'whatsapp',
      recipient_type: 'individual',
      to: '12015550123',
      biz_opaque_callback_data: 'ref',
      context: { message_id: 'wamid.B' },
      type: 'text',
      text: { preview_url: false, body: 'Hi' },
    });
  });

  test('goes to a user that shows no number by its id', async () => {
    const { api, asked } = apiOf(json(200, { messages: [{ id: 'wamid.A' }] }));
    await api.send(settings, { ...wanted, to: 'US.13491208655302741918' });
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ recipient: 'US.13491208655302741918' });
    expect(JSON.parse(asked[0]?.body ?? '')).not.toHaveProperty('to');
  });

  test.each([
    ['nobody listens', Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), 'unreached'],
    ['the guard refuses', new EgressError('private'), 'unreached'],
    ['the connection broke', Object.assign(new Error('no'), { code: 'ECONNRESET' }), 'unknown'],
    ['it took too long', new Error('timeout'), 'unknown'],
    ['the answer is no JSON', json(200, '<html>'), 'unknown'],
    ['the answer names no message', json(200, { messages: [] }), 'unknown'],
    ['the answer is a list', json(200, []), 'unknown'],
  ])('%s', async (_, answer, kind) => expect((await apiOf(answer).api.send(settings, wanted)).kind).toBe(kind));

  test.each([
    [
      json(400, { error: { code: 131047, message: 'late', error_data: { details: 'more than 24 hours' } } }),
      131047,
      'more than 24 hours',
    ],
    [json(401, 'no JSON'), 190, 'the Cloud API answered 401'],
    [json(429, {}), 130429, 'the Cloud API answered 429'],
    [json(503, { error: 'text' }), 2, 'the Cloud API answered 503'],
    [json(400, { error: { code: '1', message: 5 } }), 100, 'the Cloud API answered 400'],
  ])('an error: %j', async (answer, code, message) =>
    expect(await apiOf(answer).api.send(settings, wanted)).toMatchObject({ kind: 'error', error: { code, message } }),
  );

  test('how long the API asks to wait is read', async () => {
    const { api } = apiOf(json(429, { error: { code: 130429, message: 'slow' } }, { 'retry-after': '7' }));
    expect(await api.send(settings, wanted)).toMatchObject({ verdict: { kind: 'later', afterMs: 7000 } });
  });
});

describe('a file', () => {
  const file = Buffer.from('octets');
  const sha256 = createHash('sha256').update(file).digest('hex');
  const facts = { url: 'https://files.example/1', mime_type: 'image/png', sha256, file_size: 6 };
  const fetched = { status: 200, headers: {}, body: file };

  test('is looked up and fetched, both with the token, no larger than allowed', async () => {
    const { api, asked } = apiOf(json(200, facts), fetched);
    expect(await api.media(settings, 'a/../b', 100)).toMatchObject({ mimeType: 'image/png', body: file });
    expect(asked.map(({ url }) => url)).toEqual(['https://graph.example/v23.0/a%2F..%2Fb', 'https://files.example/1']);
    expect(asked[1]).toMatchObject({ maxOctets: 100, headers: { authorization: 'Bearer token-1' } });
  });

  test.each([
    ['is too large as announced', [json(200, { ...facts, file_size: 101 })], 'more than 100'],
    ['is offered in the clear', [json(200, { ...facts, url: 'http://files.example/1' })], 'https'],
    ['is offered as something else', [json(200, { ...facts, url: 'file:///etc/passwd' })], 'https'],
    ['is another one', [json(200, facts), { ...fetched, body: Buffer.from('others') }], 'not the one'],
    ['is not given out', [json(200, facts), json(403, {})], 'answered 403'],
    ['has no address', [json(200, {})], 'answered 200'],
    ['is at a private address', [json(200, facts), new EgressError('10.0.0.1 is private')], 'private'],
  ] as const)('%s: not fetched', async (_, answers, why) =>
    expect(apiOf(...(answers as readonly (object | Error)[])).api.media(settings, 'M', 100)).rejects.toThrow(why),
  );

  test('that is not there is none', async () =>
    expect(await apiOf(json(404, {})).api.media(settings, 'M', 100)).toBeUndefined());
});

test('the token is asked about; an error says what is wrong with it', async () => {
  expect(await apiOf(json(200, {})).api.check(settings)).toBeUndefined();
  expect(await apiOf(json(401, { error: { code: 190, message: 'expired' } })).api.check(settings)).toMatchObject({
    code: 190,
  });
});
