import { hash } from 'node:crypto';
import { inE164, numbersMeant } from '../../provisioning/tenants/number-format.ts';
import { refusalOf, type SigningCertificate } from '../../provisioning/trunk-settings/certificates.ts';
import {
  type Attestation,
  canonicalNumber,
  constraintBroken,
  type Destinations,
  isE164,
  type PassportParty,
  type RichClaims,
} from '../../stir/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import type { Address } from '../draft.ts';
import type { Refusal } from '../outcome.ts';
import { type ReceivedIdentity, receivedIdentity } from '../received-identity.ts';
import { richCallDataOf } from '../rich-call-data.ts';
import type { PlannedPassport } from '../signing.ts';
import type { Trace } from '../trace.ts';
import { originOf } from '../trunk-profile.ts';
import { ANONYMOUS } from '../variables.ts';

/** What every token says. */
interface Parties {
  readonly dest: Destinations;
  readonly orig: PassportParty;
}

/**
 * Signs the call (STIR/SHAKEN), the last step: what is signed is what the carrier will see. Decides who is said to call and to be
 * called, how well this engine knows that (RFC 8588 §4), and with which certificate; the token is made when the INVITE is sent.
 *
 * A call that came from a trunk keeps the Identity fields that it came with, as long as it still shows the number that they speak of,
 * and gets `div` when it goes to another destination (RFC 8946 §4).
 */
export const signCall: RouteStep = {
  name: 'signing',
  run(route, trace) {
    const { facts } = route.call;
    const received = facts.forwarding?.fromTrunk === true ? receivedIdentity(facts.request.headers) : undefined;
    const signs = route.trunk.options.stirShaken;
    if (!signs && received === undefined) return undefined;
    // Whatever a tenant's own header fields say: nobody but this step speaks in Identity.
    route.draft.own = route.draft.own.filter(([name]) => name.toLowerCase() !== 'identity');
    const orig = shownNumber(route);
    const passed = received !== undefined && isSame(orig, received.orig) ? received : undefined;
    if (passed !== undefined) passOn(route, passed, trace);
    else if (received !== undefined && trace.on)
      tell(
        trace,
        `Identity not passed on: it speaks of another number than the ${orig ?? 'hidden one'} that this INVITE shows`,
      );
    if (!signs) return undefined;
    const dest = calledNumber(route);
    const unfit = unfitness(route, orig, dest);
    if (unfit !== undefined || orig === undefined || dest === undefined) return unsigned(route, unfit ?? '', trace);
    return passed === undefined ? signShaken(route, orig, dest, trace) : signDiv(route, passed, dest, trace);
  },
};

function signShaken(route: RouteState, orig: string, dest: string, trace: Trace): Refusal | undefined {
  const { attest, why } = attestation(route, orig);
  const parties = { dest: { tn: [dest] }, orig: { tn: orig } };
  const claims = { attest, ...parties, origid: originId(route.call.facts.sessionId) };
  const rich = richCallDataOf(route);
  const inside = route.trunk.options.stirRichCallData === 'shaken' ? richToken(route, orig, claims, rich) : undefined;
  const certificate = typeof inside === 'object' ? inside.certificate : choose(route, orig, claims);
  if (typeof certificate === 'string') return unsigned(route, certificate, trace);
  const passport: PlannedPassport = {
    ppt: 'shaken',
    claims: typeof inside === 'object' ? inside.claims : claims,
    certificate,
  };
  const beside = route.trunk.options.stirRichCallData === 'rcd' ? richToken(route, orig, parties, rich) : undefined;
  const shown: PlannedPassport | undefined = typeof beside === 'object' ? { ppt: 'rcd', ...beside } : undefined;
  route.signing = { passport, rich: shown, attestation: attest };
  if (!trace.on) return undefined;
  tellSigned(route, passport, `attestation ${attest}: ${why}`, trace);
  if (shown !== undefined) tellSigned(route, shown, 'how the caller is shown (RFC 9795)', trace);
  const left = inside ?? beside;
  if (typeof left === 'string') tell(trace, `no rich call data: ${left}`);
  return undefined;
}

