import { describe, expect, test } from 'vitest';
import { calledNumbersOf } from '../../src/engine/explain/inbound-view.ts';
import type { Directory } from '../../src/provisioning/directory/directory.ts';
import { Precedence } from '../../src/provisioning/directory/precedence.ts';
import type { TrunkInput } from '../../src/provisioning/trunk-settings/schema.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { Identification, type TrunkAddress } from '../../src/trunks/identification.ts';
import { leastCpuMs, threadCpuMs } from '../kit/thread-cpu.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
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
  from('198.18.0.1', 40_000, { transport: 'tls', tls: { verified, names } });

function trunk(name: string, overrides: Partial<TrunkInput> = {}): TrunkInput {
  return { id: String(idOf(name)), name, type: 'ip', host: '203.0.113.1', tenants: [], ...overrides };
}

function identification(trunks: readonly TrunkInput[], resolved: Record<string, readonly TrunkAddress[]> = {}) {
  const directory = directoryOf(trunks);
  const made = new Identification(directory, calledNumbersOf, new Precedence(new VirtualScheduler()));
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
    // No pool holds it: nobody's, refused by whichever of them.
    ['999', 5080, 'b exactly'],
    ['999', 5060, 'a exactly'],
    ['999', 7000, 'a'],
  ])('called %s from port %i: %s', (called, port, expected) => {
    expect(result(made, invite(called), from('203.0.113.1', port))).toBe(expected);
  });

  describe('a tenant’s trunk that reads any number as one of its own', () => {
    const own = (name: string, tenant: string, didPool: string, more: Partial<TrunkInput> = {}) =>
      trunk(name, {
        ...{ type: 'register' as const, owner: tenant, host: `${name}.example`, didPool },
        ...{ credentials: { authName: name, password: 'p' }, ...more },
      });
    const constant = { normalize: { calledNumber: { strip: 40, prepend: '4930100' } } };
    const prefixed = { normalize: { calledNumber: { replacePrefix: [{ from: '', to: '9' }] } } };
    const places = { victim: [at('203.0.113.1')], thief: [at('203.0.113.1')] };

    test.each([
      ['a number of its own', '4930100', constant],
      ['the same with digits of its own in front', '914155550101', prefixed],
      ['where the caller stands', '4412', { calledNumber: 'from.user' as const }],
    ])(
      'takes no call to another tenant’s: %s, by the name of the same carrier or by a claim to its address',
      (_what, didPool, inboundParameters) => {
        for (const claim of [{}, { associatedIps: ['203.0.113.1'] }]) {
          const thief = own('thief', 'globex', didPool, { inboundParameters, ...claim });
          for (const trunks of [
            [own('victim', 'acme', '14155550101'), thief],
            [thief, own('victim', 'acme', '14155550101')],
          ]) {
            const { made } = identification(trunks, places);
            for (const called of ['14155550101', '+14155550101', '0014155550101', '+1-415-555-0101'])
              expect(result(made, invite(called), from('203.0.113.1', 7000))).toBe('victim');
            // In the Request-URI alone, where another network has sent it on.
            const uri = 'sip:14155550101@192.0.2.1';
            expect(result(made, invite('999', { uri }), from('203.0.113.1', 7000))).toBe('victim');
          }
        }
      },
    );

    test.each([
      ['and both read numbers in the same places', { callerNumber: 'pAssertedIdentity.user' as const }],
      ['and makes the number of any call its own', constant],
    ])('nor one to whom P-Called-Party-ID names besides, %s', (_what, inboundParameters) => {
      const other = own('thief', 'globex', '4930100', { inboundParameters });
      const victim = own('victim', 'acme', '14155550101');
      const extra = 'P-Called-Party-ID: <sip:4930100@x>\r\n';
      for (const trunks of [
        [victim, other],
        [other, victim],
      ]) {
        const { made } = identification(trunks, places);
        const uri = 'sip:14155550101@192.0.2.1';
        for (const called of ['14155550101', '999'])
          expect(result(made, invite(called, { uri, extra }), from('203.0.113.1', 7000))).toBe('victim');
      }
    });

    test('P-Called-Party-ID tells whose a call is where To and Request-URI tell nothing', () => {
      const other = own('thief', 'globex', '4930100');
      const { made } = identification([own('victim', 'acme', '14155550101'), other], places);
      const named = invite('999', { extra: 'P-Called-Party-ID: <sip:14155550101@x>\r\n' });
      expect(result(made, named, from('203.0.113.1', 7000))).toBe('victim');
    });

    test('nor one that the carrier writes nationally', () => {
      const victim = own('victim', 'acme', '4930123456', { numberFormat: 'national 49' });
      const thief = own('thief', 'globex', '4930100', { inboundParameters: constant, associatedIps: ['203.0.113.1'] });
      const { made } = identification([thief, victim], places);
      expect(result(made, invite('030123456'), from('203.0.113.1', 7000))).toBe('victim');
      const digits = own('thief', 'globex', '30123456', { associatedIps: ['203.0.113.1'] });
      const asDigits = identification([digits, victim], places).made;
      expect(result(asDigits, invite('030123456'), from('203.0.113.1', 7000))).toBe('victim');
    });

    test.each([
      ['4155550101', { didPool: '14155550101', numberFormat: 'national 1' }, { didPool: '4155550101' }],
      ['14155550101', { didPool: '14155550101' }, { didPool: '4914155550101', numberFormat: 'national 49' }],
    ] as const)(
      'nor one whose digits it reads in another format than the trunk that was there first: %s',
      (called, { didPool, ...format }, other) => {
        const first = own('victim', 'acme', didPool, format);
        const later = own('thief', 'globex', other.didPool, other);
        const call = (trunks: TrunkInput[], number = called as string) =>
          result(identification(trunks, places).made, invite(number), from('203.0.113.1', 7000));
        expect(call([first, later])).toBe('victim');
        expect(call([later, first])).toBe('thief');
        // Where the carrier says that it is E.164, it is whose that is.
        for (const trunks of [
          [first, later],
          [later, first],
        ])
          expect(call(trunks, `+${didPool}`)).toBe('victim');
        // A claim that is written comes before what a name resolves to.
        const claim = { associatedIps: ['203.0.113.1'] };
        expect(call([later, { ...first, ...claim }])).toBe('victim');
        expect(
          call([
            { ...later, ...claim },
            { ...first, ...claim },
          ]),
        ).toBe('thief');
        expect(
          call([
            { ...first, ...claim },
            { ...later, ...claim },
          ]),
        ).toBe('victim');
      },
    );

    test('nor one that a trunk of the system’s reads as its settings say', () => {
      const reading = { normalize: { calledNumber: { replacePrefix: [{ from: '7', to: '4930' }] } } };
      const pool = { tenants: [{ tenant: 'acme', didPool: '4930123456' }], inboundParameters: reading };
      const digits = own('thief', 'globex', '7123456', { associatedIps: ['203.0.113.1'] });
      const { made } = identification([digits, trunk('victim', pool)], places);
      expect(result(made, invite('7123456'), from('203.0.113.1', 7000))).toBe('victim');
    });

    test('and has its own calls, where the carrier’s numbers have to be made into its pool’s', () => {
      const maker = own('thief', 'globex', '914155550199', { inboundParameters: prefixed });
      const { made } = identification([own('victim', 'acme', '14155550101'), maker], places);
      expect(result(made, invite('14155550199'), from('203.0.113.1', 7000))).toBe('thief');
    });
  });

  test('each trunk reads the called number where its inbound parameters say', () => {
    const reading = (calledNumber: 'requestUri.user' | 'pCalledPartyId.user') => ({
      inboundParameters: { calledNumber },
    });
    const pool = (didPool: string) => ({ tenants: [{ tenant: 'acme', didPool }] });
    const read = identification(
      [
        trunk('to', { ...pool('100-199'), anotherAccount: true }),
        trunk('uri', { ...pool('200-299'), ...reading('requestUri.user'), anotherAccount: true }),
        trunk('party', { ...pool('300-399'), ...reading('pCalledPartyId.user') }),
      ],
      Object.fromEntries(['to', 'uri', 'party'].map((name) => [name, [at('203.0.113.1')]])),
    ).made;
    const flow = from('203.0.113.1', 7000);
    expect(result(read, invite('150', { uri: 'sip:999@192.0.2.1' }), flow)).toBe('to');
    expect(result(read, invite('999', { uri: 'sip:250@192.0.2.1' }), flow)).toBe('uri');
    expect(result(read, invite('999', { uri: 'tel:+250' }), flow)).toBe('uri');
    expect(result(read, invite('999', { extra: 'P-Called-Party-ID: <sip:350@x>\r\n' }), flow)).toBe('party');
    // In a field that the number's own trunk does not read it is nobody's.
    expect(result(read, invite('999', { uri: 'sip:150@192.0.2.1' }), flow)).toBe('to');
    expect(result(read, invite('350', { extra: 'P-Called-Party-ID: <<\r\n' }), flow)).toBe('to');
  });
});

