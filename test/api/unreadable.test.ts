import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { readableTarget } from '../../src/api/unreadable.ts';
import { startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
afterEach(() => world.close());

interface Heard {
  readonly status: number;
  readonly head: string;
  readonly code: string | undefined;
}

/** What comes back for these octets: the first answer, or all until the connection ends. */
async function answersTo(octets: string): Promise<Heard[]> {
  const { port } = world.app.server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  socket.write(octets, 'latin1');
  const answers = () => text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((answer) => /"code":"[^"]*"/.test(answer));
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (answers().length > 0) resolve();
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
  socket.destroy();
  return answers().map((answer) => ({
    status: Number(answer.slice(9, 12)),
    head: answer.slice(0, answer.indexOf('\r\n\r\n')).toLowerCase(),
    code: /"code":"([^"]*)"/.exec(answer)?.[1],
  }));
}

async function begin(options: Parameters<typeof startTestApi>[0] = {}): Promise<void> {
  world = await startTestApi(options);
  await world.api.listen('127.0.0.1', 0);
}

const request = (target: string, host = 'localhost') => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

describe('a target that no route can be found for', () => {
  test.each(['/%', '/%ff', '/api/v1/tenants/%e0%a4', '/console/%c0%af', '*', 'ftp://localhost/'])(
    '%s: 400 in the form of every problem, with what every answer says to browsers',
    async (target) => {
      await begin();
      const [heard] = await answersTo(request(target));
      expect(heard).toMatchObject({ status: 400, code: 'malformed-request' });
      expect(heard?.head).toContain('application/problem+json');
      if (target !== '*' && !target.includes(':')) expect(heard?.head).toContain("frame-ancestors 'none'");
    },
  );

  test('is asked by a name of this interface (DNS rebinding)', async () => {
    await begin();
    expect(await answersTo(request('/%ff', 'evil.example.net'))).toMatchObject([{ status: 421 }]);
  });

  test.each([
    ['/%ff', 400],
    ['/nothing', 404],
  ])('%s counts for the rate of whoever asks, as a path that does nothing does', async (target, status) => {
    await begin({ limits: { requestsPerMinute: 5 } });
    const statuses: (number | undefined)[] = [];
    for (let index = 0; index < 8; index++) statuses.push((await answersTo(request(target)))[0]?.status);
    expect(statuses).toEqual([...new Array(5).fill(status), 429, 429, 429]);
  });

  test('a path of any name is one at which there is nothing', async () => {
    await begin();
    for (const target of ['/unreadable', 'http://localhost/unreadable', '/no%20target', '/no%2520target'])
      expect([target, ...(await answersTo(request(target)))]).toMatchObject([target, { status: 404 }]);
  });

  test('a parameter that is too long is one that is invalid', async () => {
    await begin();
    const token = `authorization: Bearer ${world.tokens.system}`;
    const asked = `GET /api/v1/tenants/${'x'.repeat(5_000)} HTTP/1.1\r\nHost: localhost\r\n${token}\r\n\r\n`;
    expect(await answersTo(asked)).toMatchObject([{ status: 422, code: 'validation-failed' }]);
  });

  test.each([
    ['/api/v1/tenants?q=%ff', '/api/v1/tenants?q=%ff'],
    ['http://localhost:8080/api/v1/tenants?limit=1', '/api/v1/tenants?limit=1'],
    ['HTTPS://localhost', '/'],
    ['http://localhost?limit=1', '/no target'],
    ['/no%20target', '/no%20target'],
    ['/a%2Fb%20c', '/a%2Fb%20c'],
    ['/a%2', '/no target'],
    ['', '/no target'],
  ])('%j is read as %j', async (target, read) => {
    await begin();
    expect(readableTarget(target)).toBe(read);
  });

  test('what is there is not kept by browsers, however its path is written', async () => {
    await begin();
    for (const path of ['/api/v1/tenants', '/%61pi/v1/tenants', 'http://localhost/api/v1/tenants']) {
      const [heard] = await answersTo(request(path));
      expect([path, heard?.status, heard?.head.includes('cache-control: no-store')]).toEqual([path, 401, true]);
    }
  });
});

test.each([[['localhost', 'evil.example.net']], [['localhost', 'localhost']]])(
  'RFC 9112 §3.2: Host %j together are refused',
  async (hosts) => {
    await begin();
    const fields = hosts.map((host) => `Host: ${host}\r\n`).join('');
    for (const path of ['/api/v1/tenants', '/healthz'])
      expect(await answersTo(`GET ${path} HTTP/1.1\r\n${fields}\r\n`)).toMatchObject([
        { status: 400, code: 'malformed-request' },
      ]);
  },
);

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
  [
    'both lengths',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
    'malformed-request',
  ],
  ['a head of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'head-too-large'],
])('%s: the connection is closed with a problem that says why, in no frame', async (_what, octets, status, code) => {
  await begin();
  const [heard] = await answersTo(octets);
  expect(heard).toMatchObject({ status, code });
  expect(heard?.head).toContain('application/problem+json');
  expect(heard?.head).toContain("frame-ancestors 'none'");
  expect(heard?.head).toContain('connection: close');
});

test('behind an answer that has begun nothing is said: it would stand within that one', async () => {
  await begin();
  const { port } = world.app.server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const begun = new Promise<void>((resolve) =>
    socket.on('data', (octets: Buffer) => {
      text += octets.toString('latin1');
      if (text.includes('tandem events')) resolve();
    }),
  );
  const token = `Authorization: Bearer ${world.tokens.system}`;
  socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n${token}\r\n\r\n`);
  await begun;
  socket.write('hello\r\n\r\n');
  await closed;
  expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200']);
});

test('a head that does not arrive in time: 408', async () => {
  await begin({ limits: { requestTimeoutMs: 1_000 } });
  expect(await answersTo('GET / HTTP/1.1\r\nHost: x\r\nX: ')).toMatchObject([{ status: 408, code: 'too-slow' }]);
}, 20_000);
