import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LogLine, startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { type LinphoneTerminal, startLinphoneTerminal } from '../../kit/linphone.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Cloud, startCloud } from '../../peers/whatsapp/cloud.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, methodOf, once, type WireMessage } from '../outbound/wire-message.ts';
import { whatsappWorld } from './world.ts';

const USER = '12015550123';

let cloud: Cloud;
let engine: TestEngine;
let phone: Phone;
let sequence = 0;

beforeAll(async () => {
  cloud = await startCloud();
  engine = await startEngine({
    provisioning: whatsappWorld(cloud.apiBase),
    settings: { egress: { allow: ['127.0.0.0/8'] } },
  });
  await cloud.subscribe(`${engine.apiAddress}/hooks/whatsapp/7`, 'verify-me');
  phone = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() });
  expect((await phone.register('101', 'acme.test')).status).toBe(200);
});

afterAll(async () => {
  phone?.close();
  await engine?.stop();
  await cloud?.stop();
});

beforeEach(() =>
  cloud.set({
    perSecond: 80,
    pairMs: 0,
    statuses: ['sent', 'delivered'],
    copies: 1,
    reversed: false,
    unknown: [],
    failWith: 0,
    failTimes: -1,
  }),
);

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly text?: string;
  readonly url?: string;
  readonly remoteId?: string;
  readonly error?: { code: number };
  readonly recipients?: { number: string; state: string }[];
}

async function listed(): Promise<Shown[]> {
  return ((await engine.api('/api/v1/messages?limit=1000')) as { items: Shown[] }).items;
}

const shown = (where: (message: Shown) => boolean, what = 'a message') =>
  eventually(what, async () => (await listed()).find(where), {
    detail: () =>
      engine
        .logs()
        .slice(-10)
        .map((l) => JSON.stringify(l))
        .join('\n'),
  });

/** A MESSAGE of 101. */
function write(
  to: string,
  text: string,
  headers: readonly string[] = ['Content-Type: text/plain;charset=utf-8'],
  user = '101',
) {
  const uri = `sip:${to}`;
  return phone.request(
    'MESSAGE',
    uri,
    user,
    'acme.test',
    [
      'Max-Forwards: 70',
      `From: <sip:${user}@acme.test>;tag=m${sequence++}`,
      `To: <${uri}>`,
      `Call-ID: m-${process.pid}-${sequence}`,
      ...headers,
    ],
    Buffer.from(text, 'utf8').toString('latin1'),
  );
}

function received(where: (message: WireMessage) => boolean, what: string): Promise<WireMessage> {
  return eventually(
    what,
    () => phone.party.received.find((message) => methodOf(message) === 'MESSAGE' && where(message)),
    {
      detail: () =>
        phone.party.received
          .slice(-5)
          .map(({ text }) => text)
          .join('\n---\n'),
    },
  );
}

