import { get } from 'node:http';
import { get as getByTls } from 'node:https';
import { connect } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { KeyPairOctets } from '../../src/api/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import type { Backend } from '../../src/workers/backends.ts';
import { Front } from '../../src/workers/front.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { eventually } from '../kit/eventually.ts';
import { answer, type Serve, startBackends } from './backend.ts';

async function frontOf(
  backends: () => readonly Backend[],
  api: object = {},
  onReloaded: () => void = () => {},
  tls?: KeyPairOctets,
): Promise<string> {
  const settings = nodeSchema.parse({ node: 'edge', workers: 2, api });
  const front = new Front({ settings, tls, log: silentLog, backends, onReloaded });
  onTestFinished(() => front.close());
  return front.listen('127.0.0.1', 0);
}

const echo: Serve = (request, reply) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () =>
    answer(reply, 200, { method: request.method, url: request.url, headers: request.headers, body }),
  );
};

/** What a worker was asked with. */
function asked(url: string, headers: Record<string, string>): Promise<{ headers: Record<string, string> }> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? getByTls(url, { headers, rejectUnauthorized: false })
      : get(url, { headers });
    request.on('response', (response) => resolve(json(response) as Promise<{ headers: Record<string, string> }>));
    request.on('error', reject);
  });
}

