import { describe, expect, test } from 'vitest';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import type { Directory } from '../../src/trunks/directory.ts';
import { Identification, type TrunkAddress } from '../../src/trunks/identification.ts';
import type { TrunkInput } from '../../src/trunks/schema.ts';
import { directoryOf, idOf } from './provider.ts';

function invite(
  called: string,
  { uri = `sip:${called}@192.0.2.1`, via = 'SIP/2.0/UDP 203.0.113.1', extra = '' } = {},
): SipRequest {
  const message = parseMessage(
    `INVITE ${uri} SIP/2.0\r\nVia: ${via};branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:4412@x>;tag=1\r\nTo: <sip:${called}@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n${extra}Content-Length: 0\r\n\r\n`,
  );
  if (message.kind !== 'request') throw new Error('not a request');
  return message;
}

const from = (remoteAddress: string, remotePort = 5060, over: Partial<Flow> = {}) =>
  ({ transport: 'udp', remoteAddress, remotePort, tls: undefined, ...over }) as Flow;

const certified = (names: string[], verified = true) =>
  from('198.18.0.1', 40_000, { transport: 'tls', tls: { verified, names, protocol: 'TLSv1.3', cipher: '' } });

function trunk(name: string, overrides: Partial<TrunkInput> = {}): TrunkInput {
  return { id: String(idOf(name)), name, type: 'ip', host: '203.0.113.1', tenants: [], ...overrides };
}

function identification(trunks: readonly TrunkInput[], resolved: Record<string, readonly TrunkAddress[]> = {}) {
  const directory = directoryOf(trunks);
  const made = new Identification(directory);
  for (const each of directory.trunks) made.setAddresses(each, resolved[each.name] ?? []);
  return { made, directory, of: (name: string) => trunkOf(directory, name) };
}

function trunkOf(directory: Directory, name: string) {
  const found = directory.trunk(String(idOf(name)));
  if (found === undefined) throw new Error(`no trunk ${name}`);
  return found;
}

function result(made: Identification, request: SipRequest, flow: Flow): string {
  const identified = made.identify(request, flow);
  switch (identified.kind) {
    case 'trunk':
      return `${identified.trunk.name}${identified.exact ? ' exactly' : ''}`;
    case 'ambiguous':
      return `one of ${identified.trunks
        .map(({ name }) => name)
        .sort()
        .join(', ')}`;
    case 'unknown':
      return 'unknown';
  }
}

const at = (address: string, port = 5060): TrunkAddress => ({ address, port });

describe('by source address', () => {
  test('what the host resolves to, associated addresses and networks; anybody else is unknown', () => {
    const { made } = identification([trunk('a', { associatedIps: ['198.51.100.0/24', '2001:db8::/32'] })], {
      a: [at('203.0.113.1'), at('203.0.113.2', 5080)],
    });
    expect(result(made, invite('1'), from('203.0.113.1'))).toBe('a exactly');
    expect(result(made, invite('1'), from('203.0.113.2', 5080))).toBe('a exactly');
    expect(result(made, invite('1'), from('203.0.113.1', 9999))).toBe('a');
    expect(result(made, invite('1'), from('198.51.100.77', 1234))).toBe('a');
    expect(result(made, invite('1'), from('2001:db8:1::5'))).toBe('a');
    expect(result(made, invite('1'), from('203.0.113.3'))).toBe('unknown');
    expect([made.knows('198.51.100.1'), made.knows('198.51.101.1')]).toEqual([true, false]);
  });

  test('the longest prefix wins', () => {
    const { made } = identification([
      trunk('wide', { associatedIps: ['198.51.100.0/24'] }),
      trunk('narrow', { associatedIps: ['198.51.100.64/28'] }),
    ]);
    expect(result(made, invite('1'), from('198.51.100.70'))).toBe('narrow');
    expect(result(made, invite('1'), from('198.51.100.90'))).toBe('wide');
  });

  test('a disabled trunk takes nothing, not even from a wider one', () => {
    const { made } = identification([
      trunk('wide', { associatedIps: ['198.51.100.0/24'] }),
      trunk('narrow', { associatedIps: ['198.51.100.64/28'], enabled: false }),
    ]);
    expect(result(made, invite('1'), from('198.51.100.70'))).toBe('wide');
  });

  test('a changed DNS answer replaces the old addresses', () => {
    const { made, of } = identification([trunk('a')], { a: [at('203.0.113.1')] });
    made.setAddresses(of('a'), [at('203.0.113.9')]);
    expect(result(made, invite('1'), from('203.0.113.1'))).toBe('unknown');
    expect(result(made, invite('1'), from('203.0.113.9'))).toBe('a exactly');
  });

  test('a trunk that is gone is forgotten', () => {
    const { made } = identification([trunk('a')], { a: [at('203.0.113.1')] });
    made.update(directoryOf([]));
    expect(result(made, invite('1'), from('203.0.113.1'))).toBe('unknown');
    expect(made.knows('203.0.113.1')).toBe(false);
  });
});

