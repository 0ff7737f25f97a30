export { readSigningChain, readSigningKey, type SigningChain, x5uFault } from './certificate.ts';
export { type CertificateFetch, certificateFetch } from './certificate-fetch.ts';
export { CertificateRepository } from './certificate-repository.ts';
export { constraintBroken } from './claim-constraints.ts';
export type { RepositoryCounters } from './fetched-files.ts';
export { Icons } from './icons.ts';
export { isReadable, parseIdentity } from './identity.ts';
export {
  type Attestation,
  canonicalJson,
  canonicalNumber,
  type Destinations,
  type DivClaims,
  encodePart,
  isE164,
  type PassportParty,
  type RcdClaims,
  type ShakenClaims,
} from './passport.ts';
export { STIR_REASONS } from './received-passport.ts';
export { type RichClaims, richClaims } from './rich-call-data.ts';
export { SignatureThread } from './signature-thread.ts';
export { type Signatures, signaturesHere } from './signatures.ts';
export { listsNumber } from './tn-auth-list.ts';
export { loadTrust, type Trust } from './trust.ts';
export { type SignalledCall, type Verdict, Verifier } from './verify.ts';
export { ATTESTATION_FIELD, ATTESTATION_FIELDS, parseAttestation, parseVerstat, VERSTAT } from './verstat.ts';