describe('what one worker answers', () => {
  test('goes to the first with its body, and says who asks', async () => {
    const backends = await startBackends(echo);
    const address = await frontOf(() => backends);
    const response = await fetch(`${address}/api/v1/explain?x=1`, {
      method: 'POST',
      body: '{"a":1}',
      headers: { authorization: 'Bearer t', 'x-forwarded-for': '203.0.113.1' },
    });
    const { method, url, headers, body } = (await response.json()) as {
      method: string;
      url: string;
      headers: Record<string, string>;
      body: string;
    };
    expect([method, url, body, headers['authorization']]).toEqual([
      'POST',
      '/api/v1/explain?x=1',
      '{"a":1}',
      'Bearer t',
    ]);
    // Nobody but a trusted proxy is believed.
    expect(headers['x-forwarded-for']).toBe('127.0.0.1');
  });

  test('but of a plan each is asked, with the same body', async () => {
    const bodies: string[] = [];
    const serve: Serve = async (request, reply) => {
      if (request.method === 'POST') bodies.push(await text(request));
      answer(reply, 200, { callsPlayed: 1, callsChanged: 0, calls: [] });
    };
    const backends = await startBackends(serve, serve);
    const address = await frontOf(() => backends);
    const response = await fetch(`${address}/api/v1/plan`, { method: 'POST', body: '{"a":1}' });
    expect(await response.json()).toEqual({ callsPlayed: 2, callsChanged: 0, calls: [] });
    expect(bodies).toEqual(['{"a":1}', '{"a":1}']);
  });

  test.each([
    ['that says how long it is', (text: string) => text],
    ['that does not', (text: string) => new Blob([text]).stream()],
  ])('a plan %s is refused when it is longer than any document may be, and asked of nobody', async (_how, bodyOf) => {
    let posted = 0;
    const backends = await startBackends((request, reply) => {
      if (request.method === 'POST') posted++;
      answer(reply, 200, {});
    });
    const address = await frontOf(() => backends, { bodyBytes: 2_000 });
    const body = bodyOf('x'.repeat(200_000));
    const response = await fetch(`${address}/api/v1/plan`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect([response.status, await response.json(), posted]).toEqual([
      413,
      expect.objectContaining({ code: 'body-too-large' }),
      0,
    ]);
  });

  test('a trusted proxy says for whom it speaks', async () => {
    const backends = await startBackends(echo);
    const address = await frontOf(() => backends, { trustedProxies: ['127.0.0.0/8'] });
    const response = await fetch(`${address}/healthz`, { headers: { 'x-forwarded-for': '203.0.113.1' } });
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    expect(headers['x-forwarded-for']).toBe('203.0.113.1, 127.0.0.1');
  });

  test.each([
    ['in clear text', false, [], [undefined, undefined]],
    ['over TLS', true, [], ['https', undefined]],
    ['in clear text by a trusted proxy', false, ['127.0.0.0/8'], ['http', 'console.example']],
    ['over TLS by a trusted proxy that browsers ask in clear text', true, ['127.0.0.0/8'], ['http', 'console.example']],
  ])('asked %s, it knows how browsers ask, whatever they say', async (_how, isTls, trustedProxies, expected) => {
    const backends = await startBackends(echo);
    const authority = new TestAuthority();
    onTestFinished(() => authority.remove());
    const pair = authority.issue({ commonName: 'edge', alternativeNames: ['IP:127.0.0.1'] });
    const [certificate, key] = [Buffer.from(pair.cert), Buffer.from(pair.key)];
    const address = await frontOf(
      () => backends,
      { trustedProxies },
      undefined,
      isTls ? { certificate, key } : undefined,
    );
    const { headers } = await asked(`${address}/healthz`, {
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'console.example',
    });
    expect(['x-forwarded-proto', 'x-forwarded-host'].map((name) => headers[name])).toEqual(expected);
  });
});

test('a reload that all workers have done is told to the supervisor, one that was refused is not', async () => {
  let status = 200;
  const backends = await startBackends((_request, reply) => answer(reply, status, { applied: [] }));
  let reloads = 0;
  const address = await frontOf(
    () => backends,
    {},
    () => reloads++,
  );
  await fetch(`${address}/api/v1/reload`, { method: 'POST' });
  expect(reloads).toBe(1);
  status = 422;
  await fetch(`${address}/api/v1/reload`, { method: 'POST' });
  await fetch(`${address}/api/v1/tenants`);
  expect(reloads).toBe(1);
});

test('HEAD has the fields of GET and no body', async () => {
  const backends = await startBackends((_request, reply) => answer(reply, 200, { items: [{}], total: 1 }));
  const response = await fetch(`${await frontOf(() => backends)}/api/v1/calls`, { method: 'HEAD' });
  expect([response.status, await response.text()]).toEqual([200, '']);
});

describe('one worker is asked alone by its name, and all of them by the name of the node', () => {
  const calls =
    (callId: string): Serve =>
    (_request, reply) =>
      answer(reply, 200, { items: [{ callId }], total: 1, offset: 0, limit: 100 });

  test.each([
    ['edge-w2', ['2']],
    ['edge', ['1', '2']],
    ['else-w2', ['1']],
    ['edge-w3', ['1']],
  ])('calls of %s', async (node, expected) => {
    const backends = await startBackends(calls('1'), calls('2'));
    const response = await fetch(`${await frontOf(() => backends)}/api/v1/calls?node=${node}`);
    const { items } = (await response.json()) as { items: { callId: string }[] };
    expect(items.map(({ callId }) => callId)).toEqual(expected);
  });

  test.each([
    ['/api/v1/node?node=edge-w2', ['edge-w2']],
    ['/api/v1/node?node=edge', ['edge-w1']],
    ['/api/v1/events?node=edge-w2', ['edge-w2']],
    ['/api/v1/events?node=edge', ['edge-w1', 'edge-w2']],
  ])('%s', async (path, expected) => {
    const says =
      (name: string): Serve =>
      ({ url = '' }, reply) => {
        // As a worker does: it knows its own name and that of its node.
        const isAsked = [name, 'edge'].includes(new URLSearchParams(url.split('?')[1]).get('node') ?? name);
        reply.writeHead(isAsked ? 200 : 404, { 'content-type': 'text/event-stream' });
        reply.end(`id: ${name}:1\ndata: ${name}\n\n`);
      };
    const backends = await startBackends(says('edge-w1'), says('edge-w2'));
    const response = await fetch(`${await frontOf(() => backends)}${path}`);
    const text = await response.text();
    const said = text.match(/(?<=data: ).*/g) ?? [];
    expect([response.status, said.length > 0 && said.every((name) => expected.includes(name))]).toEqual([200, true]);
  });
});

test('while no worker serves, or the one that was asked ends: 503 with a code, and the connection stays', async () => {
  const address = await frontOf(() => []);
  const response = await fetch(`${address}/healthz`);
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, 'no-worker']);
  expect(response.headers.get('connection')).toBe('keep-alive');
  const [gone] = await startBackends((request) => request.socket.destroy());
  const other = await fetch(`${await frontOf(() => (gone === undefined ? [] : [gone]))}/api/v1/tenants`);
  expect(other.status).toBe(503);
});

/** What comes back for these octets until the connection ends. */
async function answerTo(address: string, ...octets: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.on('error', () => {});
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const part of octets) {
    if (socket.destroyed) break;
    if (!socket.write(part, 'latin1'))
      await Promise.race([new Promise<void>((resolve) => socket.once('drain', () => resolve())), closed]);
  }
  await closed;
  return heard.toLowerCase();
}

describe('what no worker is shown is refused as a worker does', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
    [
      'several Host fields',
      'GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\nConnection: close\r\n\r\n',
      400,
      'malformed-request',
    ],
    ['a head of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'head-too-large'],
    ['a head that does not come', 'GET / HTTP/1.1\r\nHost: x\r\nX: ', 408, 'too-slow'],
  ])('%s', async (_what, octets, status, code) => {
    let isAsked = false;
    const backends = await startBackends((_request, reply) => {
      isAsked = true;
      answer(reply, 200, {});
    });
    const heard = await answerTo(await frontOf(() => backends, { requestTimeoutMs: 1_000 }), octets);
    expect(heard).toContain(`http/1.1 ${status} `);
    expect(heard).toContain(`"code":"${code}"`);
    for (const field of ['application/problem+json', "frame-ancestors 'none'", 'connection: close'])
      expect(heard).toContain(field);
    expect(isAsked).toBe(false);
  });
});

