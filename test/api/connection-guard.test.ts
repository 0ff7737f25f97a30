import { EventEmitter } from 'node:events';
import { createServer, get, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { type ConnectionCounts, guardConnections, timeoutCheckMs } from '../../src/api/connection-guard.ts';
import { type LogFields, silentLog } from '../../src/base/log.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { turns } from '../kit/turns.ts';

const authority = new TestAuthority();
afterAll(() => authority.remove());

let server: Server;
let counts: () => ConnectionCounts;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const served: RequestListener = (_request, response) => response.end('served');

async function serve(most: number, isProxy = (_address: string) => false, made = createServer(served)): Promise<void> {
  server = made;
  counts = guardConnections(server, most, isProxy, silentLog);
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
  expect(counts()).toEqual({ open: 50, refused: 1, gaveWay: 0 });
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

test('a host begins 250 connections over TLS in five seconds, each of which costs a handshake; others and a proxy go on', async () => {
  const isProxy = (address: string) => address === '127.0.0.4';
  await serve(1_000, isProxy, createTlsServer(authority.issue({ commonName: 'x' }), served));
  const comeAndGo = async (localAddress: string, count: number) => {
    const outcomes = new Set<string>();
    for (let index = 0; index < count; index++) {
      outcomes.add(await silent(localAddress));
      sockets.pop()?.destroy();
      while (counts().open > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return [...outcomes];
  };
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  try {
    expect(await comeAndGo('127.0.0.2', 250)).toEqual(['held']);
    expect(await comeAndGo('127.0.0.2', 3)).toEqual(['closed']);
    expect(counts()).toMatchObject({ refused: 3 });
    expect(await comeAndGo('127.0.0.3', 1)).toEqual(['held']);
    expect(await comeAndGo('127.0.0.4', 260)).toEqual(['held']);
    now.mockReturnValue(6_000);
    expect(await comeAndGo('127.0.0.2', 1)).toEqual(['held']);
  } finally {
    now.mockRestore();
  }
}, 30_000);

test('over HTTP a host comes and goes as it likes', async () => {
  await serve(1_000);
  for (let count = 0; count < 260; count++) {
    expect(await silent('127.0.0.2')).toBe('held');
    sockets.pop()?.destroy();
    while (counts().open > 0) await new Promise((resolve) => setImmediate(resolve));
  }
}, 30_000);

test('a host that comes from all addresses of its /64 has half of all connections at most', () => {
  const emitter = new EventEmitter();
  const told = guardConnections(emitter as Server, 1_000, () => false, silentLog);
  let port = 0;
  /** A connection that asks once; whether it is let in. */
  const comes = (remoteAddress: string): boolean => {
    const before = told().refused;
    const socket = Object.assign(new EventEmitter(), { remoteAddress, remotePort: ++port, destroy: () => {} });
    emitter.emit('connection', socket);
    emitter.emit('request', { socket }, new EventEmitter());
    return told().refused === before;
  };
  const ofOneHost = Array.from({ length: 1_000 }, (_each, at) => comes(`2001:db8::${(at + 1).toString(16)}`));
  expect(ofOneHost.filter((isIn) => isIn).length).toBe(500);
  expect(comes('192.0.2.1')).toBe(true);
  expect(comes('2001:db8:0:1::1')).toBe(true);
});

test('connections that are refused are told once a minute: how many, and the address of the latest; the last of them, too', () => {
  vi.useFakeTimers();
  const lines: (LogFields | undefined)[] = [];
  const emitter = new EventEmitter();
  guardConnections(emitter as Server, 1_000, () => false, {
    warn: (event, fields) => lines.push({ event, ...fields }),
  });
  let port = 0;
  const come = (remoteAddress: string, count: number) => {
    for (let each = 0; each < count; each++)
      emitter.emit(
        'connection',
        Object.assign(new EventEmitter(), { remoteAddress, remotePort: ++port, destroy: () => {} }),
      );
  };
  try {
    come('192.0.2.1', 50);
    expect(lines).toEqual([]);
    come('192.0.2.1', 40);
    vi.advanceTimersByTime(59_999);
    come('192.0.2.1', 1);
    expect(lines).toEqual([{ event: 'http-connections-refused', count: 1, source: '192.0.2.1' }]);
    vi.advanceTimersByTime(1);
    expect(lines.slice(1)).toEqual([{ event: 'http-connections-refused', count: 40, source: '192.0.2.1' }]);
    come('2001:db8::1', 51);
    expect(lines.length).toBe(2);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(2)).toEqual([{ event: 'http-connections-refused', count: 1, source: '2001:db8::1' }]);
    // Where none is refused any more there is nothing to tell, and the next is told at once.
    vi.advanceTimersByTime(120_000);
    come('192.0.2.1', 1);
    expect(lines.slice(3)).toEqual([{ event: 'http-connections-refused', count: 1, source: '192.0.2.1' }]);
  } finally {
    vi.useRealTimers();
  }
});

describe('when all connections are taken', () => {
  const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

  /** A connection that stays after its answer; says when it is closed. */
  async function answered(localAddress: string, isTls = false): Promise<{ socket: Socket; isClosed: boolean }> {
    const to = { host: '127.0.0.1', port: port(), localAddress };
    const socket = isTls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
    sockets.push(socket);
    const held = { socket, isClosed: false };
    socket.on('error', () => {});
    socket.once('close', () => {
      held.isClosed = true;
    });
    socket.write(REQUEST);
    await new Promise((resolve) => socket.once('data', resolve));
    // The server has it as idle once its answer has left.
    await turns();
    return held;
  }

  test.each([
    ['over HTTP', false],
    ['over HTTPS', true],
  ])('the one that has been idle longest gives way, and none that is asked something (%s)', async (_scheme, isTls) => {
    const pending: (() => void)[] = [];
    const listener: RequestListener = (_request, response) => {
      if (pending.length > 0) return void response.end('served');
      response.write('a stream');
      pending.push(() => response.end());
    };
    await serve(
      10,
      () => false,
      isTls ? createTlsServer(authority.issue({ commonName: 'x' }), listener) : createServer(listener),
    );
    const held: { isClosed: boolean }[] = [];
    for (let count = 0; count < 10; count++) held.push(await answered(`127.0.0.${2 + (count % 3)}`, isTls));
    expect(counts()).toEqual({ open: 10, refused: 0, gaveWay: 0 });
    await answered('127.0.0.9', isTls);
    expect(held.map(({ isClosed }) => isClosed)).toEqual([false, true, ...new Array(8).fill(false)]);
    await answered('127.0.0.9', isTls);
    expect(held.map(({ isClosed }) => isClosed)).toEqual([false, true, true, ...new Array(7).fill(false)]);
    expect(counts()).toEqual({ open: 10, refused: 0, gaveWay: 2 });
    for (const end of pending) end();
  });

  /** Says something and waits for nothing. */
  async function says(localAddress: string, text: string): Promise<{ socket: Socket; isClosed: boolean }> {
    const socket = connect({ host: '127.0.0.1', port: port(), localAddress });
    sockets.push(socket);
    const held = { socket, isClosed: false };
    socket.on('error', () => {});
    socket.once('close', () => {
      held.isClosed = true;
    });
    const before = asked;
    socket.write(text);
    while (asked === before) await new Promise((resolve) => setTimeout(resolve, 2));
    return held;
  }

  let asked = 0;
  const POST = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n';

  test('and none is idle, the one gives way that has been sending its body longest; who has sent all, waits for the answer', async () => {
    const pending: (() => void)[] = [];
    await serve(
      10,
      (address) => address === '127.0.0.2',
      createServer((request, response) => {
        asked++;
        request.resume();
        if (request.url === '/slow') pending.push(() => response.end());
        else request.once('end', () => response.end('served'));
      }),
    );
    const waits = await says('127.0.0.3', 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const ofProxy = await says('127.0.0.2', POST);
    const dribbling: { socket: Socket; isClosed: boolean }[] = [];
    for (let count = 0; count < 8; count++) dribbling.push(await says(`127.0.0.${4 + (count % 2)}`, POST));
    const dribble = setInterval(() => {
      for (const { socket } of dribbling) socket.write('x');
    }, 5);
    try {
      expect(await ask('127.0.0.9')).toBe(200);
      expect(counts()).toMatchObject({ refused: 0, gaveWay: 1 });
      expect(dribbling.map(({ isClosed }) => isClosed)).toEqual([true, ...new Array(7).fill(false)]);
      expect([waits.isClosed, ofProxy.isClosed]).toEqual([false, false]);
    } finally {
      clearInterval(dribble);
      for (const end of pending) end();
    }
  });

  test('and none is idle, the one gives way that has not read its answer longest', async () => {
    await serve(
      10,
      () => false,
      createServer((_request, response) => {
        asked++;
        response.end(Buffer.alloc(asked <= 10 ? 32 * 1_048_576 : 8));
      }),
    );
    asked = 0;
    const unread: { isClosed: boolean; socket: Socket }[] = [];
    for (let count = 0; count < 10; count++) {
      const held = await says(`127.0.0.${4 + (count % 2)}`, REQUEST);
      held.socket.pause();
      unread.push(held);
    }
    expect(await ask('127.0.0.9')).toBe(200);
    expect(counts()).toMatchObject({ refused: 0, gaveWay: 1 });
  });

  test('whoever asks again is not the longest idle one any more', async () => {
    await serve(10);
    const held = [];
    for (let count = 0; count < 10; count++) held.push(await answered('127.0.0.2'));
    const [first] = held;
    first?.socket.write(REQUEST);
    await new Promise((resolve) => first?.socket.once('data', resolve));
    await turns();
    await answered('127.0.0.3');
    expect(held.map(({ isClosed }) => isClosed)).toEqual([false, true, ...new Array(8).fill(false)]);
  });

  test('a reverse proxy keeps its idle ones, and nobody gives way to an address that has its share', async () => {
    await serve(260, (address) => address === '127.0.0.2');
    const ofProxy = [await answered('127.0.0.2')];
    const idle = [];
    for (let count = 0; count < 9; count++) idle.push(await answered('127.0.0.3'));
    const crowd = [];
    for (let count = 0; count < 250; count++) crowd.push(answered('127.0.0.4'));
    await Promise.all(crowd);
    expect(counts()).toEqual({ open: 260, refused: 0, gaveWay: 0 });
    expect(await silent('127.0.0.4')).toBe('closed');
    expect(idle.some(({ isClosed }) => isClosed)).toBe(false);
    await answered('127.0.0.5');
    expect([...ofProxy, ...idle].map(({ isClosed }) => isClosed)).toEqual([false, true, ...new Array(8).fill(false)]);
  });
});

test('requests that take too long are looked for ten times in the time that they have, and once a second at most', async () => {
  await serve(10);
  expect([30_000, 600_000, 10_000, 1_000].map(timeoutCheckMs)).toEqual([3_000, 60_000, 1_000, 1_000]);
});
