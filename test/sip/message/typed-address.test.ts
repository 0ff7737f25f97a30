import { expect, test } from 'vitest';
import { formatNameAddr, readTypedAddress } from '../../../src/sip/message/index.ts';

test.each([
  ['102', '<tel:102>'],
  ['102@acme.example.com', '<sip:102@acme.example.com>'],
  ['<sip:102>', '<tel:102>'],
  ['<sip:102@>;q=0.5', '<tel:102>;q=0.5'],
  ['"Bob" <102@acme.example.com>', '"Bob" <sip:102@acme.example.com>'],
  ['sip:*72;user=phone', '<tel:*72>;user=phone'],
  ['91-(900)-555-1234', '<tel:91-(900)-555-1234>'],
  ['+44-20@acme.example.com', '<sip:+44-20@acme.example.com>'],
  ['<sip:102@acme.example.com>', '<sip:102@acme.example.com>'],
  ['<sip:192.0.2.1>', '<sip:192.0.2.1>'],
  // What only a SIP URI can ask is not lost with it.
  ['<sip:102?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>', '<sip:102?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>'],
  ['<sip:102;transport=tcp?Subject=x>', '<sip:102;transport=tcp?Subject=x>'],
  ['<sip:102;method=BYE>', '<sip:102;method=BYE>'],
  ['<sip:acme.example.com>', '<sip:acme.example.com>'],
  ['<mailto:a@b>', '<mailto:a@b>'],
])('%s is read as %s', (text, read) => {
  const address = readTypedAddress(text);
  expect(address === undefined ? undefined : formatNameAddr(address)).toBe(read);
});

test.each(['', 'x y z', '<>', '<103 104>', '<103.104>', '<103-a>', '((', '<sip:[>'])('%j is no address', (text) => {
  expect(readTypedAddress(text)).toBeUndefined();
});
