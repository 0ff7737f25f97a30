import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Egress } from '../../src/base/egress.ts';
import { guardedPost } from '../../src/observe/guarded-request.ts';
import { turns } from '../kit/turns.ts';

describe('guardedPost', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::1]:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[::127.0.0.1]:PORT/',
    'http://[64:ff9b::127.0.0.1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://user:secret@127.0.0.1:PORT/',
    'http://192.0.2.1@127.0.0.1:PORT/',
  ])('%s is refused without leave, by address and by name', async (form) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = form.replace('PORT', String((server.address() as AddressInfo).port));
    await expect(guardedPost(new Egress())(url, {}, '{}', false)).rejects.toThrow(/^(localhost: )?egress: /);
    expect(requests).toBe(0);
    server.close();
  });

  test('with leave the body arrives; a redirect is an answer, not an order', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.writeHead(307, { location: '/elsewhere' }).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    expect(await guardedPost(new Egress())(url, { 'content-type': 'application/json' }, '{"a":1}', true)).toEqual({
      status: 307,
    });
    expect(bodies).toEqual(['{"a":1}']);
    server.close();
  });

  test("an address that the operator admits takes a tenant's webhook", async () => {
    const server = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const post = guardedPost(new Egress({ allow: ['127.0.0.1'] }));
    expect(await post(`http://127.0.0.1:${port}/`, {}, '{}', false)).toEqual({ status: 200 });
    await expect(post(`http://127.0.0.2:${port}/`, {}, '{}', false)).rejects.toThrow('egress: 127.0.0.2');
    server.close();
  });

  test('a connection that somebody with leave has left open carries nothing of somebody without', async () => {
    const bodies: string[] = [];
    const connections = new Set<Socket>();
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.end());
    });
    server.on('connection', (socket) => connections.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
    const post = guardedPost(new Egress());
    await post(url, {}, 'first of the operator', true);
    // The connection is free for the next one on a later turn.
    await turns();
    await post(url, {}, 'second of the operator', true);
    await turns();
    expect(connections.size).toBe(1);
    await expect(post(url, {}, 'of a tenant', false)).rejects.toThrow(/^localhost: egress: 127\.0\.0\.1 /);
    expect(bodies).toEqual(['first of the operator', 'second of the operator']);
    server.closeAllConnections();
    server.close();
  });
});
