import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folder, run } from './kit.ts';

/** What an engine of another version may answer: none of the fields that the words are made of. */
const OTHER = { other: 'version' };
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(OTHER));
});
const path = folder({ 'chain.pem': 'chain', 'acme.yaml': 'tenants: [{ name: acme, domain: acme.example.com }]\n' });
const [chain, file] = [join(path, 'chain.pem'), join(path, 'acme.yaml')];
let env: Record<string, string>;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  env = { TANDEM_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, TANDEM_TOKEN: 'made-up' };
});
afterAll(() => server.close());

test.each([
  ['apply', file],
  ['plan', file],
  ['reload'],
  ['drain'],
  ['store'],
  ['certificates', 'put', 'sbc', '--chain', chain, '--use', 'tls'],
  ['transports', 'add', 'second', '--transport', 'udp', '--host', '127.0.0.1', '--port', '5062'],
  ['token', 'create', '--role', 'system-admin'],
  ['users', 'create', 'pat', '--role', 'system-admin'],
  ['users', 'disable', 'pat'],
  ['message', 'send', '--to', '14155550100', '--text', 'x'],
  ['message', 'explain', '--from', '101', '--to', '14155550100'],
  ['explain', '--tenant', 'acme', '--from', '101', '--to', '14155550100'],
  ['trace', 'one'],
])('--json prints the answer of an engine of another version as it came: tandem %s %s', async (...args) => {
  const { code, out, err } = await run([...args, '--json'], { env, input: 'correct horse battery\n' });
  expect([code, err]).toEqual([0, '']);
  expect(JSON.parse(out)).toEqual(OTHER);
});
