import { expect, test } from 'vitest';
import { secretHash } from '../../../src/base/shelf.ts';
import { KeptServers } from '../../../src/sip/transaction/kept-servers.ts';
import { grownOldBy } from '../../kit/grown-old.ts';
import { uniqueStringsAfter } from '../../kit/unique-strings.ts';

interface Server {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  readonly copyMark: number;
  readonly keyHash: number;
  nextOfKey: Server | undefined;
}

function server(
  key: string,
  method = 'INVITE',
  sentByHost = 'phone.example',
  sentByPort?: number,
  copyMark = 0,
  keyHash = secretHash(key),
): Server {
  return { key, method, sentByHost, sentByPort, copyMark, keyHash, nextOfKey: undefined };
}

test('RFC 3261 §17.2.3: branch, sent-by and method together find the transaction; a host is the same in any case', () => {
  const servers = new KeptServers<Server>();
  const [invite, options, other] = [
    server('z9hG4bKa'),
    server('z9hG4bKa', 'OPTIONS'),
    server('z9hG4bKa', 'INVITE', 'b', 5070),
  ];
  for (const each of [invite, options, other]) servers.add(each);
  expect(servers.find(secretHash('z9hG4bKa'), 'z9hG4bKa', 'Phone.Example', undefined, 'INVITE')).toBe(invite);
  expect(servers.find(secretHash('z9hG4bKa'), 'z9hG4bKa', 'phone.example', undefined, 'OPTIONS')).toBe(options);
  expect(servers.find(secretHash('z9hG4bKa'), 'z9hG4bKa', 'b', 5070, 'INVITE')).toBe(other);
  expect(servers.find(secretHash('z9hG4bKa'), 'z9hG4bKa', 'b', 5060, 'INVITE')).toBeUndefined();
  expect(servers.find(secretHash('z9hG4bKa'), 'z9hG4bKa', 'c', undefined, 'INVITE')).toBeUndefined();
  expect(servers.find(secretHash('z9hG4bKb'), 'z9hG4bKb', 'phone.example', undefined, 'INVITE')).toBeUndefined();
});

test.each([0, 1, 2])('number %i of three with one key goes, and the others stay', (gone) => {
  const servers = new KeptServers<Server>();
  const all = ['INVITE', 'OPTIONS', 'MESSAGE'].map((method) => server('key', method));
  for (const each of all) servers.add(each);
  expect(servers.delete(all[gone] as Server)).toBe(true);
  expect(servers.delete(all[gone] as Server)).toBe(false);
  for (const [index, each] of all.entries())
    expect(servers.find(secretHash('key'), 'key', each.sentByHost, undefined, each.method)).toBe(
      index === gone ? undefined : each,
    );
});

test('of those that are alike the latest is found, and the one before it once that is gone', () => {
  const servers = new KeptServers<Server>();
  const [before, after] = [server('key'), server('key')];
  servers.add(before);
  servers.add(after);
  expect(servers.find(secretHash('key'), 'key', 'phone.example', undefined, 'INVITE')).toBe(after);
  servers.delete(after);
  expect(servers.find(secretHash('key'), 'key', 'phone.example', undefined, 'INVITE')).toBe(before);
  servers.clear();
  expect(servers.find(secretHash('key'), 'key', 'phone.example', undefined, 'INVITE')).toBeUndefined();
});

test('of one branch each request is found by its Call-ID and mark, however many others there are', () => {
  const servers = new KeptServers<Server>();
  const all = Array.from({ length: 100 }, (_, at) => server('key', 'INVITE', 'phone.example', undefined, at + 1, at));
  for (const each of all) servers.add(each);
  const found = all.map(({ keyHash, copyMark }) =>
    servers.find(keyHash, 'key', 'phone.example', undefined, 'INVITE', copyMark),
  );
  expect(found).toEqual(all);
  expect(servers.find(7, 'key', 'phone.example', undefined, 'INVITE')).toBe(all[7]);
  expect(servers.find(100, 'key', 'phone.example', undefined, 'INVITE')).toBeUndefined();
});

