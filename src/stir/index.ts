export { type CertificateFetch, certificateFetch } from './certificate-fetch.ts';
export { CertificateRepository, type RepositoryCounters } from './certificate-repository.ts';
export { canonicalJson } from './passport.ts';
export { STIR_REASONS } from './received-passport.ts';
export { loadTrust, type Trust, type TrustProblem } from './trust.ts';
export { type SignalledCall, type Verdict, Verifier } from './verify.ts';
export { ATTESTATION_FIELD, ATTESTATION_FIELDS, parseAttestation, parseVerstat, VERSTAT } from './verstat.ts';
