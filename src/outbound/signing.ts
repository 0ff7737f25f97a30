/**
 * What is signed of a call: decided with the rest of the draft, purely; the tokens are made when the INVITE is sent, for they hold the
 * time. A request that is sent again (challenge, redirection, another target) is signed anew.
 */
import { derived } from '../base/derived.ts';
import type { SigningCertificate } from '../provisioning/trunk-settings/certificates.ts';
import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import { type Attestation, type DivClaims, encodePart, type RcdClaims, type ShakenClaims } from '../stir/index.ts';

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

/** Signs the octets `header.claims`, base64url; where nothing is sent, with a key that verifies nowhere. A promise where another thread does. */
export type Signs = (input: string, certificate: SigningCertificate) => string | Promise<string>;
export type SignsAtOnce = (input: string, certificate: SigningCertificate) => string;

/**
 * Adds the Identity fields of a call, and Date, all of this second (RFC 8224 §4.1 steps 3–5). Identity fields that are passed on are in
 * the request already, and stay before them.
 *
 * @param wallMs the time now.
 * @returns a promise when the request is not whole yet.
 */
export function addIdentity(request: SipRequest, signing: Signing, wallMs: number, signs: SignsAtOnce): undefined;
export function addIdentity(
  request: SipRequest,
  signing: Signing,
  wallMs: number,
  signs: Signs,
): Promise<void> | undefined;
export function addIdentity(
  request: SipRequest,
  { passport, rich }: Signing,
  wallMs: number,
  signs: Signs,
): Promise<void> | undefined {
  const iat = Math.floor(wallMs / 1000);
  request.headers.set(HeaderId.Date, new Date(iat * 1000).toUTCString());
  const values = [identityValue(passport, iat, signs)];
  if (rich !== undefined) values.push(identityValue(rich, iat, signs));
  const add = (each: readonly string[]) => {
    for (const value of each) request.headers.add(HeaderId.Identity, value);
  };
  if (values.every((value) => typeof value === 'string')) {
    add(values);
    return undefined;
  }
  return Promise.all(values).then(add);
}

function identityValue(
  { certificate, ppt, claims }: PlannedPassport,
  iat: number,
  signs: Signs,
): string | Promise<string> {
  const input = `${encodedHeaders(certificate)[ppt]}.${encodePart({ ...claims, iat })}`;
  const signature = signs(input, certificate);
  // RFC 8224 §4: the URI stands in angle brackets; alg may be left out, and those who read it look for it.
  const whole = (each: string) => `${input}.${each};info=<${certificate.x5u}>;alg=ES256;ppt=${ppt}`;
  return typeof signature === 'string' ? whole(signature) : signature.then(whole);
}

/** The same of every token of its kind that a certificate signs. */
const encodedHeaders = derived((certificate: SigningCertificate) => {
  const encoded = (ppt: PlannedPassport['ppt']) =>
    encodePart({ alg: 'ES256', ppt, typ: 'passport', x5u: certificate.x5u });
  return { shaken: encoded('shaken'), div: encoded('div'), rcd: encoded('rcd') };
});