test('of one branch and Call-ID each is found by its mark, of more than a client has under way the latest', () => {
  const servers = new KeptServers<Server>();
  const all = Array.from({ length: 100 }, (_, mark) => server('key', 'INVITE', 'phone.example', undefined, mark));
  for (const each of all) servers.add(each);
  const found = all.map(({ copyMark }) =>
    servers.find(secretHash('key'), 'key', 'phone.example', undefined, 'INVITE', copyMark),
  );
  expect(found).toEqual(all.map((each, index) => (index >= 68 ? each : undefined)));
});

test('keys with one hash are told apart', () => {
  const byHash = new Map<number, string>();
  let pair: [string, string] | undefined;
  for (let each = 0; pair === undefined; each++) {
    const key = `z9hG4bK${each}`;
    const former = byHash.get(secretHash(key));
    if (former !== undefined) pair = [former, key];
    byHash.set(secretHash(key), key);
  }
  const servers = new KeptServers<Server>();
  const [one, other] = [server(pair[0]), server(pair[1])];
  servers.add(one);
  expect(servers.find(secretHash(other.key), other.key, 'phone.example', undefined, 'INVITE')).toBeUndefined();
  servers.add(other);
  for (const each of [one, other])
    expect(servers.find(secretHash(each.key), each.key, 'phone.example', undefined, 'INVITE')).toBe(each);
  servers.delete(other);
  expect(servers.find(secretHash(one.key), one.key, 'phone.example', undefined, 'INVITE')).toBe(one);
  expect(servers.find(secretHash(other.key), other.key, 'phone.example', undefined, 'INVITE')).toBeUndefined();
});

test('no key becomes one of the unique strings of V8', () => {
  const script = `
    const { KeptServers } = await import('../../src/sip/transaction/kept-servers.ts');
    const { secretHash } = await import('../../src/base/shelf.ts');
    const servers = new KeptServers();
    const keyOf = (at) => ['branch', 'key', at].join(' ');
    for (let at = 0; at < 500; at++) {
      const key = keyOf(at);
      servers.add({ key, method: 'INVITE', sentByHost: 'a', sentByPort: undefined, keyHash: secretHash(key), nextOfKey: undefined });
      if (servers.find(secretHash(keyOf(at)), keyOf(at), 'a', undefined, 'INVITE') === undefined) throw new Error(key);
    }
    globalThis.kept = servers;
  `;
  expect(uniqueStringsAfter(script, 'branch key ')).toEqual([]);
});

test('more than there were places for at first are found, and of those of one key the latest first', () => {
  const servers = new KeptServers<Server>();
  const all = Array.from({ length: 300 }, (_, at) => server(`z9hG4bK${at % 150}`));
  for (const each of all) servers.add(each);
  const found = () =>
    all.slice(150).map(({ key }) => servers.find(secretHash(key), key, 'phone.example', undefined, 'INVITE'));
  expect(found()).toEqual(all.slice(150));
  for (const each of all.slice(150)) servers.delete(each);
  expect(found()).toEqual(all.slice(0, 150));
});

test('a key is read when it comes, and not as others come and as it goes', () => {
  const servers = new KeptServers<Server>();
  let reads = 0;
  const charCodeAt = () => {
    reads++;
    return 0;
  };
  const all = Array.from({ length: 300 }, () => server({ length: 1, charCodeAt } as unknown as string));
  for (const each of all) servers.add(each);
  for (const each of all) expect(servers.delete(each)).toBe(true);
  expect(reads).toBe(300);
});

test('a machine that is gone grows old with nobody', () => {
  const script = `
    const { KeptServers } = await import('../../src/sip/transaction/kept-servers.ts');
    const { secretHash } = await import('../../src/base/shelf.ts');
    const servers = new KeptServers();
    const serverOf = (at) => ({ key: 'z' + at, method: 'BYE', sentByHost: 'a', sentByPort: 1, nextOfKey: undefined, held: new Array(125).fill(at) });
    // One grows old, and is to keep none that comes after it.
    const first = serverOf(-1);
    servers.add(first);
    for (let at = 0; at < 10_000; at++) globalThis.last = new Array(125).fill(at);
    servers.delete(first);
    globalThis.work = () => {
      const latest = [];
      for (let at = 0; at < 50_000; at++) {
        const added = serverOf(at);
        servers.add(added);
        latest[at % 6] !== undefined && servers.delete(latest[at % 6]);
        latest[at % 6] = added;
      }
    };
  `;
  // All are 58 MB.
  expect(grownOldBy(script)).toBeLessThan(10_000_000);
});
