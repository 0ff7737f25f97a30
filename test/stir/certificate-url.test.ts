import { expect, test } from 'vitest';
import { certificateUrl } from '../../src/stir/certificate-url.ts';

test.each([
  'https://cert.example.org/passport.cer',
  'https://cert.example.org:443/a/b.pem',
  'https://cert.example.org:8443/',
  'https://192.0.2.1/a.pem',
  'https://[2001:db8::1]/a.pem',
])('fetched from: %s', (text) => {
  expect(certificateUrl(text)).toBeInstanceOf(URL);
});

test.each([
  ['http://cert.example.org/a.pem', 'not with https:'],
  ['file:///etc/passwd', 'not with https:'],
  ['ftp://cert.example.org/a.pem', 'not with https:'],
  ['cid:a@example.org', 'not with https:'],
  ['https://user:secret@cert.example.org/a.pem', 'userinfo'],
  ['https://@cert.example.org/a.pem', 'userinfo'],
  ['https://cert.example.org@evil.example/a.pem', 'userinfo'],
  ['https://cert.example.org/a.pem?x=1', 'query'],
  ['https://cert.example.org/a.pem?', 'query'],
  ['https://cert.example.org/a.pem#x', 'fragment'],
  ['https://cert.example.org/a.pem#', 'fragment'],
  ['https://cert.example.org:80/a.pem', 'port 80'],
  ['https://cert.example.org:8080/a.pem', 'port 8080'],
  ['https://cert.example.org:22/a.pem', 'port 22'],
  ['https://cert.example.org\\@evil.example/a.pem', 'characters'],
  ['https://cert.exa mple.org/a.pem', 'characters'],
  ['https://cert.example.org/a.pem\r\nX: y', 'characters'],
  ['https://bücher.example/a.pem', 'characters'],
  ['cert.example.org/a.pem', 'no URL'],
  ['https://', 'no URL'],
  [`https://cert.example.org/${'a'.repeat(3000)}`, 'more than 2048'],
])('not fetched from: %s', (text, why) => {
  expect(certificateUrl(text)).toContain(why);
});

// WHATWG URL reads these as addresses; the egress guard judges what they are.
test.each([
  ['https://2130706433/a', '127.0.0.1'],
  ['https://0x7f.1/a', '127.0.0.1'],
  ['https://0251.0376.0251.0376/a', '169.254.169.254'],
])('an address in another spelling is the address: %s', (text, host) => {
  expect((certificateUrl(text) as URL).hostname).toBe(host);
});
