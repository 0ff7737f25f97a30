import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isReadable, parseIdentity } from '../../src/stir/identity.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const TOKEN = 'eyJh.eyJk.c2ln';
const INFO = 'https://cert.example.org/passport.cer';

test.each([
  ['as RFC 8224 §4 has it', `${TOKEN};info=<${INFO}>;alg=ES256;ppt=shaken`],
  ['parameters in another order', `${TOKEN};ppt=shaken;alg=ES256;info=<${INFO}>`],
  ['white space around all of it', `  ${TOKEN} ; info = < ${INFO} > ;\talg = ES256 ; ppt = shaken  `],
  ['quotes, as older software writes them', `${TOKEN};info="${INFO}";alg="ES256";ppt="shaken"`],
  ['a URI without its angle brackets', `${TOKEN};info=${INFO};alg=ES256;ppt=shaken`],
  ['names in capitals', `${TOKEN};INFO=<${INFO}>;Alg=ES256;PPT=shaken`],
  ['parameters that nobody knows', `${TOKEN};x=1;info=<${INFO}>;y;alg=ES256;ppt=shaken;`],
])('RFC 8224 §4: %s', (_name, field) => {
  expect(parseIdentity(field)).toMatchObject([
    { header: 'eyJh', claims: 'eyJk', signature: 'c2ln', isCompact: false, info: INFO, alg: 'ES256', ppt: 'shaken' },
  ]);
});

test('RFC 8225 §7: compact form has the signature alone', () => {
  expect(parseIdentity(`..c2ln;info=<${INFO}>`)).toMatchObject([
    { header: '', claims: '', signature: 'c2ln', isCompact: true, alg: undefined, ppt: undefined },
  ]);
});

test('RFC 3261 §7.3.1: several values in one field; a comma inside a URI is the URI’s', () => {
  const values = parseIdentity(`${TOKEN};info=<https://a.example/x,y.pem>, ${TOKEN};info=<${INFO}>;ppt=div`);
  expect(values.filter(isReadable).map(({ info, ppt }) => [info, ppt])).toEqual([
    ['https://a.example/x,y.pem', undefined],
    [INFO, 'div'],
  ]);
});

test.each([
  ['two parts', `eyJh.eyJk;info=<${INFO}>`, 'three parts'],
  ['four parts', `a.b.c.d;info=<${INFO}>`, 'three parts'],
  ['a header without claims', `eyJh..c2ln;info=<${INFO}>`, 'without header or claims'],
  ['claims without a header', `.eyJk.c2ln;info=<${INFO}>`, 'without header or claims'],
  ['no signature', `eyJh.eyJk.;info=<${INFO}>`, 'not base64url'],
  ['padding', `eyJh.eyJk.c2ln=;info=<${INFO}>`, 'not base64url'],
  ['the other base64', `eyJh.eyJk.c2l/;info=<${INFO}>`, 'not base64url'],
  ['white space inside the token', `eyJh. eyJk.c2ln;info=<${INFO}>`, 'not base64url'],
  ['no info', `${TOKEN};alg=ES256`, 'no info'],
  ['info twice', `${TOKEN};info=<${INFO}>;info=<https://other.example/>`, 'info parameter twice'],
  ['ppt twice', `${TOKEN};info=<${INFO}>;ppt=shaken;ppt=div`, 'ppt parameter twice'],
  ['an open bracket', `${TOKEN};info=<${INFO}`, 'open quote or bracket'],
  ['a URI without end', `${TOKEN};info=<https://a.example/${'x'.repeat(3000)}>`, 'more than 2048'],
  ['a token of 64 KB', `${'a'.repeat(65_000)}.b.c;info=<${INFO}>`, 'longer than'],
  ['a hundred parameters', `${TOKEN}${';a=b'.repeat(100)};info=<${INFO}>`, 'more than 16 parameters'],
])('refused, and says why: %s', (_name, field, fault) => {
  const [value] = parseIdentity(field);
  expect(value).toMatchObject({ fault: expect.stringContaining(fault) });
});

test('any octets are a value or a fault, in time that grows with their number', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (field) => {
      for (const value of parseIdentity(field)) expect(isReadable(value) || value.fault !== '').toBe(true);
    }),
  );
  expect(leastCpuMs(500, () => parseIdentity(`${TOKEN};info=${'<">,;'.repeat(3000)}`))).toBeLessThan(500);
});
