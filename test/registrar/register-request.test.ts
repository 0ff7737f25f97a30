import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRequired, isRefusal, readRegister, supports } from '../../src/registrar/register-request.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { anyCharacter } from '../kit/any-character.ts';
import { register } from './kit.ts';

/** The first contact as it was read, or the status owed. */
function contactOf(contact: string, headers: readonly string[] = []) {
  const ask = readRegister(register({ contacts: [contact], headers }));
  return isRefusal(ask) ? ask.status : ask.contacts[0];
}

describe('Contact', () => {
  test.each([
    [
      '<sip:bob@192.0.2.4>',
      { uriText: 'sip:bob@192.0.2.4', params: '', qThousandths: 1000, expiresSeconds: undefined },
    ],
    [
      'sip:bob@192.0.2.4;expires=60;q=0.25',
      { uriText: 'sip:bob@192.0.2.4', params: ';q=0.25', qThousandths: 250, expiresSeconds: 60 },
    ],
    ['"Bob" <sip:bob@192.0.2.4;x=1>;methods="INVITE,BYE"', { params: ';methods="INVITE,BYE"' }],
    ['<sip:bob@192.0.2.4>;+sip.instance="<urn:x>";reg-id=1', { instance: '<urn:x>', regId: undefined }],
    ['<sip:bob@192.0.2.4>;q=0', { qThousandths: 0 }],
    ['<sip:bob@192.0.2.4>;q=1.000', { qThousandths: 1000 }],
  ])('§20.10: %s', (contact, expected) => {
    expect(contactOf(contact)).toMatchObject(expected);
  });

  test.each(['1.001', '2', '-1', '0.1234', '0.1.2', '.5', 'high', '""'])(
    'a preference that cannot be read is none: q=%s',
    (q) => {
      expect(contactOf(`<sip:bob@192.0.2.4>;q=${q}`)).toMatchObject({ qThousandths: 1000 });
    },
  );

  test.each(['0', '2147483648', 'x'])('RFC 5626 §4.2: reg-id=%s counts as none', (regId) => {
    const contact = contactOf(`<sip:bob@192.0.2.4>;+sip.instance="<urn:x>";reg-id=${regId}`, ['Supported: outbound']);
    expect(contact).toMatchObject({ regId: undefined });
  });

  test.each([
    ['"Bob" <mailto:bob@example.com>;q=0.1, <sip:bob@192.0.2.4>', ['sip:bob@192.0.2.4']],
    ['<sip:bob@192.0.2.4>, <tel:+14155550100>', ['sip:bob@192.0.2.4']],
  ])('§10.2.1: %s: what is for people is left aside', (contact, uris) => {
    const ask = readRegister(register({ contacts: [contact] }));
    expect(isRefusal(ask) ? ask.status : ask.contacts.map(({ uriText }) => uriText)).toEqual(uris);
  });

  test.each([
    '<sip:bob@2001:db8::g>, <sip:bob@192.0.2.4>',
    '<sip:bob@192.0.2.4>, <sip:bob@>',
    '<sip:bob@192.0.2.4>, <bob b@192.0.2.5>, <tel:+14155550100>',
  ])('%s: what cannot be read costs the others nothing', (contact) => {
    const ask = readRegister(register({ contacts: [contact] }));
    expect(isRefusal(ask) ? ask.status : ask.contacts.map(({ uriText }) => uriText)).toEqual(['sip:bob@192.0.2.4']);
  });

  test.each(['<sip:bob@>', '<sip:bob@>, <tel:+14155550100>'])('%s: none that can be read is 400', (contact) => {
    expect(contactOf(contact)).toBe(400);
  });

  test.each([
    ['<sip:bob@2001:db8::4>', 'sip:bob@[2001:db8::4]'],
    ['<sip:bob@2001:db8::4>, <sip:bob@192.0.2.4>', 'sip:bob@[2001:db8::4]'],
    ['<bob@192.0.2.4:5062>', 'sip:bob@192.0.2.4:5062'],
    ['Sip : bob@192.0.2.4', 'sip:bob@192.0.2.4'],
    ['"Bob <sip:bob@192.0.2.4>', 'sip:bob@192.0.2.4'],
  ])('%s is read as it is meant: %s', (contact, uri) => {
    const ask = readRegister(register({ contacts: [contact] }));
    expect(isRefusal(ask) ? ask.status : ask.contacts[0]?.uriText).toBe(uri);
  });

  test('nothing but another scheme is 400', () => {
    expect(contactOf('<tel:+14155550100>')).toBe(400);
  });

  test('an instance of 300 octets is 400', () => {
    expect(contactOf(`<sip:bob@192.0.2.4>;+sip.instance="<urn:${'x'.repeat(300)}>"`)).toBe(400);
  });
});