describe('verifyPort', () => {
  const options = { verifyPort: true };
  const trunks = [trunk('a', { options, associatedIps: ['198.51.100.7'] })];
  const { made } = identification(trunks, { a: [at('203.0.113.1', 5060), at('203.0.113.2', 5070)] });

  test.each([
    ['203.0.113.1', 5060, 'a exactly'],
    ['203.0.113.1', 5070, 'unknown'],
    ['203.0.113.2', 5070, 'a exactly'],
    ['198.51.100.7', 5060, 'a'],
    ['198.51.100.7', 5070, 'a'],
    ['198.51.100.7', 6000, 'unknown'],
  ])('%s:%i is %s', (address, port, expected) => {
    expect(result(made, invite('1'), from(address, port))).toBe(expected);
  });

  test('a connection that the peer opened is measured by the port in Via', () => {
    const tcp = from('203.0.113.2', 51_234, { transport: 'tcp' });
    expect(result(made, invite('1', { via: 'SIP/2.0/TCP 203.0.113.2:5070' }), tcp)).toBe('a exactly');
    expect(result(made, invite('1', { via: 'SIP/2.0/TCP 203.0.113.2' }), tcp)).toBe('unknown');
  });

  test('the trunk’s own port counts while its host is not located', () => {
    const unlocated = identification([trunk('b', { options, port: 5099, associatedIps: ['198.51.100.8'] })]).made;
    expect(result(unlocated, invite('1'), from('198.51.100.8', 5099))).toBe('b');
    expect(result(unlocated, invite('1'), from('198.51.100.8', 5060))).toBe('unknown');
  });
});

describe('several trunks on one address', () => {
  const trunks = [
    trunk('a', { tenants: [{ tenant: 'acme', didPool: '100-199' }] }),
    trunk('b', { host: '203.0.113.2', tenants: [{ tenant: 'acme', didPool: '200-299' }] }),
    trunk('c', { host: '203.0.113.3', tenants: [{ tenant: 'acme', didPool: '250-350' }] }),
  ];
  const shared = { a: [at('203.0.113.1', 5060)], b: [at('203.0.113.1', 5080)], c: [at('203.0.113.1', 5060)] };
  const { made } = identification(trunks, shared);

  test.each([
    ['150', 5060, 'a exactly'],
    ['+150', 7000, 'a'],
    ['220', 5060, 'b'],
    ['340', 5060, 'c exactly'],
    // Two pools hold it: the port tells.
    ['270', 5080, 'b exactly'],
    ['270', 5060, 'c exactly'],
    ['270', 7000, 'one of b, c'],
    // No pool holds it: the port tells, or nothing does.
    ['999', 5080, 'b exactly'],
    ['999', 5060, 'one of a, b, c'],
    ['999', 7000, 'one of a, b, c'],
  ])('called %s from port %i: %s', (called, port, expected) => {
    expect(result(made, invite(called), from('203.0.113.1', port))).toBe(expected);
  });

  test('the called number is looked for in To, Request-URI and P-Called-Party-ID', () => {
    const flow = from('203.0.113.1', 7000);
    expect(result(made, invite('999', { uri: 'sip:150@192.0.2.1' }), flow)).toBe('a');
    expect(result(made, invite('999', { uri: 'tel:+150' }), flow)).toBe('a');
    expect(result(made, invite('999', { extra: 'P-Called-Party-ID: <sip:150@x>\r\n' }), flow)).toBe('a');
    expect(result(made, invite('999', { extra: 'P-Called-Party-ID: <<\r\n' }), flow)).toBe('one of a, b, c');
  });
});

