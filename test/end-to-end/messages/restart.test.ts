import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { type Cloud, startCloud } from '../../peers/whatsapp/cloud.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, methodOf } from '../outbound/wire-message.ts';
import { whatsappWorld } from './world.ts';

const EACH_WAY = 500;
const TOKEN = 'end-to-end-admin-token-0123456789abcdef';

let cloud: Cloud;
let engine: EngineProcess;
let phone: Phone;
let api: string;

beforeAll(async () => {
  cloud = await startCloud();
  const port = await freePort('127.0.0.1');
  api = `http://127.0.0.1:${port}`;
  engine = await startEngineProcess({
    provisioning: whatsappWorld(cloud.apiBase),
    settings: { egress: { allow: ['127.0.0.0/8'] }, api: { port, requestsPerMinute: 1_000_000 } },
    environment: { TANDEM_BOOTSTRAP_TOKEN: TOKEN },
  });
  await cloud.subscribe(`${api}/hooks/whatsapp/7`, 'verify-me');
  phone = await Phone.open({ address: '127.0.0.1', port: engine.port });
  expect((await phone.register('101', 'acme.test')).status).toBe(200);
});

afterAll(async () => {
  phone?.close();
  await engine?.stop();
  await cloud?.stop();
});

async function send(index: number): Promise<boolean> {
  const response = await fetch(`${api}/api/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      tenant: 'acme',
      to: `+1201555${String(index).padStart(4, '0')}`,
      text: `out ${index}`,
      key: `key-${index}`,
    }),
  }).catch(() => undefined);
  return response?.status === 202;
}

test('1,000 messages over two kill -9: none is lost, none is doubled', async () => {
  // Users wrote before, so that they may be answered.
  for (let at = 0; at < EACH_WAY; at++) await cloud.heard(`1201555${String(at).padStart(4, '0')}`, Date.now());
  await cloud.set({ perSecond: 150, copies: 2 });
  const incoming = (async () => {
    for (let at = 0; at < EACH_WAY; at++)
      await cloud.inbound(`1201556${String(at).padStart(4, '0')}`, {
        id: `wamid.in-${at}`,
        type: 'text',
        text: { body: `in ${at}` },
      });
  })();
  // Whoever was not told that a message was taken sends it again, under the same key.
  const outgoing = (async () => {
    for (let at = 0; at < EACH_WAY; at++)
      while (!(await send(at))) await new Promise((resolve) => setTimeout(resolve, 100));
  })();
  const bodies = () => phone.party.received.filter((each) => methodOf(each) === 'MESSAGE');
  const arrived = () => new Set(bodies().map(({ body }) => body)).size;
  await eventually('the first hundred', () => arrived() >= 100, { timeoutMs: 30_000 });
  await engine.killAndRestart();
  await eventually('half of them', () => arrived() >= EACH_WAY / 2, { timeoutMs: 30_000 });
  await engine.killAndRestart();
  await Promise.all([incoming, outgoing]);

  await eventually('all that users wrote', () => arrived() === EACH_WAY, {
    timeoutMs: 60_000,
    detail: () => `${arrived()} of ${EACH_WAY}`,
  });
  await eventually(
    'all that was sent',
    async () => new Set((await cloud.taken()).taken.map(({ to }) => to)).size === EACH_WAY,
    { timeoutMs: 60_000 },
  );
  const { taken } = await cloud.taken();
  expect(taken).toHaveLength(EACH_WAY);
  // A phone knows a copy by its Call-ID, which is the message's own: between its 200 and the note of it the process may have died.
  const callIds = new Map<string, Set<string>>();
  for (const each of bodies()) {
    const ids = callIds.get(each.body) ?? new Set();
    callIds.set(each.body, ids.add(fieldOf(each, 'Call-ID')));
  }
  expect([...callIds.values()].filter((ids) => ids.size !== 1)).toEqual([]);
  const listed = await fetch(`${api}/api/v1/messages?limit=1`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(await listed.json()).toMatchObject({ total: 2 * EACH_WAY });
}, 240_000);
