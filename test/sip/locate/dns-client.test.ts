import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';
import packet from 'dns-packet';
import { afterEach, expect, test } from 'vitest';
import { DnsClient } from '../../../src/sip/locate/index.ts';
import { freePort } from '../../kit/free-port.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Answerer = (query: packet.DecodedPacket, reply: (packetOut: packet.Packet) => void) => void;

async function udpServer(port: number, answer: Answerer): Promise<void> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (octets, from) => {
    answer(packet.decode(octets), (out) => socket.send(packet.encode(out), from.port, from.address));
  });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  closers.push(() => socket.close());
}

const addressReply = (query: packet.DecodedPacket, address: string): packet.Packet => ({
  type: 'response',
  id: query.id ?? 0,
  questions: query.questions ?? [],
  answers: [{ type: 'A', name: query.questions?.[0]?.name ?? '', ttl: 33, data: address }],
});

test('a record comes back with its TTL', async () => {
  const port = await freePort();
  await udpServer(port, (query, reply) => reply(addressReply(query, '192.0.2.1')));
  const client = new DnsClient([{ address: '127.0.0.1', port }]);
  expect(await client.query('SBC.example.com', 'A')).toEqual({
    status: 'answered',
    records: [{ type: 'A', name: 'sbc.example.com', ttlSeconds: 33, address: '192.0.2.1' }],
  });
});

test('RFC 5452: an answer with another id or to another question is not taken', async () => {
  const port = await freePort();
  await udpServer(port, (query, reply) => {
    reply({ ...addressReply(query, '203.0.113.66'), id: ((query.id ?? 0) + 1) & 0xffff });
    reply({ ...addressReply(query, '203.0.113.67'), questions: [{ type: 'A', name: 'evil.example.com' }] });
    reply(addressReply(query, '192.0.2.1'));
  });
  const client = new DnsClient([{ address: '127.0.0.1', port }]);
  const reply = await client.query('sbc.example.com', 'A');
  expect(reply).toMatchObject({ status: 'answered', records: [{ address: '192.0.2.1' }] });
});