describe('by token', () => {
  test('the user part of the Request-URI, or its `tdm` parameter, whatever the address', () => {
    const { made, of } = identification([trunk('a'), trunk('b', { host: '203.0.113.2' })], { b: [at('203.0.113.2')] });
    made.setToken(of('a'), 'feed01');
    const flow = from('203.0.113.2');
    expect(result(made, invite('1', { uri: 'sip:feed01@192.0.2.1' }), flow)).toBe('a exactly');
    expect(result(made, invite('1', { uri: 'sip:+4930@192.0.2.1;tdm=feed01' }), flow)).toBe('a exactly');
    expect(result(made, invite('1', { uri: 'sip:feed02@192.0.2.1' }), flow)).toBe('b exactly');
  });

  test('earlier tokens of a trunk hold for a while, those of a trunk that is gone or disabled do not', () => {
    const trunks = [trunk('a')];
    const { made, of } = identification(trunks);
    for (const token of ['t1', 't2', 't3', 't4', 't5']) made.setToken(of('a'), token);
    const with_ = (token: string) => result(made, invite('1', { uri: `sip:${token}@192.0.2.1` }), from('198.18.0.1'));
    expect(['t1', 't2', 't5'].map(with_)).toEqual(['unknown', 'a exactly', 'a exactly']);
    made.update(directoryOf([trunk('a', { enabled: false })]));
    expect(with_('t5')).toBe('unknown');
    made.update(directoryOf([]));
    made.update(directoryOf(trunks));
    expect(with_('t5')).toBe('unknown');
  });
});

describe('by certificate (mutual TLS)', () => {
  const options = { mutualTls: true };
  const trunks = [
    trunk('named', { host: 'sip.carrier.example', options, tls: { peerNames: ['Client.Carrier.Example'] } }),
    trunk('hosted', { host: 'other.example', options, associatedIps: ['198.18.0.0/16'] }),
    trunk('plain', { host: '198.18.0.1' }),
  ];
  const { made } = identification(trunks, { plain: [at('198.18.0.1')] });

  test('a verified name identifies; the addresses of such a trunk do not', () => {
    expect(result(made, invite('1'), certified(['client.carrier.example']))).toBe('named exactly');
    expect(result(made, invite('1'), certified(['other.example']))).toBe('hosted exactly');
    expect(result(made, invite('1'), from('198.18.5.5'))).toBe('unknown');
  });

  test('their addresses are the trunk’s all the same, for what it sends in its dialogs', () => {
    const { id } = trunkOf(directoryOf(trunks), 'hosted');
    expect([made.isOf(id, '198.18.7.7'), made.isOf(id, '203.0.113.7')]).toEqual([true, false]);
    expect(made.knows('198.18.7.7')).toBe(true);
  });

  test('an unverified certificate is none', () => {
    expect(result(made, invite('1'), certified(['other.example'], false))).toBe('plain');
  });

  test('names follow the settings', () => {
    const changing = identification(trunks);
    changing.made.update(
      directoryOf([trunk('named', { host: 'sip.carrier.example', options, tls: { peerNames: ['new.example'] } })]),
    );
    expect(result(changing.made, invite('1'), certified(['client.carrier.example']))).toBe('unknown');
    expect(result(changing.made, invite('1'), certified(['new.example']))).toBe('named exactly');
  });

  test('two trunks of one certificate are told apart by the called number, never by order', () => {
    const tls = { peerNames: ['c.example'] };
    const two = identification([
      trunk('a', { host: 'a.example', options, tls, tenants: [{ tenant: 'acme', didPool: '100-199' }] }),
      trunk('b', { host: 'b.example', options, tls, tenants: [{ tenant: 'acme', didPool: '200-299' }] }),
    ]).made;
    expect(result(two, invite('150'), certified(['c.example']))).toBe('a exactly');
    expect(result(two, invite('250'), certified(['c.example']))).toBe('b exactly');
    expect(result(two, invite('999'), certified(['c.example']))).toBe('one of a, b');
  });
});

test('the order in which trunks were made or located never matters', () => {
  const trunks = ['a', 'b', 'c'].map((name, index) =>
    trunk(name, {
      host: `203.0.113.${index}`,
      tenants: [{ tenant: 'acme', didPool: `${index + 1}00-${index + 1}99` }],
    }),
  );
  const resolved = Object.fromEntries(trunks.map(({ name }) => [name, [at('203.0.113.1')]]));
  const outcomes = [trunks, [...trunks].reverse()].map((order) => {
    const { made } = identification(order, resolved);
    return ['150', '250', '350', '450'].map((called) => result(made, invite(called), from('203.0.113.1', 9)));
  });
  expect(outcomes[0]).toEqual(['a', 'b', 'c', 'one of a, b, c']);
  expect(outcomes[1]).toEqual(outcomes[0]);
});
