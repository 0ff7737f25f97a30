/**
 * What is signed of a call: decided with the rest of the draft, purely; the tokens are made when the INVITE is sent, for they hold the
 * time. A request that is sent again (challenge, redirection, another target) is signed anew.
 */
import type { KeyObject } from 'node:crypto';
import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import { type Attestation, type DivClaims, type ShakenClaims, signPassport } from '../stir/index.ts';
import type { SigningCertificate } from '../trunks/certificates.ts';

type WithoutTime<Claims> = Omit<Claims, 'iat'>;

/** A token that will be made. */
export type PlannedPassport = { readonly certificate: SigningCertificate } & (
  | { readonly ppt: 'shaken'; readonly claims: WithoutTime<ShakenClaims> }
  | { readonly ppt: 'div'; readonly claims: WithoutTime<DivClaims> }
);

export interface Signing {
  readonly passport: PlannedPassport;
  /** Of a `shaken` token; a `div` token says nothing of who calls. */
  readonly attestation: Attestation | undefined;
}

/** The private key that signs; where nothing is sent, one that verifies nowhere. */
export type KeyOf = (certificate: SigningCertificate) => KeyObject;

export const ownKey: KeyOf = ({ key }) => key;

/**
 * Adds the Identity field of a call, and Date, both of this second (RFC 8224 §4.1 steps 3–5). Identity fields that are passed on are in
 * the request already, and stay before it.
 *
 * @param wallMs the time now.
 */
export function addIdentity(request: SipRequest, { passport }: Signing, wallMs: number, keyOf: KeyOf): void {
  const { certificate, ppt, claims } = passport;
  const iat = Math.floor(wallMs / 1000);
  const header = { alg: 'ES256', ppt, typ: 'passport', x5u: certificate.x5u } as const;
  const token = signPassport(header, { ...claims, iat }, keyOf(certificate));
  request.headers.set(HeaderId.Date, new Date(iat * 1000).toUTCString());
  // RFC 8224 §4: the URI stands in angle brackets; alg may be left out, and those who read it look for it.
  request.headers.add(HeaderId.Identity, `${token};info=<${certificate.x5u}>;alg=ES256;ppt=${ppt}`);
}