describe('limits', () => {
  test.each([
    ['33 contacts', { contacts: Array.from({ length: 33 }, (_, index) => `<sip:b@192.0.2.${index}>`) }, 403],
    [
      '11 Path values',
      { headers: [`Path: ${Array.from({ length: 11 }, () => '<sip:p.example.com;lr>').join(', ')}`] },
      400,
    ],
    ['a Path that is no SIP URI', { headers: ['Path: <tel:+1234>'] }, 400],
    ['a Path that is none', { headers: ['Path: <<<'] }, 400],
  ])('%s', (_name, fields, status) => {
    expect(readRegister(register(fields))).toMatchObject({ status });
  });

  test('§8.1.1.4: of a Call-ID of 300 octets as much is kept as tells it from others', () => {
    const kept = ['a', 'b', 'a'].map((end) => {
      const ask = readRegister(register({ callId: 'x'.repeat(300) + end }));
      return isRefusal(ask) ? '' : ask.callId;
    });
    expect(kept[0]).toHaveLength(64);
    expect([kept[0] === kept[1], kept[0] === kept[2]]).toEqual([false, true]);
  });

  test('a User-Agent is cut to 128 octets', () => {
    const ask = readRegister(register({ headers: [`User-Agent: ${'x'.repeat(500)}`] }));
    expect(isRefusal(ask) ? '' : ask.userAgent).toHaveLength(128);
  });
});

test('RFC 3327: a Path without its angle brackets has its parameters in the URI', () => {
  const headers = ['Path: sip:edge.example.com;lr;ob', 'Supported: path, outbound'];
  const ask = readRegister(register({ headers }));
  expect(isRefusal(ask) ? ask.status : ask.pathUri?.params.has('ob')).toBe(true);
});

test('§10.2.3: without Contact the bindings are asked for', () => {
  expect(readRegister(register({ contacts: [] }))).toMatchObject({ kind: 'query' });
  expect(readRegister(register({ contacts: ['*'], expires: 0 }))).toMatchObject({ kind: 'clear' });
});

test('§8.2.2.3: every extension that is not known is named in Unsupported', () => {
  expect(checkRequired(register({ headers: ['Require: path', 'Require: OUTBOUND'] }))).toBeUndefined();
  const refusal = checkRequired(register({ headers: ['Require: gruu, path', 'Require: pref'] }));
  expect(refusal).toMatchObject({ status: 420, headers: [[HeaderId.Unsupported, 'gruu, pref']] });
});

test('option tags compare case-insensitively, in Supported and in Require', () => {
  expect(supports(register({ headers: ['Supported: timer, Path'] }), 'path')).toBe(true);
  expect(supports(register({ headers: ['Require: path'] }), 'path')).toBe(true);
  expect(supports(register({ headers: ['Supported: pathological'] }), 'path')).toBe(false);
});

test('any octets in Contact, Path and Expires are read or refused, never thrown at', () => {
  const octets = fc.string({ unit: anyCharacter, maxLength: 80 }).map((text) => text.replaceAll(/[\r\n\0]/g, ' '));
  fc.assert(
    fc.property(octets, octets, octets, (contact, path, expires) => {
      readRegister(register({ contacts: [`<sip:b@192.0.2.4>${contact}`], headers: [`Path: ${path}`], expires }));
    }),
    { numRuns: 1000 },
  );
});
