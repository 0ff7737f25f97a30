import { expect, test } from 'vitest';
import { Acquaintances, type AcquaintancesOptions } from '../../src/engine/acquaintances.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { AddressIndex } from '../../src/trunks/address-index.ts';

const REQUEST = parseMessage('OPTIONS sip:a@b.test SIP/2.0\r\n\r\n') as SipRequest;

function world(
  parts: Partial<Record<'trunk' | 'registered' | 'trusted' | 'front' | 'peer' | 'phone', string>>,
  unnamed = false,
) {
  const senderOf = (_request: SipRequest, flow: Flow) => ({ ...flow, unnamed });
  const is = (name: keyof typeof parts) => (address: string) => parts[name] === address;
  const claimed = <T>(name: keyof typeof parts, entry: T) => {
    const index = new AddressIndex<T>();
    index.set(entry, [parts[name] ?? '']);
    return (address: string) => index.covering(address);
  };
  const options = {
    identification: { networksAround: claimed('trunk', { trunk: { owner: 'acme' } }) },
    signedIn: { has: is('registered') },
    trusted: { index: { covering: claimed('trusted', { tenant: { name: 'globex' } }) } },
    front: { has: is('front'), senderOf },
    peers: { isPeerAddress: is('peer') },
    registrations: { isPhoneOf: (_request: SipRequest, address: string) => parts.phone === address },
  };
  return new Acquaintances(options as unknown as AcquaintancesOptions);
}

const from = (remoteAddress: string) => ({ remoteAddress }) as Flow;

test('trunks, phones, trusted addresses, proxies in front and other nodes are known, others are not', () => {
  for (const kind of ['trunk', 'registered', 'trusted', 'front', 'peer'] as const) {
    const known = world({ [kind]: '192.0.2.1' });
    expect([known.knows('192.0.2.1'), known.knows('192.0.2.2')], kind).toEqual([true, false]);
    expect(known.knowsSender(REQUEST, from('192.0.2.1')), kind).toBe(true);
  }
});

test('the sender of a request is also known as a phone that another node has', () => {
  const known = world({ phone: '192.0.2.1' });
  expect(known.knows('192.0.2.1')).toBe(false);
  expect(known.knowsSender(REQUEST, from('192.0.2.1'))).toBe(true);
  expect(known.knowsSender(REQUEST, from('192.0.2.2'))).toBe(false);
});

test('what comes from a proxy in front that names no sender comes from nobody that is known', () => {
  expect(world({ front: '192.0.2.1' }, true).knowsSender(REQUEST, from('192.0.2.1'))).toBe(false);
});

test('an address is of the tenant that claims it for a trunk or trusts it, until somebody has proved to be there', () => {
  expect(world({ trunk: '192.0.2.1' }).sourceOf('192.0.2.1')).toBe('of acme|192.0.2.1');
  expect(world({ trunk: '192.0.2.0/24', trusted: '192.0.2.1' }).sourceOf('192.0.2.1')).toBe('of acme globex|192.0.2.1');
  for (const kind of ['registered', 'front', 'peer'] as const)
    expect(world({ trunk: '192.0.2.0/24', [kind]: '192.0.2.1' }).sourceOf('192.0.2.1'), kind).toBe('192.0.2.1');
  expect(world({}).sourceOf('192.0.2.1')).toBeUndefined();
  expect(world({ trunk: '192.0.2.0/24' }).senderOf(REQUEST, from('192.0.2.7'))).toBe('of acme|192.0.2.7');
  expect(world({}).senderOf(REQUEST, from('192.0.2.7'))).toBe('192.0.2.7');
});