test('who is answered before the body has come is answered, and next to nothing more of it is taken', async () => {
  const octets = new Array(300).fill(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  const heardAt = async (method: string, path: string, status: number) => {
    const backends = await startBackends((request, reply) => {
      if (path !== '/api/v1/plan') answer(reply, status, {});
      else if (request.method === 'GET') answer(reply, 200, {});
    });
    const address = await frontOf(() => backends, { bodyBytes: 100_000 });
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    return answerTo(address, head, ...octets);
  };
  const began = performance.now();
  // Side by side: who goes on sending is waited for.
  const all = await Promise.all([
    heardAt('POST', '/nowhere', 404),
    heardAt('POST', '/api/v1/plan', 413),
    heardAt('GET', '/api/v1/events', 401),
  ]);
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const [at, status] of [404, 413, 401].entries()) {
    expect(all[at]).toContain(`http/1.1 ${status} `);
    expect(all[at]).toContain('connection: close');
  }
});

describe('events', () => {
  const stream =
    (first: string, ...events: string[]): Serve =>
    (request, reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' });
      reply.write(`retry: 2000\nid: ${request.headers['last-event-id'] ?? first}\n: tandem events\n\n`);
      for (const event of events) reply.write(event);
      reply.end();
    };

  test('of all workers in one stream; the id says how far each was read, and it goes on from there', async () => {
    const backends = await startBackends(
      stream('aaaa:0', 'id: aaaa:1\nevent: call\ndata: {}\n\n'),
      stream('bbbb:5', 'id: bbbb:6\nevent: call\ndata: {}\n\n'),
    );
    const address = await frontOf(() => backends);
    const read = async (headers: Record<string, string>) =>
      (await (await fetch(`${address}/api/v1/events?types=call`, { headers })).text())
        .split('\n')
        .filter((line) => line.startsWith('id: '));
    const ids = await read({});
    expect(ids.length).toBeGreaterThanOrEqual(2);
    const last = '1=aaaa:1,2=bbbb:6';
    expect((await read({ 'last-event-id': last }))[0]).toBe(`id: ${last}`);
  });

  test('a reader that takes nothing is waited for: the workers’ events are not kept for it', async () => {
    const block = `id: a:1\ndata: ${'x'.repeat(10_000)}\n\n`;
    let written = 0;
    let isHeldUp = false;
    const [backend] = await startBackends((_request, reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = () => {
        while (written < 200_000_000) {
          written += block.length;
          if (reply.write(block)) continue;
          isHeldUp = true;
          reply.once('drain', () => {
            isHeldUp = false;
            more();
          });
          return;
        }
      };
      more();
    });
    const { port } = new URL(await frontOf(() => (backend === undefined ? [] : [backend])));
    const reader = connect(Number(port), '127.0.0.1');
    reader.pause();
    reader.write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
    let before = -1;
    await eventually('a standstill', async () => {
      const isStill = isHeldUp && written > 0 && written === before;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isStill;
    });
    expect(written).toBeLessThan(50_000_000);
    // Once it reads, it goes on.
    let read = 0;
    reader.on('data', (octets) => {
      read += octets.length;
    });
    const standstill = written;
    reader.resume();
    await eventually('more', () => written > standstill && read > 0);
    reader.destroy();
  });

  test('a worker that is frozen holds up no stream: it is left out until it says something, and the reader comes back then', async () => {
    const frozen: (() => void)[] = [];
    const backends = await startBackends(
      (_request, reply) => {
        reply.writeHead(200, { 'content-type': 'text/event-stream' });
        reply.write('id: aaaa:1\nevent: call\ndata: {}\n\n');
      },
      (_request, reply) => void frozen.push(() => void reply.writeHead(200).write('\n')),
    );
    const response = await fetch(`${await frontOf(() => backends)}/api/v1/events`);
    expect([response.status, frozen.length]).toEqual([200, 1]);
    const text = response.text();
    frozen[0]?.();
    expect(await text).toContain('id: 1=aaaa:1\n');
  });

  test('a refusal is passed on', async () => {
    const refuse: Serve = (_request, reply) => answer(reply, 401, { code: 'not-authenticated' });
    const backends = await startBackends(refuse, refuse);
    expect((await fetch(`${await frontOf(() => backends)}/api/v1/events`)).status).toBe(401);
  });
});
