/** A name server that is there and never says a word, while calls go to a trunk by name. */
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';

const PHONE = '127.0.0.73';
const CARRIER = '127.0.0.74';
const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.73\r\ns=-\r\nc=IN IP4 127.0.0.73\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

let engine: TestEngine;
let phone: Socket;
const sockets: Socket[] = [];
let questions = 0;
let heard = '';
let serial = 0;

function open(host: string, port: number, onMessage: (text: string, from: { port: number; address: string }) => void) {
  const socket = createSocket('udp4');
  socket.on('message', (octets, from) => onMessage(octets.toString('latin1'), from));
  sockets.push(socket);
  return new Promise<Socket>((resolve) => socket.bind(port, host, () => resolve(socket)));
}

beforeEach(async () => {
  questions = 0;
  heard = '';
  const dns = await open('127.0.0.1', 0, () => questions++);
  const port = await freePort(CARRIER);
  const carrier = await open(CARRIER, port, (text, from) => {
    if (!text.startsWith('INVITE ')) return;
    const copied = text.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
    const head = copied.join('\r\n').replace(/^To: .*$/m, '$&;tag=carrier');
    carrier.send(`SIP/2.0 486 Busy Here\r\n${head}\r\nContent-Length: 0\r\n\r\n`, from.port, from.address);
  });
  phone = await open(PHONE, 0, (text) => (heard += text));
  const route = (name: string, prefix: string, ...trunks: string[]) => ({
    name,
    match: { prefixes: [prefix] },
    routes: trunks.map((trunk) => ({ trunk, strip: 1 })),
  });
  engine = await startEngine({
    settings: { dns: { servers: [`127.0.0.1:${dns.address().port}`], timeoutMs: 500 } },
    provisioning: {
      tenants: [
        {
          name: 'acme',
          domain: 'acme.test',
          outboundCallerId: '14155550100',
          extensions: [{ number: '101', name: 'Alice', password: 'silence', trustedAddresses: [PHONE] }],
          outboundRules: [
            route('by name', '8', 'named'),
            route('by address', '9', 'carrier'),
            route('by name then by address', '7', 'named', 'carrier'),
          ],
        },
      ],
      trunks: [
        {
          id: '1',
          name: 'named',
          type: 'ip',
          host: 'carrier.example.com',
          tenants: [{ tenant: 'acme', didPool: '14155550100-14155550149' }],
        },
        {
          id: '2',
          name: 'carrier',
          type: 'ip',
          host: CARRIER,
          port,
          tenants: [{ tenant: 'acme', didPool: '14155550100-14155550149' }],
        },
      ],
    },
  });
});

afterEach(async () => {
  await engine.stop();
  for (const socket of sockets.splice(0)) socket.close();
});

/** Places a call and gives its final status. */
async function call(number: string): Promise<number> {
  const id = `silence-${++serial}`;
  const text = `INVITE sip:${number}@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP ${PHONE}:${phone.address().port};rport;branch=z9hG4bK${id}\r\nMax-Forwards: 70\r\nFrom: <sip:101@acme.test>;tag=${id}\r\nTo: <sip:${number}@acme.test>\r\nCall-ID: ${id}\r\nCSeq: 1 INVITE\r\nContact: <sip:101@${PHONE}:${phone.address().port}>\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`;
  phone.send(Buffer.from(text, 'latin1'), engine.port('udp'), '127.0.0.1');
  const final = new RegExp(`SIP/2\\.0 ([2-6]\\d\\d)(?:(?!\\r\\n\\r\\n)[^])*Call-ID: ${id}\\r\\n`);
  return Number(await eventually(`an answer to ${number}`, () => final.exec(heard)?.[1], { timeoutMs: 20_000 }));
}

test('calls to a trunk by name take the next route or are refused; all others go on as if nothing were', async () => {
  const byName = Array.from({ length: 20 }, (_, index) => call(`8180055501${String(index).padStart(2, '0')}`));
  const nextRoute = Array.from({ length: 5 }, (_, index) => call(`7180055502${String(index).padStart(2, '0')}`));
  let ended = 0;
  for (const waiting of byName) waiting.then(() => ended++).catch(() => {});
  expect(await call('918005550300')).toBe(486);
  // The name server has a second before anybody gives it up.
  expect(ended).toBe(0);
  for (let index = 0; index < 5; index++) expect(await call('918005550300')).toBe(486);
  expect(new Set(await Promise.all(nextRoute))).toEqual(new Set([486]));
  for (const status of await Promise.all(byName)) expect([480, 500, 502, 503, 504]).toContain(status);
  // What many calls want to know is asked once.
  expect(questions).toBeGreaterThan(0);
  expect(questions).toBeLessThan(60);
});