/**
 * Claims with rich call data, and the certificate for them: one of the tenant's own, for how a tenant is shown is for its own authority
 * to vouch for, not for the one that serves all tenants. A text says why there is none.
 */
function richToken<Claims extends Parties>(
  route: RouteState,
  orig: string,
  claims: Claims,
  rich: ReturnType<typeof richCallDataOf>,
): { readonly claims: Claims & RichClaims; readonly certificate: SigningCertificate } | string | undefined {
  if (rich === undefined || typeof rich === 'string') return rich;
  const all = { ...claims, ...rich };
  const certificate = choose(route, orig, all, 'own');
  return typeof certificate === 'string' ? certificate : { claims: all, certificate };
}

/** RFC 8946 §4: only when the canonical destination is another one; by who had been called before. */
function signDiv(
  route: RouteState,
  { orig, dest: before }: ReceivedIdentity,
  dest: string,
  trace: Trace,
): Refusal | undefined {
  const diverted = canonicalNumber(before) ?? before;
  if (diverted === dest) {
    if (trace.on) tell(trace, `no div: ${dest} is what the Identity that was received says (RFC 8946 §4)`);
    return undefined;
  }
  const claims = { dest: { tn: [dest] }, div: { tn: diverted }, orig };
  const certificate = choose(route, diverted, claims);
  if (typeof certificate === 'string') return unsigned(route, certificate, trace);
  route.signing = { passport: { ppt: 'div', claims, certificate }, attestation: undefined };
  if (trace.on)
    tellSigned(route, route.signing.passport, `the call to ${diverted} was sent on to ${dest} (RFC 8946)`, trace);
  return undefined;
}

function passOn(route: RouteState, { values }: ReceivedIdentity, trace: Trace): void {
  for (const value of values) {
    route.draft.standard = route.draft.standard.concat([['Identity', value]]);
    if (!trace.on) continue;
    const reason = 'passed on as it was received: the INVITE shows the number that it speaks of';
    trace.field({ field: 'Identity', value, source: 'received', origin: 'call', reason });
  }
}

/** RFC 8224 §4.1 and RFC 3325: the number that the carrier takes for the caller's: P-Asserted-Identity's, else From's. */
function shownNumber({ draft, trunk }: RouteState): string | undefined {
  return numberOf(draft.pAssertedIdentity, trunk.numberFormat) ?? numberOf(draft.from, trunk.numberFormat);
}

function calledNumber({ draft, trunk }: RouteState): string | undefined {
  return numberOf(draft.to, trunk.numberFormat);
}

function numberOf(address: Address | undefined, format: RouteState['trunk']['numberFormat']): string | undefined {
  return address === undefined ? undefined : canonicalNumber(inE164(address.user, format));
}

/** Why a call with these numbers cannot be signed; undefined: it can. */
function unfitness(route: RouteState, orig: string | undefined, dest: string | undefined): string | undefined {
  const { draft, call } = route;
  if (orig === undefined)
    return draft.from.user === ANONYMOUS
      ? 'the caller is anonymous, and no P-Asserted-Identity goes to this trunk'
      : 'neither P-Asserted-Identity nor From has a telephone number';
  if (!isE164(orig)) return `the caller's number ${orig} is not an E.164 number with its country code`;
  if (dest === undefined) return 'To has no telephone number';
  // RFC 8224 §8.3: a national service number stays as it is.
  if (!isE164(dest) && !call.emergency) return `the called number ${dest} is not an E.164 number with its country code`;
  return undefined;
}

/** The certificate that signs these claims for a number, or why there is none. */
function choose(
  { call }: RouteState,
  number: string,
  claims: Parties,
  whose: 'any' | 'own' = 'any',
): SigningCertificate | string {
  const { directory, tenant, wallMs } = call.facts;
  const all = directory.certificatesFor(tenant.name);
  const certificates = whose === 'own' ? all.filter(({ owner }) => owner === tenant.name) : all;
  const refusals: string[] = [];
  for (const certificate of certificates) {
    const refusal =
      refusalOf(certificate, number, wallMs) ?? constraintBroken(certificate.constraints, { ...claims, iat: 0 });
    if (refusal === undefined) return certificate;
    refusals.push(`certificate ${certificate.name} ${refusal}`);
  }
  if (refusals.length > 0) return refusals.join('; ');
  return whose === 'own'
    ? `tenant ${tenant.name} has no certificate of its own`
    : `neither tenant ${tenant.name} nor the system has a certificate`;
}

