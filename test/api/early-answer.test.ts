import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';
import { describe, expect, type TestContext, test } from 'vitest';
import { TestAuthority } from '../kit/certificates.ts';
import { startTestApi, type TestApi } from './kit.ts';

const MEGABYTE = 1_000_000;

interface Listening extends TestApi {
  readonly port: number;
}

async function begin(
  { onTestFinished }: TestContext,
  options?: Parameters<typeof startTestApi>[0],
): Promise<Listening> {
  const world = await startTestApi(options);
  onTestFinished(() => world.close());
  await world.api.listen('127.0.0.1', 0);
  return { ...world, port: (world.app.server.address() as AddressInfo).port };
}

interface Heard {
  readonly status: number;
  readonly connection: string | undefined;
  /** Octets that were taken off the connection until it was closed. */
  readonly taken: number;
}

/** A body in chunks of which nobody says how many there are, by one who goes on sending whatever is answered: until the connection is gone. */
async function sendTo({ app, port }: Listening, path: string, fields = '', isTls = false): Promise<Heard> {
  let served: Socket | undefined;
  app.server.once('connection', (socket: Socket) => {
    served = socket;
  });
  const to = { host: '127.0.0.1', port, allowHalfOpen: true };
  const socket = isTls ? connectByTls({ ...to, rejectUnauthorized: false }) : connect(to);
  let text = '';
  socket.on('data', (octets: Buffer) => {
    text += octets.toString('latin1');
  });
  socket.on('error', () => {});
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(
    `POST ${path} HTTP/1.1\r\n${fields.includes('Host') ? '' : 'Host: localhost\r\n'}Content-Type: application/json\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`,
  );
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  for (let sent = 0; sent < 20 * MEGABYTE && !socket.destroyed; sent += chunk.length)
    if (!socket.write(chunk))
      await Promise.race([new Promise<void>((resolve) => socket.once('drain', () => resolve())), gone]);
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 3_000))]);
  socket.destroy();
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
  return { status, connection: /^connection: (.*)\r$/im.exec(text)?.[1], taken: served?.bytesRead ?? Number.NaN };
}

// Side by side: who goes on sending is waited for.
describe.concurrent('who is answered before the body has come is answered, and next to nothing more of it is taken', () => {
  test.for([
    ['a path at which there is nothing', '/nowhere', '', 404],
    ['nobody who is known', '/api/v1/tokens', '', 401],
    ['a wrong token', '/api/v1/tokens', 'Authorization: Bearer wrong\r\n', 401],
    ['a name that is not of this interface', '/api/v1/tokens', 'Host: evil.example.net\r\n', 421],
  ] as const)('%s', async ([_what, path, fields, status], context) => {
    const { taken, ...heard } = await sendTo(await begin(context), path, fields);
    expect(heard).toEqual({ status, connection: 'close' });
    expect(taken).toBeLessThan(MEGABYTE / 2);
  });

  test('over TLS', async (context) => {
    const authority = new TestAuthority();
    context.onTestFinished(() => authority.remove());
    const { cert, key } = authority.issue({ commonName: 'edge', alternativeNames: ['IP:127.0.0.1'] });
    const world = await begin(context, { tls: { certificate: Buffer.from(cert), key: Buffer.from(key) } });
    const { taken, ...heard } = await sendTo(world, '/nowhere', '', true);
    expect(heard).toEqual({ status: 404, connection: 'close' });
    expect(taken).toBeLessThan(MEGABYTE / 2);
  });

  test('who has asked too often', async (context) => {
    const world = await begin(context, { limits: { requestsPerMinute: 1 } });
    expect((await fetch(`http://127.0.0.1:${world.port}/nowhere`)).status).toBe(404);
    const { taken, ...heard } = await sendTo(world, '/nowhere');
    expect(heard).toEqual({ status: 429, connection: 'close' });
    expect(taken).toBeLessThan(MEGABYTE / 2);
  });

  test('a body that is too long', async (context) => {
    const world = await begin(context);
    const authorization = `Authorization: Bearer ${world.tokens.system}\r\n`;
    const { taken, ...heard } = await sendTo(world, '/api/v1/tokens', authorization);
    expect(heard).toEqual({ status: 413, connection: 'close' });
    expect(taken).toBeLessThan(2 * MEGABYTE);
  });
});

test('who means well hears why, however long the body is that is still to come', async (context) => {
  const { port } = await begin(context);
  for (const octets of [100, 100_000, 20 * MEGABYTE]) {
    const body = 'x'.repeat(octets);
    const heard = await fetch(`http://127.0.0.1:${port}/api/v1/tokens`, { method: 'POST', body });
    expect([octets, heard.status, await heard.json()]).toMatchObject([octets, 401, { code: 'unauthenticated' }]);
  }
});

test('a short body that comes behind its answer costs nobody the connection', async (context) => {
  const { port } = await begin(context);
  const socket = connect({ host: '127.0.0.1', port });
  const heard = async () => ((await once(socket, 'data')) as [Buffer])[0].toString('latin1');
  for (const answer of [404, 404]) {
    socket.write('POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n');
    expect(await heard()).toMatch(new RegExp(`^HTTP/1.1 ${answer} .*connection: keep-alive`, 'is'));
    socket.write('12345');
  }
  socket.destroy();
});

test('where the body has come in whole, nothing ends', async (context) => {
  const { port } = await begin(context);
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(
    `POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20_000)}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  );
  let text = '';
  socket.on('data', (octets: Buffer) => {
    text += octets.toString('latin1');
  });
  await expect.poll(() => text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
  socket.destroy();
});
