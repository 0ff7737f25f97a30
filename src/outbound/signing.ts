/**
 * What is signed of a call: decided with the rest of the draft, purely; the tokens are made when the INVITE is sent, for they hold the
 * time. A request that is sent again (challenge, redirection, another target) is signed anew.
 */
import type { KeyObject } from 'node:crypto';
import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import { type Attestation, type DivClaims, type RcdClaims, type ShakenClaims, signPassport } from '../stir/index.ts';
import type { SigningCertificate } from '../trunks/certificates.ts';

type WithoutTime<Claims> = Omit<Claims, 'iat'>;

/** A token that will be made. */
export type PlannedPassport = { readonly certificate: SigningCertificate } & (
  | { readonly ppt: 'shaken'; readonly claims: WithoutTime<ShakenClaims> }
  | { readonly ppt: 'div'; readonly claims: WithoutTime<DivClaims> }
  | { readonly ppt: 'rcd'; readonly claims: WithoutTime<RcdClaims> }
);

export interface Signing {
  readonly passport: PlannedPassport;
  /** A token of its own for how the caller is shown (RFC 9795). */
  readonly rich?: PlannedPassport | undefined;
  /** Of a `shaken` token; a `div` token says nothing of who calls. */
  readonly attestation: Attestation | undefined;
}

/** The private key that signs; where nothing is sent, one that verifies nowhere. */
export type KeyOf = (certificate: SigningCertificate) => KeyObject;

export const ownKey: KeyOf = ({ key }) => key;

/**
 * Adds the Identity fields of a call, and Date, all of this second (RFC 8224 §4.1 steps 3–5). Identity fields that are passed on are in
 * the request already, and stay before them.
 *
 * @param wallMs the time now.
 */
export function addIdentity(request: SipRequest, { passport, rich }: Signing, wallMs: number, keyOf: KeyOf): void {
  const iat = Math.floor(wallMs / 1000);
  request.headers.set(HeaderId.Date, new Date(iat * 1000).toUTCString());
  request.headers.add(HeaderId.Identity, identityValue(passport, iat, keyOf));
  if (rich !== undefined) request.headers.add(HeaderId.Identity, identityValue(rich, iat, keyOf));
}

/** RFC 8224 §4: the URI stands in angle brackets; alg may be left out, and those who read it look for it. */
function identityValue({ certificate, ppt, claims }: PlannedPassport, iat: number, keyOf: KeyOf): string {
  const header = { alg: 'ES256', ppt, typ: 'passport', x5u: certificate.x5u } as const;
  const token = signPassport(header, { ...claims, iat }, keyOf(certificate));
  return `${token};info=<${certificate.x5u}>;alg=ES256;ppt=${ppt}`;
}