/** RFC 8588 §4. X-Outbound-Cli never raises the level: what it was without it is the most that it can be. */
function attestation(route: RouteState, orig: string): { readonly attest: Attestation; readonly why: string } {
  const { facts } = route.call;
  if (facts.forwarding?.fromTrunk === true)
    return { attest: 'C', why: 'the call came from a trunk, without an Identity that fits it' };
  const caller = `${facts.caller.kind} ${route.call.callerNumber} of ${facts.tenant.name} is authenticated`;
  const trunk = verifiedBy(route, orig);
  if (trunk === undefined)
    return { attest: 'B', why: `${caller}; ${orig} is in no pool that the system admin has verified` };
  const before = route.numberBeforeDirectives;
  if (before !== undefined && verifiedBy(route, before) === undefined)
    return {
      attest: 'B',
      why: `${caller}; X-Outbound-Cli chose ${orig}, which is verified, but never raises the attestation`,
    };
  return { attest: 'A', why: `${caller}, and ${orig} is in its verified pool on trunk ${trunk}` };
}

/** Name of a trunk on which the tenant's pool holds the number and is verified; the one in hand first. */
function verifiedBy({ call, trunk }: RouteState, number: string): string | undefined {
  const { directory, tenant } = call.facts;
  const isVerified = ({ id, numberFormat }: RouteState['trunk']) =>
    directory.assignment(id, tenant.name)?.verified === true &&
    numbersMeant(number, numberFormat).some((meant) => directory.inPool(id, tenant.name, meant));
  if (isVerified(trunk)) return trunk.name;
  return directory.trunksOf(tenant.name).find(isVerified)?.name;
}

/** RFC 8588 §5: a UUID that leads back to the call; the same on every route of it. Version 8 (RFC 9562 §5.8), of the session's name. */
function originId(sessionId: string): string {
  const hex = hash('sha256', sessionId, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** "Signature required": the route is refused, or the call goes out unsigned where the trunk says so, or somebody needs help. */
function unsigned(route: RouteState, why: string, trace: Trace): Refusal | undefined {
  const isEmergency = route.call.emergency;
  const refuses = route.trunk.options.stirWhenUnsignable === 'refuse' && !isEmergency;
  route.report('call-not-signed', refuses ? 'refused' : 'unsigned', '', why);
  if (refuses) {
    if (trace.on) tell(trace, `cannot be signed: ${why}`);
    return { status: 403, reason: 'Call Cannot Be Signed', code: 'unsignable' };
  }
  const allowed = isEmergency ? 'an emergency call is never refused' : 'options.stirWhenUnsignable: unsigned';
  if (trace.on) tell(trace, `goes out unsigned (${allowed}): ${why}`);
  return undefined;
}

function tell(trace: Trace, reason: string): void {
  trace.step({ step: 'signing', outcome: 'continue', reason });
}

function tellSigned(route: RouteState, { ppt, claims, certificate }: PlannedPassport, why: string, trace: Trace): void {
  const { name, x5u } = certificate;
  tell(trace, `${ppt} signed with certificate ${name} (${x5u}); ${why}`);
  const origin = originOf(route.trunk, 'options.stirShaken');
  const source = `certificate ${name}`;
  trace.field({
    field: 'Date',
    value: '',
    source: 'clock',
    origin,
    reason: 'the second in which it is signed (RFC 8224 §4.1)',
  });
  trace.field({ field: 'Identity', value: '', source, origin, reason: `${ppt} ${JSON.stringify(claims)}; ${why}` });
}

function isSame(orig: string | undefined, received: ReceivedIdentity['orig']): boolean {
  return orig !== undefined && 'tn' in received && canonicalNumber(received.tn) === orig;
}