test('a carrier that writes nationally, beside one that writes E.164', () => {
  const { made } = identification(
    [
      trunk('national', {
        numberFormat: 'national 49',
        tenants: [{ tenant: 'acme', didPool: '4930123450-4930123459' }],
      }),
      trunk('e164', { anotherAccount: true, tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }] }),
    ],
    { national: [at('203.0.113.1')], e164: [at('203.0.113.1')] },
  );
  const flow = from('203.0.113.1', 7000);
  expect(result(made, invite('030123455'), flow)).toBe('national');
  expect(result(made, invite('30123455'), flow)).toBe('national');
  expect(result(made, invite('+4930123455'), flow)).toBe('national');
  expect(result(made, invite('+14155550150'), flow)).toBe('e164');
});

describe('a source that speaks for several trunks', () => {
  const carrier = trunk('carrier', {
    associatedIps: ['127.0.0.8/30'],
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
  });
  const claim = (didPool: string, associatedIps = ['127.0.0.9']): TrunkInput =>
    trunk('claim', {
      type: 'accept-register',
      owner: 'globex',
      host: 'gateway.globex',
      credentials: { authName: 'g', password: 'p' },
      associatedIps,
      didPool,
    });
  const called = (trunks: readonly TrunkInput[], number: string) =>
    result(identification(trunks).made, invite(number), from('127.0.0.9', 7000));

  test.each([
    ['a longer prefix', '127.0.0.9'],
    ['the same', '127.0.0.8/30'],
    ['a shorter one', '127.0.0.0/24'],
  ])('a claim to the address by %s takes no number outside its own pool from the system’s trunk', (_, network) => {
    for (const trunks of [
      [carrier, claim('12', [network])],
      [claim('12', [network]), carrier],
    ]) {
      expect(called(trunks, '14155550101')).toBe('carrier');
      expect(called(trunks, '12')).toBe('claim');
    }
  });

  test('nobody’s number: whoever has the longest prefix refuses it', () => {
    expect(called([carrier, claim('12')], '999')).toBe('claim');
    expect(called([carrier, claim('12', ['127.0.0.0/24'])], '999')).toBe('carrier');
  });

  test('nor from another tenant’s', () => {
    const other = trunk('other', {
      type: 'accept-register',
      owner: 'acme',
      host: 'gateway.acme',
      credentials: { authName: 'a', password: 'p' },
      associatedIps: ['127.0.0.0/24'],
      didPool: '200',
    });
    expect(called([other, claim('12')], '200')).toBe('other');
    expect(called([other, claim('12')], '12')).toBe('claim');
  });

  test('a trunk that verifies the port holds nothing for another port', () => {
    const verifying = trunk('verifying', {
      host: '127.0.0.9',
      port: 5099,
      options: { verifyPort: true },
      tenants: [{ tenant: 'acme', didPool: '300' }],
    });
    const { made } = identification([verifying, claim('12')], { verifying: [at('127.0.0.9', 5099)] });
    expect(result(made, invite('300'), from('127.0.0.9', 5099))).toBe('verifying exactly');
    expect(result(made, invite('300'), from('127.0.0.9', 7000))).toBe('claim');
  });

  test('an address trunk and a registering one of one tenant with one pool: by port or token, else the address trunk', () => {
    const pool = '14155550100-14155550199';
    const trunks = [
      trunk('registers', {
        type: 'register',
        owner: 'acme',
        host: '203.0.113.1',
        port: 5070,
        credentials: { authName: 'a', password: 'p' },
        didPool: pool,
      }),
      trunk('address', { tenants: [{ tenant: 'acme', didPool: pool }] }),
    ];
    const resolved = { registers: [at('203.0.113.1', 5070)], address: [at('203.0.113.1', 5060)] };
    const { made, of } = identification(trunks, resolved);
    made.setToken(of('registers'), 'feed01');
    const call = (port: number, uri?: string) =>
      result(made, invite('14155550101', uri === undefined ? {} : { uri }), from('203.0.113.1', port));
    expect(call(5070)).toBe('registers exactly');
    expect(call(5060)).toBe('address exactly');
    expect(call(7000)).toBe('address');
    expect(call(7000, 'sip:feed01@192.0.2.1')).toBe('registers exactly');
  });

  test('what the DNS makes coincide hands no call over: the earlier owner keeps it', () => {
    const pool = '14155550101';
    const registers = (name: string, owner: string) =>
      trunk(name, {
        type: 'register',
        owner,
        host: `${name}.example`,
        credentials: { authName: name, password: 'p' },
        didPool: pool,
      });
    const trunks = [registers('late', 'globex'), registers('early', 'acme')];
    const { made, of } = identification(trunks, { late: [at('198.51.100.1')], early: [at('203.0.113.1')] });
    const call = () => result(made, invite(pool), from('203.0.113.1', 7000));
    expect(call()).toBe('early');
    made.setAddresses(of('late'), [at('203.0.113.1')]);
    expect(call()).toBe('early');
    made.setAddresses(of('early'), [at('203.0.113.1'), at('203.0.113.2')]);
    expect(call()).toBe('early');
    made.setAddresses(of('early'), [at('203.0.113.2')]);
    expect(call()).toBe('late');
  });

  test('the system’s trunk keeps it even from who had the address before', () => {
    const pool = '14155550101';
    const trunks = [
      claim(pool, ['203.0.113.9']),
      trunk('carrier', { host: 'sip.carrier.example', tenants: [{ tenant: 'acme', didPool: pool }] }),
    ];
    const { made, of } = identification(trunks, { carrier: [at('203.0.113.1')] });
    made.setAddresses(of('carrier'), [at('203.0.113.9')]);
    expect(result(made, invite(pool), from('203.0.113.9'))).toBe('carrier exactly');
  });

  test('a tenant’s 10,000 trunks on one address: the number finds its own', () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      trunk(`t${index}`, {
        id: String(index + 1),
        host: '203.0.113.1',
        anotherAccount: true,
        tenants: [{ tenant: 'acme', didPool: `${100_000 + index * 2}` }],
      }),
    );
    const directory = directoryOf(many);
    const made = new Identification(directory, calledNumbersOf, new Precedence(new VirtualScheduler()));
    for (const each of directory.trunks) made.setAddresses(each, [at('203.0.113.1')]);
    expect(result(made, invite('100000'), from('203.0.113.1', 7000))).toBe('t0');
    const flow = from('203.0.113.1', 7000);
    const requests = Array.from({ length: 2_000 }, (_, call) => invite(String(100_000 + call * 2)));
    const batchMs = Array.from({ length: 20 }, (_, batch) => {
      const startedMs = threadCpuMs();
      for (const request of requests.slice(batch * 100, batch * 100 + 100)) made.identify(request, flow);
      return threadCpuMs() - startedMs;
    });
    // 100 walks over 10,000 trunks take far longer.
    expect(Math.min(...batchMs)).toBeLessThan(8);
    expect(result(made, invite('119998'), from('203.0.113.1', 7000))).toBe('t9999');
  });

  test('a tenant’s many trunks whose names lead to a carrier, each with a reading of its own, hold no call of others there up', () => {
    const CARRIER = [at('203.0.113.1')];
    const many = Array.from({ length: 600 }, (_, index) =>
      trunk(`t${index}`, {
        type: 'register',
        owner: 'globex',
        host: `t${index}.globex.example`,
        credentials: { authName: `t${index}`, password: 'p' },
        didPool: `${600_000 + index}`,
        inboundParameters: { normalize: { calledNumber: { prepend: String(1000 + index) } } },
      }),
    );
    const carrier = trunk('carrier', { tenants: [{ tenant: 'acme', didPool: '4930' }] });
    const trunks = [carrier, ...many];
    const { made } = identification(trunks, Object.fromEntries(trunks.map(({ name }) => [name, CARRIER])));
    const callsOf = (number: string) => () => {
      for (let call = 0; call < 10; call++) result(made, invite(number), from('203.0.113.1', 7000));
    };
    expect(result(made, invite('4930'), from('203.0.113.1', 7000))).toBe('carrier');
    expect(leastCpuMs(30, callsOf('4930'))).toBeLessThan(30);
    expect(leastCpuMs(30, callsOf('4999'))).toBeLessThan(30);
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
    // As carriers write it again.
    for (const uri of [
      'sip:FEED01@192.0.2.1',
      'sip:%66eed01@192.0.2.1',
      'sip:feed01;npdi;rn=1@192.0.2.1',
      'sip:+4930@h;TDM=Feed01',
    ])
      expect(result(made, invite('1', { uri }), flow), uri).toBe('a exactly');
    expect(result(made, invite('1', { uri: 'sip:192.0.2.1' }), flow)).toBe('b exactly');
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
  test('a name that two owners claim gives nobody a number outside its own pool', () => {
    const tls = { peerNames: ['SBC.carrier.example'] };
    const shared = identification(
      [
        trunk('system', {
          host: 'a.example',
          transport: 'tls',
          options: { mutualTls: true },
          tls,
          tenants: [{ tenant: 'acme', didPool: '100-199' }],
        }),
        trunk('claim', {
          type: 'accept-register',
          owner: 'globex',
          host: 'gateway.globex',
          transport: 'tls',
          credentials: { authName: 'g', password: 'p' },
          options: { mutualTls: true },
          tls: { peerNames: ['sbc.carrier.example'] },
          didPool: '200-299',
        }),
        trunk('plain', { host: '198.18.0.1', tenants: [{ tenant: 'acme', didPool: '300-399' }] }),
      ],
      { plain: [at('198.18.0.1', 5061)] },
    ).made;
    const flow = certified(['sbc.carrier.example']);
    expect(result(shared, invite('150'), flow)).toBe('system exactly');
    expect(result(shared, invite('250'), flow)).toBe('claim exactly');
    // The address speaks as well as the name.
    expect(result(shared, invite('350'), flow)).toBe('plain exactly');
    expect(result(shared, invite('999'), flow)).toBe('system exactly');
  });

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
    expect(made.ofOneTrunk('198.18.7.7', '198.18.7.8')).toBe(made.isOf(id, '198.18.7.8'));
    expect(made.ofOneTrunk('198.18.7.7', '203.0.113.7')).toBe(false);
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
    expect(result(two, invite('999'), certified(['c.example']))).toBe('a exactly');
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
  expect(outcomes[0]).toEqual(['a', 'b', 'c', 'a']);
  expect(outcomes[1]).toEqual(outcomes[0]);
});

