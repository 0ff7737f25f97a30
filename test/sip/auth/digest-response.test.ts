import { expect, test } from 'vitest';
import { type DigestAlgorithm, ha1 } from '../../../src/sip/auth/algorithms.ts';
import { digestResponse } from '../../../src/sip/auth/digest-response.ts';

const RFC7616 = {
  method: 'GET',
  uri: '/dir/index.html',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  nc: '00000001',
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  qop: 'auth' as const,
  body: '',
};

test('RFC 2617 §3.5: the example response', () => {
  const key = ha1('MD5', 'Mufasa', 'testrealm@host.com', 'Circle Of Life');
  const response = digestResponse(key, {
    algorithm: 'MD5',
    method: 'GET',
    uri: '/dir/index.html',
    nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
    nc: '00000001',
    cnonce: '0a4f113b',
    qop: 'auth',
    body: '',
  });
  expect(response).toBe('6629fae49393a05397450978507c4ef1');
});

test.each<[DigestAlgorithm, string]>([
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
])('RFC 7616 §3.9.1: the example response with %s', (algorithm, expected) => {
  const key = ha1(algorithm, 'Mufasa', 'http-auth@example.org', 'Circle of Life');
  expect(digestResponse(key, { ...RFC7616, algorithm })).toBe(expected);
});

// The response printed in the RFC (ae66e67d…) is made with a SHA-512 cut to 256 bits, which is another function than SHA-512/256.
test('RFC 7616 §3.9.2: the example with the algorithm that its text names, SHA-512/256', () => {
  const key = ha1('SHA-512-256', 'Jäsøn Doe', 'api@example.org', 'Secret, or not?');
  const response = digestResponse(key, {
    algorithm: 'SHA-512-256',
    method: 'GET',
    uri: '/doe.json',
    nonce: '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK',
    nc: '00000001',
    cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v',
    qop: 'auth',
    body: '',
  });
  expect(response).toBe('3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5');
});

test('RFC 3261 §22.4: without qop the response is that of RFC 2069', () => {
  const key = ha1('MD5', 'bob', 'biloxi.com', 'zanzibar');
  const input = {
    method: 'INVITE',
    uri: 'sip:bob@biloxi.com',
    nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
    nc: '00000001',
    cnonce: '0a4f113b',
    body: 'v=0',
    algorithm: 'MD5' as const,
  };
  expect(digestResponse(key, { ...input, qop: undefined })).toBe('bf57e4e0d0bffc0fbaedce64d59add5e');
  expect(digestResponse(key, { ...input, qop: 'auth' })).toBe('89eb0059246c02b2f6ee02c7961d5ea3');
});

test('RFC 7616 §3.4.3: with auth-int a changed body changes the response', () => {
  const key = ha1('SHA-256', 'bob', 'biloxi.com', 'zanzibar');
  const input = { ...RFC7616, algorithm: 'SHA-256' as const, qop: 'auth-int' as const };
  expect(digestResponse(key, { ...input, body: 'v=0' })).not.toBe(digestResponse(key, { ...input, body: 'v=1' }));
});