describe('what users write', () => {
  test('comes to the phone of the rule as a MESSAGE from the user, with its ids (RFC 3428)', async () => {
    const id = await cloud.inbound(
      USER,
      { type: 'text', text: { body: 'Grüße aus Köln' }, context: { id: 'wamid.before' } },
      'Zoë',
    );
    const message = await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message');
    expect(Buffer.from(message.body, 'latin1').toString('utf8')).toBe('Grüße aus Köln');
    expect(Buffer.from(fieldOf(message, 'From'), 'latin1').toString('utf8')).toMatch(
      /^"Zoë" <sip:\+12015550123@whatsapp\.acme\.test>;tag=/,
    );
    expect(fieldOf(message, 'To')).toBe('<sip:+14155550160@acme.test>');
    expect(fieldOf(message, 'Content-Type')).toBe('text/plain;charset=utf-8');
    expect(fieldOf(message, 'X-WA-Context-Id')).toBe('wamid.before');
    expect(fieldOf(message, 'X-WA-Timestamp')).toMatch(/^[0-9]{10}$/);
    expect(fieldOf(message, 'Contact')).toBe('');
    await shown(({ remoteId, state }) => remoteId === id && state === 'delivered', 'the message as delivered');
  });

  test('posted five times it comes once', async () => {
    await cloud.set({ copies: 5 });
    const id = await cloud.inbound(USER, { type: 'text', text: { body: 'once' } });
    await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message');
    await eventually('all copies taken', async () => (await cloud.taken()).outstanding === 0);
    await shown(({ remoteId, state }) => remoteId === id && state === 'delivered');
    expect(once(phone.party.received).filter((each) => fieldOf(each, 'X-WA-Message-Id') === id)).toHaveLength(1);
    expect((await listed()).filter(({ remoteId }) => remoteId === id)).toHaveLength(1);
  });

  test('waits for a phone that is away, and comes when it registers', async () => {
    // Of this user, the rule says: both phones of the desk. 102 is not registered.
    const id = await cloud.inbound('441632960123', { type: 'text', text: { body: 'for the desk' } });
    await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message at 101');
    const waiting = await shown(
      ({ remoteId, recipients }) => remoteId === id && recipients?.[0]?.state === 'delivered',
      'the message as it waits for 102',
    );
    expect(waiting).toMatchObject({
      state: 'received',
      recipients: [{ number: '101' }, { number: '102', state: 'waiting' }],
    });
    const second = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() }, '127.0.0.3');
    try {
      expect((await second.register('102', 'acme.test')).status).toBe(200);
      const message = await eventually('the message at 102', () =>
        second.party.received.find((each) => fieldOf(each, 'X-WA-Message-Id') === id),
      );
      expect(message.body).toBe('for the desk');
      await shown(({ remoteId, state }) => remoteId === id && state === 'delivered');
    } finally {
      second.close();
    }
  });

  test('a picture comes as a link of ours, signed, and is fetched from WhatsApp', async () => {
    const picture = Buffer.from('89504e470d0a1a0a', 'hex');
    const file = await cloud.addMedia('image/png', picture);
    const id = await cloud.inbound(USER, { type: 'image', image: { ...file, caption: 'Our house' } });
    const message = await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the picture');
    const url = /URL="([^"]+)"/.exec(fieldOf(message, 'Content-Type'))?.[1] ?? '';
    expect(fieldOf(message, 'Content-Type')).toMatch(/^message\/external-body; access-type=URL; URL="/);
    expect(message.body).toContain('Content-Type: image/png');
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(picture);
    expect(
      (await fetch(url.replace(/signature=(.)/, (_, first) => `signature=${first === '_' ? '-' : '_'}`))).status,
    ).toBe(404);
    expect((await fetch(url.replace(/until=[0-9]+/, 'until=99999999999'))).status).toBe(404);
  });

  test('with a wrong signature, or none, is refused, and nothing is kept', async () => {
    const body = JSON.stringify({ object: 'whatsapp_business_account', entry: [] });
    const post = (signature: string | undefined, trunk = '7') =>
      fetch(`${engine.apiAddress}/hooks/whatsapp/${trunk}`, {
        method: 'POST',
        headers: signature === undefined ? {} : { 'x-hub-signature-256': signature },
        body,
      }).then(({ status }) => status);
    const sign = (secret: string, text = body) => `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
    expect(await post(undefined)).toBe(401);
    expect(await post(sign('another-secret'))).toBe(401);
    expect(await post(sign('app-secret', `${body} `))).toBe(401);
    expect(await post('sha256=zz')).toBe(401);
    for (const secret of ['app-secret', '']) expect(await post(sign(secret), '8'), 'no such trunk').toBe(401);
    expect(await post(sign('app-secret'))).toBe(200);
  });

  test('a webhook is verified with its token alone', async () => {
    const ask = async (token: string, trunk = '7') => {
      const response = await fetch(
        `${engine.apiAddress}/hooks/whatsapp/${trunk}?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1158201444`,
      );
      return [response.status, await response.text()];
    };
    expect(await ask('verify-me')).toEqual([200, '1158201444']);
    expect((await ask('verify-you'))[0]).toBe(403);
    expect((await ask('verify-me', '8'))[0]).toBe(403);
  });
});

describe('what phones write', () => {
  beforeAll(() => cloud.heard(USER, Date.now()));

  test('goes to WhatsApp and is answered 202 with its id there', async () => {
    const { status, answer } = await write(`+${USER}@whatsapp.acme.test`, 'Guten Tag, Zoë');
    expect(status).toBe(202);
    const { taken } = await cloud.taken();
    expect(taken.at(-1)).toMatchObject({
      id: fieldOf(answer, 'X-WA-Message-Id'),
      to: USER,
      body: {
        messaging_product: 'whatsapp',
        recipient_type: 'individual',
        type: 'text',
        text: { body: 'Guten Tag, Zoë' },
      },
    });
    await shown(({ remoteId, state }) => remoteId === taken.at(-1)?.id && state === 'delivered', 'as delivered');
  });

  test('of a user that shows no number goes to its id, once it has written', async () => {
    const nobody = await write('US.13491208655302741918@whatsapp.acme.test', 'Hallo?');
    expect(nobody.status).toBe(404);
    const id = await cloud.inbound('US.13491208655302741918', { type: 'text', text: { body: 'Hi' } });
    const message = await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message');
    const from = /<sip:([^>]+)>/.exec(fieldOf(message, 'From'))?.[1] ?? '';
    expect(from).toBe('US.13491208655302741918@whatsapp.acme.test');
    const { status, answer } = await write(from, 'Guten Tag');
    expect(status).toBe(202);
    const { taken } = await cloud.taken();
    expect(taken.at(-1)).toMatchObject({
      id: fieldOf(answer, 'X-WA-Message-Id'),
      body: { recipient: 'US.13491208655302741918', text: { body: 'Guten Tag' } },
    });
    expect(taken.at(-1)?.body).not.toHaveProperty('to');
  });

  test('statuses in any order, several times, lead to the same', async () => {
    await cloud.set({ statuses: ['sent', 'delivered', 'read'], copies: 3, reversed: true });
    const { answer } = await write(`+${USER}@whatsapp.acme.test`, 'in disorder');
    const remoteId = fieldOf(answer, 'X-WA-Message-Id');
    await eventually('all copies taken', async () => (await cloud.taken()).outstanding === 0);
    const message = await shown((each) => each.remoteId === remoteId && each.state === 'read');
    expect(message).toMatchObject({
      sentAt: expect.any(String),
      deliveredAt: expect.any(String),
      readAt: expect.any(String),
    });
    const isToldRead = (line: LogLine) => line['message'] === message.id && line['state'] === 'read';
    await engine.logged('message', isToldRead);
    expect(engine.logs('message').filter(isToldRead)).toHaveLength(1);
  });

  test('who asks for reports gets them, delivered and displayed (RFC 5438)', async () => {
    await cloud.set({ statuses: ['sent', 'delivered', 'read'] });
    const cpim = [
      'From: <sip:101@acme.test>',
      `To: <sip:+${USER}@whatsapp.acme.test>`,
      'NS: imdn <urn:ietf:params:imdn>',
      'imdn.Message-ID: zx-81',
      'imdn.Disposition-Notification: positive-delivery, display',
      '',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'with a receipt, please',
    ].join('\r\n');
    expect((await write(`+${USER}@whatsapp.acme.test`, cpim, ['Content-Type: message/cpim'])).status).toBe(202);
    expect((await cloud.taken()).taken.at(-1)?.body).toMatchObject({ text: { body: 'with a receipt, please' } });
    for (const [outcome, kind] of [
      ['delivered', 'delivery'],
      ['displayed', 'display'],
    ]) {
      const report = await received(({ body }) => body.includes(`<${outcome}/>`), `the report ${outcome}`);
      expect(fieldOf(report, 'Content-Type')).toBe('message/cpim');
      expect(fieldOf(report, 'From')).toContain(`<sip:+${USER}@whatsapp.acme.test>`);
      expect(report.body).toContain('Content-Disposition: notification');
      expect(report.body).toContain(`<message-id>zx-81</message-id>`);
      expect(report.body).toContain(`<${kind}-notification><status><${outcome}/></status>`);
    }
  });

  test('what a phone has displayed is marked as read at WhatsApp, once', async () => {
    const id = await cloud.inbound(USER, { type: 'text', text: { body: 'read me' } });
    const message = await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message');
    const imdn = `<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${fieldOf(message, 'Call-ID')}</message-id><datetime>2026-11-28T10:00:00Z</datetime><display-notification><status><displayed/></status></display-notification></imdn>`;
    const report = () => write(`+${USER}@whatsapp.acme.test`, imdn, ['Content-Type: message/imdn+xml']);
    expect((await report()).status).toBe(200);
    expect((await report()).status).toBe(200);
    await eventually('the read mark', async () => (await cloud.taken()).readMarks.includes(id));
    expect((await cloud.taken()).readMarks.filter((each) => each === id)).toHaveLength(1);
  });

  test('a picture goes as a file of the phone, or as a link', async () => {
    const picture = Buffer.from('89504e470d0a1a0a00ff', 'hex').toString('latin1');
    const uri = `sip:+${USER}@whatsapp.acme.test`;
    const fields = ['Max-Forwards: 70', 'From: <sip:101@acme.test>;tag=pic', `To: <${uri}>`, 'Call-ID: picture-1'];
    const sent = await phone.request(
      'MESSAGE',
      uri,
      '101',
      'acme.test',
      [...fields, 'Content-Type: image/png'],
      picture,
    );
    expect(sent.status).toBe(202);
    expect((await cloud.taken()).taken.at(-1)?.body).toMatchObject({
      type: 'image',
      image: { id: expect.any(String) },
    });
    const linked = await write(`+${USER}@whatsapp.acme.test`, 'Content-Type: image/jpeg\r\n\r\n', [
      'Content-Type: message/external-body; access-type=URL; URL="https://files.acme.example/a.jpg"',
    ]);
    expect(linked.status).toBe(202);
    expect((await cloud.taken()).taken.at(-1)?.body).toMatchObject({
      type: 'image',
      image: { link: 'https://files.acme.example/a.jpg' },
    });
  });

  test('a MESSAGE that comes again, as after a restart, is sent once', async () => {
    const before = (await cloud.taken()).taken.length;
    const uri = `sip:+${USER}@whatsapp.acme.test`;
    // Another tag: with the same one, the first one's transaction would answer.
    const again = (tag: string) => {
      const from = `From: <sip:101@acme.test>;tag=${tag}`;
      const fields = ['Max-Forwards: 70', from, `To: <${uri}>`, 'Call-ID: copy-1', 'Content-Type: text/plain'];
      return phone.request('MESSAGE', uri, '101', 'acme.test', fields, 'twice');
    };
    const [first, second] = [await again('a'), await again('b')];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(fieldOf(second.answer, 'X-WA-Message-Id')).toBe(fieldOf(first.answer, 'X-WA-Message-Id'));
    expect((await cloud.taken()).taken.length).toBe(before + 1);
  });

  test.each([
    [131047, 403, /24h window/],
    [131026, 404, /./],
    [131051, 415, /./],
    [131008, 400, /./],
    [100, 400, /./],
    [131048, 403, /./],
    [131000, 500, /./],
    [2, 503, /./],
  ])('error %i of the API is %i to the phone', async (code, status, warning) => {
    await cloud.set({ failWith: code });
    // Each to a user of its own: what asks to wait holds nobody else up for long.
    const { answer, status: got } = await write(`+${USER}@whatsapp.acme.test`, `fails with ${code}`);
    await cloud.set({ failWith: 0 });
    expect(got).toBe(status);
    expect(fieldOf(answer, 'Warning')).toMatch(/^399 /);
    expect(fieldOf(answer, 'Warning')).toMatch(warning);
    if (status === 503) expect(Number(fieldOf(answer, 'Retry-After'))).toBeGreaterThan(0);
    await eventually(
      'the end of the wait',
      async () => (await write(`+${USER}@whatsapp.acme.test`, 'is all well?')).status === 202,
    );
  });

  test('of a user who wrote more than a day ago the phone is told at once', async () => {
    const id = await cloud.inbound('12015550999', {
      type: 'text',
      text: { body: 'long ago' },
      timestamp: String(Math.floor(Date.now() / 1000) - 90_000),
    });
    await received((each) => fieldOf(each, 'X-WA-Message-Id') === id, 'the message');
    const before = (await cloud.taken()).taken.length;
    const { status, answer } = await write('+12015550999@whatsapp.acme.test', 'too late');
    expect(status).toBe(403);
    expect(fieldOf(answer, 'Warning')).toMatch(/24h window/);
    expect((await cloud.taken()).taken.length).toBe(before);
  });

  test('only who has a rule may write', async () => {
    const { status, answer } = await write(
      `+${USER}@whatsapp.acme.test`,
      'may I?',
      ['Content-Type: text/plain'],
      '103',
    );
    expect(status).toBe(403);
    expect(fieldOf(answer, 'Warning')).toContain('no outbound rule');
    // And so it is explained.
    const explain = (question: object) => engine.api('/api/v1/messages/explain', { tenant: 'acme', ...question });
    expect(await explain({ from: '103', to: `+${USER}` })).toMatchObject({ refusal: { status: 403 } });
    const allowed = (await explain({ from: '101', to: `+${USER}` })) as { refusal?: object; rule: string };
    expect([allowed.rule, allowed.refusal]).toEqual(['write', undefined]);
    expect(await explain({ from: '+441632960123', trunk: '7' })).toMatchObject({ recipients: ['101', '102'] });
    // In the tenant's own domain a number that is nobody's goes out as well.
    expect((await write(`+${USER}@acme.test`, 'in our domain')).status).toBe(202);
    expect((await write('103@acme.test', 'to a colleague who is away')).status).toBe(480);
  });

  test('what WhatsApp cannot carry is refused with what it can', async () => {
    const { status, answer } = await write(`+${USER}@whatsapp.acme.test`, '<x/>', [
      'Content-Type: application/x-unknown',
    ]);
    expect(status).toBe(415);
    expect(fieldOf(answer, 'Accept')).toContain('text/plain');
    expect((await write(`+${USER}@whatsapp.acme.test`, 'x'.repeat(4097))).status).toBe(413);
  });
});

describe('the HTTP interface', () => {
  test('sends, once a key, and shows how far a message has come', async () => {
    await cloud.heard(USER, Date.now());
    const send = () =>
      engine.api('/api/v1/messages', {
        tenant: 'acme',
        to: `+${USER}`,
        text: 'by HTTP',
        key: 'order-17',
      }) as Promise<Shown>;
    const [first, second] = [await send(), await send()];
    expect(second.id).toBe(first.id);
    const message = await shown(({ id, state }) => id === first.id && state === 'delivered');
    expect(message).toMatchObject({ text: 'by HTTP', type: 'text', direction: 'outbound', to: `+${USER}` });
    expect((await cloud.taken()).taken.filter(({ body }) => JSON.stringify(body).includes('by HTTP'))).toHaveLength(1);
    expect(await engine.api(`/api/v1/messages/${first.id}`)).toMatchObject({ id: first.id, state: 'delivered' });
  });

  test('a template goes to who has not written; a text does not', async () => {
    const template = { name: 'hello_world', language: 'en_US', parameters: ['Zoë'] };
    const sent = (await engine.api('/api/v1/messages', { tenant: 'acme', to: '+12015550777', template })) as Shown;
    await shown(({ id, state }) => id === sent.id && state === 'delivered');
    const refused = (await engine.api('/api/v1/messages', {
      tenant: 'acme',
      to: '+12015550777',
      text: 'hello?',
    })) as Shown;
    expect(await shown(({ id, state }) => id === refused.id && state === 'failed')).toMatchObject({
      error: { code: 131047 },
    });
  });

  test.each([130429, 131056])('what the API asks to wait for (%i) waits and is sent', async (code) => {
    const to = `1201555${code % 10_000}`;
    await cloud.heard(to, Date.now());
    const before = (await cloud.taken()).refused.length;
    await cloud.set({ failWith: code, failTimes: 1 });
    const sent = await Promise.all(
      Array.from({ length: 3 }, (_, index) =>
        engine.api('/api/v1/messages', { tenant: 'acme', to: `+${to}`, text: `paced ${index}` }),
      ),
    );
    const ids = new Set((sent as Shown[]).map(({ id }) => id));
    await eventually(
      'all of them sent',
      async () => (await listed()).filter(({ id, state }) => ids.has(id) && state === 'delivered').length === 3,
      { timeoutMs: 20_000 },
    );
    const { taken, refused } = await cloud.taken();
    expect(taken.filter((each) => each.to === to)).toHaveLength(3);
    // It was asked to wait once, and did.
    expect(refused.slice(before).map((each) => each.code)).toEqual([code]);
  });
});

describe('the trunk', () => {
  test('is online while its token is good, offline when it is not', async () => {
    const state = async () => ((await engine.api('/api/v1/trunks/7/status')) as { state: string }).state;
    await eventually('online', async () => (await state()) === 'online');
    await cloud.set({ token: 'token-2' });
    await cloud.heard(USER, Date.now());
    const { status } = await write(`+${USER}@whatsapp.acme.test`, 'with an old token');
    expect(status).toBe(503);
    await eventually('offline', async () => (await state()) === 'offline');
    expect(await engine.api('/api/v1/trunks/7/status')).toMatchObject({
      state: 'offline',
      lastCode: 190,
      reason: expect.stringContaining('access token'),
    });
    const examined = () =>
      engine.api('/api/v1/trunks/7/doctor', {}) as Promise<{ healthy: boolean; findings: object[] }>;
    const finding = expect.objectContaining({
      check: 'token',
      outcome: 'failed',
      advice: expect.stringContaining('token'),
    });
    expect((await examined()).findings).toContainEqual(finding);
    await cloud.set({ token: 'token-1' });
    // Asking is enough to have it in service again.
    expect(await examined()).toMatchObject({ healthy: true });
    expect(await state()).toBe('online');
  });

  test('shows no secret', async () => {
    const text = JSON.stringify(await engine.api('/api/v1/trunks/7'));
    for (const secret of ['token-1', 'app-secret', 'verify-me']) expect(text).not.toContain(secret);
    expect(text).toContain('"accessTokenSet":true');
  });
});

describe.skipIf(peersSkipped)('linphone, which keeps conversations by both addresses and messages by Call-ID', () => {
  let linphone: LinphoneTerminal;

  beforeAll(async () => {
    // A file of the operator's: over HTTP the trunk is its tenant's to configure.
    const file = join(engine.dataFolder, 'reports.json');
    writeFileSync(file, JSON.stringify(whatsappWorld(cloud.apiBase, { reports: 'always' })));
    await engine.configure({ provisioning: [file], provisioningMode: 'managed' });
    linphone = startLinphoneTerminal({
      user: '102',
      domain: 'acme.test',
      password: Phone.PASSWORD,
      proxy: { host: '127.0.0.1', port: engine.port() },
      transport: 'udp',
    });
    await eventually(
      'its registration',
      () => engine.logs('registration').find(({ userAgent }) => String(userAgent).startsWith('Linphone')),
      { timeoutMs: 15_000, detail: () => linphone.log().slice(-4000) },
    );
  });
  afterAll(() => linphone?.stop());

  const thinks = (what: string, pattern: RegExp) =>
    eventually(what, () => pattern.exec(linphone.log()), {
      timeoutMs: 15_000,
      detail: () => linphone.log().slice(-6000),
    });

  test('gets a text, and its own report of it is known here', async () => {
    const id = await cloud.inbound('441632960124', { type: 'text', text: { body: 'Good morning, linphone' } });
    await linphone.child.waitFor(
      /Message received from sip:\+441632960124@whatsapp\.acme\.test: Good morning, linphone/,
      15_000,
    );
    await shown(
      ({ remoteId, recipients }) =>
        remoteId === id && recipients?.some((each) => each.number === '102' && each.state === 'delivered') === true,
    );
  });

  test('writes one, and is told that it was delivered and read: reports of messages that it knows', async () => {
    await cloud.set({ statuses: ['sent', 'delivered', 'read'] });
    await cloud.heard('441632960124', Date.now());
    linphone.chat('sip:+441632960124@whatsapp.acme.test', 'Good evening, WhatsApp');
    await eventually('the text at WhatsApp', async () =>
      (await cloud.taken()).taken.find(({ body }) => JSON.stringify(body).includes('Good evening, WhatsApp')),
    );
    await thinks('delivered', /moving from Delivered to (DeliveredToUser|Displayed)/);
    await thinks('read', /moving from \w+ to Displayed/);
    expect(linphone.log()).not.toContain('IMDN for unknown message');
  });
});
