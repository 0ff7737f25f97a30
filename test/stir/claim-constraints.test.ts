import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { claimConstraintsOf, constraintBroken } from '../../src/stir/claim-constraints.ts';
import { extensionsOf } from '../../src/stir/x509-extensions.ts';
import { stirWorld } from '../kit/stir/authority.ts';

/** RFC 9118 §5, figure 1. */
const FIGURE_1 = `-----BEGIN CERTIFICATE-----
MIICpzCCAk2gAwIBAgIUH7Zd3rQ5AsvOlzLnzUHhrVhDSlswCgYIKoZIzj0EAwIw
KTELMAkGA1UEBhMCVVMxGjAYBgNVBAMMEUJPR1VTIFNIQUtFTiBST09UMB4XDTIx
MDcxNTIxNTIxNVoXDTIyMDcxNTIxNTIxNVowbDELMAkGA1UEBhMCVVMxCzAJBgNV
BAgMAlZBMRAwDgYDVQQHDAdIZXJuZG9uMR4wHAYDVQQKDBVCb2d1cyBFeGFtcGxl
IFRlbGVjb20xDTALBgNVBAsMBFZvSVAxDzANBgNVBAMMBlNIQUtFTjBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNR6C6nBWRA/fXTglV03aXkXy8hx9oBttVLhsTZ1
IYVRBao4OZhVf/Xv1a3xLsZ6KfdhuylSeAKuCoSbVGojYDGjggEOMIIBCjAMBgNV
HRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQUDlG3dxHyzKL/FZfS
PI7rpuueRbswHwYDVR0jBBgwFoAUlToKtrQeFrwwyXpMj1qu3TQEeoEwQgYJYIZI
AYb4QgENBDUWM1RoaXMgY2VydGlmaWNhdGUgY2Fubm90IGJlIHRydXN0ZWQgZm9y
IGFueSBwdXJwb3NlLjAWBggrBgEFBQcBGgQKMAigBhYEMTIzNDBOBggrBgEFBQcB
IQRCMECgDjAMFgpjb25maWRlbmNloSAwHjAcFgpjb25maWRlbmNlMA4MBGhpZ2gM
Bm1lZGl1baIMMAoWCHByaW9yaXR5MAoGCCqGSM49BAMCA0gAMEUCIQCbNR4QK1um
+0vq2CE1B1/W3avYeREsPi/7RKHffL+5eQIgarHot+X9Rl7SOyNBq5X5JyEMx0SQ
hRLkCY3Zoz2OCNQ=
-----END CERTIFICATE-----`;

const constraints = claimConstraintsOf(extensionsOf(new X509Certificate(FIGURE_1)));
const baseline = { iat: 1, orig: { tn: '1' }, dest: { tn: ['2'] } };

test('RFC 9118 §5: the extension of figure 1 is read as figure 2 has it', () => {
  expect(constraints).toEqual({
    mustInclude: ['confidence'],
    permittedValues: [{ claim: 'confidence', values: ['high', 'medium'] }],
    mustExclude: ['priority'],
  });
});

describe('RFC 9118 §4', () => {
  test.each<[object, string | undefined]>([
    [{ confidence: 'high' }, undefined],
    [{ confidence: 'medium' }, undefined],
    [{}, 'asks for the claim confidence'],
    [{ confidence: 'low' }, 'does not allow this value of the claim confidence'],
    [{ confidence: 'high', priority: 1 }, 'does not allow the claim priority'],
  ])('%j', (claims, fault) => {
    const broken = constraintBroken(constraints, { ...baseline, ...claims } as never);
    if (fault === undefined) expect(broken).toBeUndefined();
    else expect(broken).toContain(fault);
  });
});

test('a certificate without the extension allows everything; names of Object are no claims', () => {
  const plain = stirWorld().leaf([{ one: '911' }]);
  expect(claimConstraintsOf(extensionsOf(new X509Certificate(plain.pem)))).toBeUndefined();
  expect(constraintBroken(undefined, {})).toBeUndefined();
  const asks = { mustInclude: ['constructor'], permittedValues: [], mustExclude: [] };
  expect(constraintBroken(asks, {})).toContain('asks for the claim constructor');
  expect(constraintBroken({ ...asks, mustInclude: [], mustExclude: ['toString'] }, {})).toBeUndefined();
});