describe('teams trunks', () => {
  const teams = (name: string, owner: string, fqdn: string, didPool: string) =>
    trunk(name, { type: 'teams', owner, host: undefined, didPool, teams: { fqdn, certificate: 'c' } });
  const carrier = trunk('carrier', {
    associatedIps: ['52.112.0.0/16'],
    tenants: [{ tenant: 'one', didPool: '300-399' }],
  });
  const world = () =>
    identification([
      teams('a', 'one', 'sbc.one.example', '100-199'),
      teams('b', 'two', 'sbc.two.example', '200-299'),
      carrier,
    ]);
  const microsoft = from('52.112.3.4', 40_000, { transport: 'tls' });
  const called = (number: string, host: string) => invite(number, { uri: `sip:+${number}@${host};user=phone` });

  test('are known by the name in the Request-URI, in any case, over TLS and from where Teams is', () => {
    const { made } = world();
    expect(result(made, called('150', 'sbc.one.example'), microsoft)).toBe('a exactly');
    expect(result(made, called('250', 'SBC.two.example'), microsoft)).toBe('b exactly');
    expect(result(made, called('150', 'sbc.one.example'), from('52.120.3.4', 1, { transport: 'tls' }))).toBe(
      'a exactly',
    );
    expect(result(made, called('150', 'sbc.one.example'), from('203.0.113.99', 1, { transport: 'tls' }))).toBe(
      'unknown',
    );
    expect(result(made, called('150', 'sbc.one.example'), from('52.120.3.4'))).toBe('unknown');
    expect(result(made, called('150', '192.0.2.1'), from('52.120.3.4', 1, { transport: 'tls' }))).toBe('unknown');
  });

  test('a name brings nobody a number outside its own pool', () => {
    const { made } = world();
    // Of another tenant's Teams: refused as the one that was named.
    expect(result(made, called('250', 'sbc.one.example'), from('52.120.3.4', 1, { transport: 'tls' }))).toBe(
      'a exactly',
    );
    // Of a carrier that sends from there too, to a name that a tenant has taken for itself.
    expect(result(made, called('350', 'sbc.two.example'), microsoft)).toBe('carrier');
  });

  test("a name that is given up is nobody's, one that is taken is known", () => {
    const { made } = world();
    made.update(directoryOf([teams('a', 'one', 'new.one.example', '100-199')]));
    expect(result(made, called('150', 'sbc.one.example'), microsoft)).toBe('unknown');
    expect(result(made, called('150', 'new.one.example'), microsoft)).toBe('a exactly');
  });
});
