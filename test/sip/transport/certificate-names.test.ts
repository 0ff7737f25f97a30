import { describe, expect, test } from 'vitest';
import { certificateMatches, certificateNames } from '../../../src/sip/transport/certificate-names.ts';

const subject = (CN?: string) => ({ subject: CN === undefined ? {} : { CN } }) as never;

function certificate(subjectaltname: string | undefined, commonName?: string) {
  return {
    ...(subject(commonName) as object),
    ...(subjectaltname === undefined ? {} : { subjectaltname }),
  } as Parameters<typeof certificateNames>[0];
}

describe('§7.1: identities in a certificate', () => {
  test.each([
    ['a sip: URI', 'URI:sip:example.com', ['example.com']],
    ['its scheme in any case, host in lower case', 'URI:SIP:Example.COM', ['example.com']],
    ['port and parameters left out', 'URI:sip:example.com:5061;transport=tls', ['example.com']],
    ['an IPv6 host', 'URI:sip:[2001:DB8::1]:5061', ['2001:db8::1']],
    ['a sip: URI with a user part names a user, no domain', 'URI:sip:alice@example.com', []],
    ['other schemes do not count', 'URI:sips:example.com, URI:https://example.com', []],
    [
      'DNS names when no sip: URI is there',
      'DNS:A.example.com, DNS:b.example.com.',
      ['a.example.com', 'b.example.com'],
    ],
    ['DNS names beside a URI that does not count', 'URI:https://x.example.com, DNS:a.example.com', ['a.example.com']],
    ['no DNS name beside a sip: URI', 'URI:sip:example.com, DNS:a.example.com', ['example.com']],
    [
      'an entry in quotes is one entry',
      'DNS:"evil.example.net, DNS:good.example.com"',
      ['evil.example.net, dns:good.example.com'],
    ],
    ['a broken quote counts for nothing', 'DNS:"x, DNS:good.example.com', []],
    ['an empty host', 'URI:sip:', []],
  ])('%s', (_name, subjectaltname, domains) => {
    expect(certificateNames(certificate(subjectaltname)).domains).toEqual(domains);
  });

  test('the CN counts only when there is no subjectAltName at all', () => {
    expect(certificateNames(certificate(undefined, 'Example.com')).domains).toEqual(['example.com']);
    expect(certificateNames(certificate('IP Address:192.0.2.1', 'example.com')).domains).toEqual([]);
    expect(certificateNames(certificate(undefined, 'Alice Example')).domains).toEqual([]);
    expect(certificateNames(certificate(undefined)).domains).toEqual([]);
  });
});

describe('§7.2: comparison', () => {
  test.each([
    ['whole names match', 'DNS:sip.example.com', 'sip.example.com', true],
    ['case does not matter', 'DNS:SIP.example.com', 'sip.EXAMPLE.com', true],
    ['a root dot does not matter', 'DNS:sip.example.com', 'sip.example.com.', true],
    ['suffixes do not match', 'DNS:example.com', 'foo.example.com', false],
    ['wildcards match nothing', 'DNS:*.example.com', 'foo.example.com', false],
    ['a leading dot matches nothing', 'DNS:.example.com', 'foo.example.com', false],
    ['IP literals match addresses', 'IP Address:192.0.2.1', '192.0.2.1', true],
    ['IPv6 in any spelling', 'IP Address:2001:DB8:0:0:0:0:0:1', '2001:db8::1', true],
    ['a DNS name that spells an address is no address', 'DNS:192.0.2.2', '192.0.2.1', false],
  ])('%s', (_name, subjectaltname, name, matches) => {
    expect(certificateMatches(certificate(subjectaltname), name, false)).toBe(matches);
  });

  test.each([
    ['one label', '*.example.com', 'foo.example.com', true],
    ['not two labels', '*.example.com', 'a.b.example.com', false],
    ['not the domain itself', '*.example.com', 'example.com', false],
    ['not all of a top-level domain', '*.com', 'example.com', false],
    ['not a part of a label', 'f*.example.com', 'foo.example.com', false],
  ])('where a target allows wildcards: %s', (_name, pattern, name, matches) => {
    expect(certificateMatches(certificate(`DNS:${pattern}`), name, true)).toBe(matches);
  });
});
