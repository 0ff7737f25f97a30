import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { guardedPost, isInsideAddress } from '../../src/observe/guarded-request.ts';

describe('isInsideAddress', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
  ])('%s is inside', (address) => {
    expect(isInsideAddress(address)).toBe(true);
  });

  test.each(['203.0.113.7', '8.8.8.8', '172.32.0.1', '2001:db8::1', '::ffff:8.8.8.8'])('%s is outside', (address) => {
    expect(isInsideAddress(address)).toBe(false);
  });
});

describe('guardedPost', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::1]:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
  ])('%s is refused without leave, by address and by name', async (form) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = form.replace('PORT', String((server.address() as AddressInfo).port));
    await expect(guardedPost(url, {}, '{}', false)).rejects.toThrow();
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
    expect(await guardedPost(url, { 'content-type': 'application/json' }, '{"a":1}', true)).toEqual({ status: 307 });
    expect(bodies).toEqual(['{"a":1}']);
    server.close();
  });
});
