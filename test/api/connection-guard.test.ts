import { createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type ConnectionCounts, guardConnections } from '../../src/api/connection-guard.ts';

let server: Server;
let counts: () => ConnectionCounts;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

async function serve(most: number, isProxy = (_address: string) => false): Promise<void> {
  server = createServer((_request, response) => response.end('served'));
  counts = guardConnections(server, most, isProxy);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

const port = () => (server.address() as AddressInfo).port;

/** A connection that says nothing; resolves to whether it was closed at once. */
function silent(localAddress: string): Promise<'held' | 'closed'> {
  const socket = connect({ host: '127.0.0.1', port: port(), localAddress });
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.once('error', () => resolve('closed'));
    socket.once('close', () => resolve('closed'));
    const before = counts().open;
    const look = () => (counts().open > before ? resolve('held') : setTimeout(look, 2));
    socket.once('connect', look);
  });
}

async function silentOnes(count: number, localAddress: string): Promise<string[]> {
  const outcomes: string[] = [];
  for (let index = 0; index < count; index++) outcomes.push(await silent(localAddress));
  return outcomes;
}

function ask(localAddress: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: port(), localAddress, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

test('an address holds fifty connections without a request; the next is closed and counted, and others are served', async () => {
  await serve(1000);
  expect(new Set(await silentOnes(50, '127.0.0.2'))).toEqual(new Set(['held']));
  expect(await silent('127.0.0.2')).toBe('closed');
  expect(counts()).toEqual({ open: 50, refused: 1 });
  expect(await ask('127.0.0.3')).toBe(200);
});

test('those without a request take half of all places, from however many addresses', async () => {
  await serve(20);
  for (const address of ['127.0.0.2', '127.0.0.3']) await silentOnes(5, address);
  expect(await silent('127.0.0.4')).toBe('closed');
  for (const socket of sockets.splice(0)) socket.destroy();
  while (counts().open > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await ask('127.0.0.4')).toBe(200);
});

test('a reverse proxy speaks for many: the total alone bounds it', async () => {
  await serve(70, (address) => address === '127.0.0.2');
  expect(new Set(await silentOnes(70, '127.0.0.2'))).toEqual(new Set(['held']));
  expect(await silent('127.0.0.2')).toBe('closed');
});
