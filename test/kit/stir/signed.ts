import type { ProvisioningInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { HeaderId, type SipRequest } from '../../../src/sip/message/index.ts';
import { verifyEs256 } from '../../../src/stir/jws.ts';
import { type StirCertificate, type StirWorld, stirWorld, type TnEntry } from './authority.ts';

export type CertificateInput = NonNullable<ProvisioningInput['certificates']>[number];

/** Long enough for every clock of the tests. */
export const LONG = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2040-01-01T00:00:00Z') };
export const ANY_NUMBER: readonly TnEntry[] = [{ spc: '1234' }];

let shared: StirWorld | undefined;

/** One authority for all certificates of a test file. */
export function sharedAuthority(): StirWorld {
  shared ??= stirWorld();
  return shared;
}

/** A certificate as provisioning has it. */
export function signer(
  name: string,
  more: Partial<CertificateInput> = {},
  leaf: StirCertificate = sharedAuthority().leaf(ANY_NUMBER, LONG),
): CertificateInput & { readonly leaf: StirCertificate } {
  const written: CertificateInput = {
    name,
    use: 'stir',
    chain: leaf.chainPem,
    key: leaf.keyPem,
    x5u: `https://certs.example.com/${name}.pem`,
    ...more,
  };
  return Object.defineProperty(written, 'leaf', { value: leaf, enumerable: false }) as never;
}

/** An Identity field, its token taken apart; nothing is verified. */
export interface ShownToken {
  readonly value: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Parameters behind the token. */
  readonly parameters: string;
  verifies(by: StirCertificate): boolean;
}

export function tokensOf(request: SipRequest): ShownToken[] {
  return request.headers.fieldValues(HeaderId.Identity).map(tokenOf);
}

export function tokenOf(value: string): ShownToken {
  const [token = '', ...parameters] = value.split(';');
  const [header = '', claims = '', signature = ''] = token.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  return {
    value,
    header: read(header),
    claims: read(claims),
    parameters: parameters.join(';'),
    verifies: (by) => verifyEs256(`${header}.${claims}`, signature, by.publicKey),
  };
}
