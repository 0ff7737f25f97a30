import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
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

  test("names without an answer hold up nobody else's: tenants' are asked for side by side, of whom the node asks", async () => {
    const server = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const silent = Promise.withResolvers<readonly string[]>();
    const owners: string[] = [];
    const addressesOf = (host: string, _port: number, owner: string) => {
      owners.push(owner);
      return host === 'hook.test' ? Promise.resolve(['127.0.0.1']) : silent.promise;
    };
    const post = guardedPost(new Egress({ allow: ['127.0.0.1'] }), addressesOf);
    const waiting = Array.from({ length: 20 }, (_, at) => post(`http://dead${at}.test/`, {}, '{}', false));
    expect(await post(`http://hook.test:${port}/`, {}, '{}', false, 'acme')).toEqual({ status: 200 });
    expect(owners.at(-1)).toBe('acme');
    silent.reject(new Error('the DNS has no address for it'));
    for (const each of await Promise.allSettled(waiting)) expect(each.status).toBe('rejected');
    const inward = guardedPost(new Egress(), async () => ['127.0.0.1']);
    await expect(inward(`http://hook.test:${port}/`, {}, '{}', false)).rejects.toThrow('hook.test: egress: 127.0.0.1');
    server.close();
  });

  test("deliveries that a host does not answer hold up nobody else's to the same host", async () => {
    const held: ServerResponse[] = [];
    const server = createServer((request, response) => {
      if (request.url === '/slow') held.push(response);
      else response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const post = guardedPost(new Egress({ allow: ['127.0.0.1'] }));
    const slow = Array.from({ length: 100 }, () => post(`${url}/slow`, {}, '{}', false));
    expect(await post(`${url}/quick`, {}, '{}', false)).toEqual({ status: 200 });
    await vi.waitFor(() => expect(held).toHaveLength(slow.length), 5_000);
    for (const response of held) response.end();
    await Promise.all(slow);
    server.closeAllConnections();
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

  test('an answer that goes on is waited for, so that whoever posts one thing at a time has one connection', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const server = createServer((_request, response) => {
      response.writeHead(200).write('.');
      held.resolve(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    let status = 0;
    const posted = guardedPost(new Egress())(url, {}, '{}', true).then((result) => {
      status = result.status;
    });
    const response = await held.promise;
    await turns();
    expect(status).toBe(0);
    response.end();
    await posted;
    expect(status).toBe(200);
    server.closeAllConnections();
    server.close();
  });

  test('of however many hosts, sixteen connections stay open that nobody uses', async () => {
    const open = new Set<Socket>();
    const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => response.end());
    server.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const post = guardedPost(new Egress({ allow: ['127.0.0.1'] }), async () => ['127.0.0.1']);
    const urls = Array.from({ length: 40 }, (_, at) => `http://hook${at}.test:${port}/`);
    await Promise.all(urls.map((url) => post(url, {}, '{}', false)));
    await vi.waitFor(() => expect(open.size).toBe(16), 5_000);
    server.closeAllConnections();
    server.close();
  });
});