test('RFC 7766: a cut answer is asked for again over TCP', async () => {
  const port = await freePort();
  await udpServer(port, (query, reply) =>
    reply({ ...addressReply(query, '203.0.113.1'), answers: [], flags: packet.TRUNCATED_RESPONSE }),
  );
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (octets: Buffer) => {
      const out = packet.streamEncode(addressReply(packet.streamDecode(octets) as packet.DecodedPacket, '192.0.2.2'));
      // In two pieces, as a network may deliver it.
      socket.write(out.subarray(0, 5));
      setImmediate(() => socket.write(out.subarray(5)));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const client = new DnsClient([{ address: '127.0.0.1', port }]);
  expect(await client.query('sbc.example.com', 'A')).toMatchObject({
    status: 'answered',
    records: [{ address: '192.0.2.2' }],
  });
});

test('a silent server is left for the next one, and silence of all is a failure with its reason', async () => {
  const silent = await freePort();
  const answering = await freePort();
  await udpServer(silent, () => {});
  await udpServer(answering, (query, reply) => reply(addressReply(query, '192.0.2.3')));
  const both = new DnsClient(
    [
      { address: '127.0.0.1', port: silent },
      { address: '127.0.0.1', port: answering },
    ],
    100,
  );
  expect(await both.query('sbc.example.com', 'A')).toMatchObject({ status: 'answered' });
  const one = new DnsClient([{ address: '127.0.0.1', port: silent }], 50);
  expect(await one.query('sbc.example.com', 'A')).toEqual({ status: 'failed', reason: '127.0.0.1: no answer' });
});

test('a server that no way leads to is left for the next one, and the process goes on', async () => {
  const answering = await freePort();
  await udpServer(answering, (query, reply) => reply(addressReply(query, '192.0.2.3')));
  // The system refuses to connect a socket to the broadcast address, as it does where a network is down.
  const unreachable = { address: '255.255.255.255', port: 53 };
  const both = new DnsClient([unreachable, { address: '127.0.0.1', port: answering }], 2000);
  expect(await both.query('sbc.example.com', 'A')).toMatchObject({ status: 'answered' });
  expect(await new DnsClient([unreachable], 2000).query('sbc.example.com', 'A')).toEqual({
    status: 'failed',
    reason: expect.stringContaining('255.255.255.255: connect'),
  });
});

test('SERVFAIL is a failure, NXDOMAIN an answer without records that lives as long as the SOA says', async () => {
  const port = await freePort();
  await udpServer(port, (query, reply) => {
    const name = query.questions?.[0]?.name ?? '';
    const empty = { ...addressReply(query, ''), answers: [] };
    if (name === 'broken.example.com') return reply({ ...empty, flags: 2 });
    return reply({
      ...empty,
      flags: 3,
      authorities: [
        {
          type: 'SOA',
          name: 'example.com',
          ttl: 900,
          data: { mname: 'a', rname: 'b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 77 },
        },
      ],
    });
  });
  const client = new DnsClient([{ address: '127.0.0.1', port }], 200);
  expect(await client.query('broken.example.com', 'A')).toEqual({ status: 'failed', reason: '127.0.0.1: SERVFAIL' });
  expect(await client.query('nowhere.example.com', 'A')).toEqual({
    status: 'answered',
    records: [],
    negativeTtlSeconds: 77,
  });
});

test.each([
  ['FORMERR', 1, true],
  ['FORMERR, and no question', 1, false],
  ['NOTIMP', 4, true],
])('RFC 6891 §6.2.2: a server that answers EDNS with %s is asked without', async (_what, flags, repeats) => {
  const port = await freePort();
  await udpServer(port, (query, reply) => {
    if ((query.additionals ?? []).length === 0) return reply(addressReply(query, '192.0.2.4'));
    return reply({ type: 'response', id: query.id ?? 0, flags, questions: repeats ? (query.questions ?? []) : [] });
  });
  const client = new DnsClient([{ address: '127.0.0.1', port }], 500);
  expect(await client.query('sbc.example.com', 'A')).toMatchObject({
    status: 'answered',
    records: [{ address: '192.0.2.4' }],
  });
});

test.each([
  ['nothing', undefined],
  ['SERVFAIL', 2],
])('RFC 6891 §6.2.2: a server that answers EDNS with %s is asked without in the second round', async (_what, flags) => {
  const port = await freePort();
  await udpServer(port, (query, reply) => {
    if ((query.additionals ?? []).length === 0) return reply(addressReply(query, '192.0.2.5'));
    return flags === undefined ? undefined : reply({ ...addressReply(query, ''), answers: [], flags });
  });
  const client = new DnsClient([{ address: '127.0.0.1', port }], 100);
  expect(await client.query('sbc.example.com', 'A')).toMatchObject({ records: [{ address: '192.0.2.5' }] });
});

test('a server that refuses the plain question as well has failed', async () => {
  const port = await freePort();
  await udpServer(port, (query, reply) => reply({ type: 'response', id: query.id ?? 0, flags: 1 }));
  const client = new DnsClient([{ address: '127.0.0.1', port }], 500);
  expect(await client.query('sbc.example.com', 'A')).toEqual({ status: 'failed', reason: '127.0.0.1: FORMERR' });
});

test('random octets from a server never throw', async () => {
  const port = await freePort();
  const socket = createSocket('udp4');
  socket.on('message', (octets, from) => {
    socket.send(
      Buffer.concat([octets.subarray(0, 2), Buffer.from('ffffffffffffffffffffc00cc00c', 'hex')]),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  closers.push(() => socket.close());
  const client = new DnsClient([{ address: '127.0.0.1', port }], 100);
  expect((await client.query('sbc.example.com', 'A')).status).toBe('failed');
});
