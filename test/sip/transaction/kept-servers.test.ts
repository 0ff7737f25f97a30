import { expect, test } from 'vitest';
import { KeptServers } from '../../../src/sip/transaction/kept-servers.ts';

interface Server {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  nextOfKey: Server | undefined;
}

function server(key: string, method = 'INVITE', sentByHost = 'phone.example', sentByPort?: number): Server {
  return { key, method, sentByHost, sentByPort, nextOfKey: undefined };
}

test('RFC 3261 §17.2.3: branch, sent-by and method together find the transaction; a host is the same in any case', () => {
  const servers = new KeptServers<Server>();
  const [invite, options, other] = [
    server('z9hG4bKa'),
    server('z9hG4bKa', 'OPTIONS'),
    server('z9hG4bKa', 'INVITE', 'b', 5070),
  ];
  for (const each of [invite, options, other]) servers.add(each);
  expect(servers.find('z9hG4bKa', 'Phone.Example', undefined, 'INVITE')).toBe(invite);
  expect(servers.find('z9hG4bKa', 'phone.example', undefined, 'OPTIONS')).toBe(options);
  expect(servers.find('z9hG4bKa', 'b', 5070, 'INVITE')).toBe(other);
  expect(servers.find('z9hG4bKa', 'b', 5060, 'INVITE')).toBeUndefined();
  expect(servers.find('z9hG4bKa', 'c', undefined, 'INVITE')).toBeUndefined();
  expect(servers.find('z9hG4bKb', 'phone.example', undefined, 'INVITE')).toBeUndefined();
});

test.each([0, 1, 2])('number %i of three with one key goes, and the others stay', (gone) => {
  const servers = new KeptServers<Server>();
  const all = ['INVITE', 'OPTIONS', 'MESSAGE'].map((method) => server('key', method));
  for (const each of all) servers.add(each);
  expect(servers.delete(all[gone] as Server)).toBe(true);
  expect(servers.delete(all[gone] as Server)).toBe(false);
  for (const [index, each] of all.entries())
    expect(servers.find('key', each.sentByHost, undefined, each.method)).toBe(index === gone ? undefined : each);
});

test('of those that are alike the latest is found, and the one before it once that is gone', () => {
  const servers = new KeptServers<Server>();
  const [before, after] = [server('key'), server('key')];
  servers.add(before);
  servers.add(after);
  expect(servers.find('key', 'phone.example', undefined, 'INVITE')).toBe(after);
  servers.delete(after);
  expect(servers.find('key', 'phone.example', undefined, 'INVITE')).toBe(before);
  servers.clear();
  expect(servers.find('key', 'phone.example', undefined, 'INVITE')).toBeUndefined();
});
