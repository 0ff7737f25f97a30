import { describe, expect, test } from 'vitest';
import { richCallDataSchema } from '../../../src/provisioning/tenants/rich-call-data.ts';

const icon = 'https://img.acme.example/logo-256x256.png';
const iconDigest = `sha256-${Buffer.alloc(32, 7).toString('base64')}`;

test.each<[string, object]>([
  ['a name', { name: 'Acme' }],
  ['an icon and its digest', { icon, iconDigest }],
  ['both, the digest without padding', { name: 'Acme', icon, iconDigest: iconDigest.replace('=', '') }],
  [
    'on port 8443, by SHA-512',
    { icon: 'https://img.example:8443/a', iconDigest: `sha512-${Buffer.alloc(64).toString('base64')}` },
  ],
  ['by SHA-384', { icon, iconDigest: `sha384-${Buffer.alloc(48).toString('base64')}` }],
])('taken: %s', (_name, written) => {
  expect(richCallDataSchema.safeParse(written).success).toBe(true);
});

describe('refused, for it has no effect or nobody would take it', () => {
  test.each<[string, object, string]>([
    ['nothing', {}, 'nothing to sign'],
    ['an icon without digest', { icon }, 'or neither'],
    ['a digest without icon', { name: 'Acme', iconDigest }, 'or neither'],
    ['an empty name', { name: '' }, ''],
    ['a line break in the name', { name: 'A\nB' }, ''],
    ['http', { icon: 'http://img.example/a', iconDigest }, 'https'],
    ['another port', { icon: 'https://img.example:444/a', iconDigest }, 'https'],
    ['userinfo', { icon: 'https://a@img.example/a', iconDigest }, 'https'],
    ['a query', { icon: `${icon}?a`, iconDigest }, 'https'],
    ['what ends a header field', { icon: `${icon}>`, iconDigest }, 'https'],
    ['a digest that is too short', { icon, iconDigest: 'sha256-AAAA' }, 'base64'],
    ['md5', { icon, iconDigest: 'md5-AAAA' }, 'base64'],
    ['a member that nobody knows', { name: 'Acme', jcard: 'x' }, ''],
  ])('%s', (_name, written, reason) => {
    const read = richCallDataSchema.safeParse(written);
    expect(read.success).toBe(false);
    expect(JSON.stringify(read.error?.issues)).toContain(reason);
  });
});
