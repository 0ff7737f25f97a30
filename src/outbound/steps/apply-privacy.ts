import { normalizeNumber, withAsciiDigits, withoutSeparators } from '../../provisioning/tenants/number.ts';
import { hostPort, refusesPrivacy } from '../../sip/message/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { type Address, emptyAddress, FIELD_LABEL, type FieldName, type HeaderField } from '../draft.ts';
import type { Refusal } from '../outcome.ts';
import type { Trace } from '../trace.ts';
import { originOf } from '../trunk-profile.ts';
import { ANONYMOUS } from '../variables.ts';

/**
 * Privacy of an anonymous call (RFC 3323, RFC 3325, behaviour "Privacy"): the trunk's privacy types say what is applied, and the
 * Privacy header field what was. With all three the caller's digits stand nowhere but in an allowed P-Asserted-Identity.
 */
export const applyPrivacy: RouteStep = {
  name: 'privacy',
  run(route, trace) {
    const { request } = route.call.facts;
    const isCritical = request.privacy.includes('critical');
    if (!route.call.anonymous) {
      if (isCritical && !route.call.emergency && request.privacy.some((type) => isBeyond(route, type)))
        return UNAVAILABLE;
      // RFC 3323 §4.2: intermediaries MUST NOT remove a Privacy header whose value is `none`.
      if (refusesPrivacy({ values: request.privacy })) passNone(route, trace);
      return undefined;
    }
    const { applyId, applyUser, applyHeader } = route.profile;
    if (isCritical && !meetsRequest(route)) return UNAVAILABLE;
    const applied: string[] = [];
    if (applyUser) {
      hideUser(route, trace);
      applied.push('user');
    }
    if (applyHeader) {
      hideHeaders(route, trace);
      applied.push('header');
    }
    if (applyId) {
      hideIdentity(route, trace);
      applied.push('id');
    }
    if (applied.length > 0) withholdRest(route, trace);
    if (isCritical && applied.length > 0) applied.push('critical');
    route.draft.privacy = applied.join(';');
    if (trace.on) {
      const reason = 'what the privacy types of the trunk applied';
      const origin = originOf(route.trunk, 'outboundParameters.privacy');
      if (applied.length > 0)
        trace.field({ field: 'Privacy', value: route.draft.privacy, source: 'privacy', origin, reason });
      else trace.step({ step: 'privacy', outcome: 'continue', reason: 'the trunk has no privacy types' });
    }
    return undefined;
  },
};

/** RFC 3323 §4.2: with `critical`, a request whose privacy cannot be given is refused; §5 names 500. */
const UNAVAILABLE: Refusal = { status: 500, reason: 'Privacy Unavailable', code: 'privacy-unavailable' };

/** The types that make a call anonymous, and what says how they are meant. */
const OF_THE_CALLER: ReadonlySet<string> = new Set(['id', 'user', 'header', 'full', 'uri', 'critical', 'none']);

/** A type that hides something else than the caller and that nothing here gives: `session` would need media to be relayed; others are not known. */
function isBeyond(route: RouteState, type: string): boolean {
  if (OF_THE_CALLER.has(type)) return false;
  const { diversion } = route.trunk.options;
  // RFC 7044 §5.2: what is not sent tells nothing.
  return type !== 'history' || diversion === 'history-info' || diversion === 'both';
}

function passNone(route: RouteState, trace: Trace): void {
  route.draft.privacy = 'none';
  if (trace.on) {
    trace.field({
      field: 'Privacy',
      value: 'none',
      source: 'endpoint',
      origin: 'call',
      reason: 'the endpoint wants no privacy from anybody on the way (RFC 3323 §4.2)',
    });
  }
}

/** Every type that the endpoint asked for is one that this trunk gives. */
function meetsRequest(route: RouteState): boolean {
  const { applyId, applyUser, applyHeader } = route.profile;
  return route.call.facts.request.privacy.every((type) => {
    switch (type) {
      case 'id':
        return applyId;
      case 'user':
        return applyUser;
      case 'header':
        return applyHeader;
      case 'critical':
      case 'none':
        return true;
      case 'history':
        return applyHeader || !isBeyond(route, type);
      default:
        return false;
    }
  });
}

/** RFC 3323 §5.3: informational header fields go, and From becomes anonymous. */
const INFORMATIONAL = new Set(['subject', 'call-info', 'organization', 'user-agent', 'reply-to', 'in-reply-to']);

function hideUser(route: RouteState, trace: Trace): void {
  const { draft, trunk } = route;
  const from = emptyAddress();
  from.displayName = 'Anonymous';
  from.user = ANONYMOUS;
  from.host = hostPort(trunk.options.anonymousHost, undefined);
  draft.from = from;
  for (const name of CALLED_SIDE) {
    const address = draft[name];
    if (address !== undefined) hideCallerIn(route, address, name, trace);
  }
  const informational = ([name]: HeaderField) => INFORMATIONAL.has(name.toLowerCase());
  draft.standard = without(draft.standard, informational, INFORMS, trace);
  draft.own = without(draft.own, informational, INFORMS, trace);
  if (trace.on) {
    trace.field({
      field: 'From',
      value: `"Anonymous" <sip:anonymous@${from.host}>`,
      source: 'privacy',
      origin: 'trunk',
      reason: 'privacy type user (RFC 3323 §5.3)',
    });
  }
}

const CALLED_SIDE = ['requestUri', 'to', 'pCalledPartyId', 'remotePartyIdCalled'] as const;

/** A field of the called side that is mapped from the caller says whom is called instead. */
function hideCallerIn(route: RouteState, address: Address, name: FieldName, trace: Trace): void {
  const secrets = callerDigits(route);
  if (tells(address.displayName, secrets)) {
    address.displayName = '';
    if (trace.on)
      trace.field({
        field: `${FIELD_LABEL[name]}.displayName`,
        value: '',
        source: 'privacy',
        origin: 'trunk',
        reason: 'privacy type user: the mapping named the caller',
      });
  }
  if (address.user === route.calledNumber || !tells(address.user, secrets)) return;
  address.user = route.calledNumber;
  if (trace.on) {
    trace.field({
      field: `${FIELD_LABEL[name]}.user`,
      value: address.user,
      source: 'privacy',
      origin: 'trunk',
      reason: 'privacy type user: the mapping named the caller',
    });
  }
}

/** RFC 3323 §5.1: Contact stays routable and says nothing of the caller; the engine's Via never does. */
function hideHeaders(route: RouteState, trace: Trace): void {
  const { draft } = route;
  draft.contact = { ...draft.contact, displayName: '', user: ANONYMOUS };
  const isOfCaller = ([name]: HeaderField) => /^(x-|referred-by$|record-route$)/i.test(name);
  draft.own = without(draft.own, isOfCaller, MAY_NAME, trace);
  draft.internal = without(draft.internal, () => true, MAY_NAME, trace);
  if (trace.on) {
    trace.field({
      field: 'Contact.user',
      value: ANONYMOUS,
      source: 'privacy',
      origin: 'trunk',
      reason: 'privacy type header (RFC 3323 §5.1): an address of this engine without the caller',
    });
  }
}

/** RFC 3325 §7: P-Asserted-Identity stays inside the trust domain, with `Privacy: id`; a trunk outside never sees it. */
function hideIdentity(route: RouteState, trace: Trace): void {
  if (route.trunk.options.trusted || route.draft.pAssertedIdentity === undefined) return;
  drop(route, 'pAssertedIdentity', 'privacy type id: the trunk is not trusted (RFC 3325 §7)', trace);
}

/** Whatever else could name the caller: preferred identity, calling party, the diversion trail, header fields with its digits. */
function withholdRest(route: RouteState, trace: Trace): void {
  const { draft } = route;
  if (draft.pPreferredIdentity !== undefined) drop(route, 'pPreferredIdentity', 'privacy: it names the caller', trace);
  if (draft.remotePartyIdCalling !== undefined)
    drop(route, 'remotePartyIdCalling', 'privacy: it names the caller', trace);
  if (!route.profile.applyId && draft.pAssertedIdentity !== undefined) {
    drop(route, 'pAssertedIdentity', 'privacy: without type id nothing would keep it from the called party', trace);
  }
  withholdTrail(draft, trace);
  const secrets = callerDigits(route);
  const { sessionId } = route.call.facts;
  // A session's name is drawn at random: that `101` is in it tells nothing of extension 101.
  const names = ([, value]: HeaderField) => value !== sessionId && tells(value, secrets);
  draft.own = without(draft.own, names, 'privacy: it holds a number of the caller', trace);
  draft.internal = without(draft.internal, names, 'privacy: it holds a number of the caller', trace);
}

const INFORMS = 'privacy type user (RFC 3323 §5.3)';
const MAY_NAME = 'privacy type header (RFC 3323 §5.1): it may name the caller';

/** The header fields that stay; each that goes is told of. */
function without(
  fields: readonly HeaderField[],
  goes: (field: HeaderField) => boolean,
  reason: string,
  trace: Trace,
): readonly HeaderField[] {
  return fields.filter((field) => {
    if (!goes(field)) return true;
    if (trace.on) tellDropped(field[0], field[1], reason, trace);
    return false;
  });
}

function withholdTrail(draft: RouteState['draft'], trace: Trace): void {
  if (trace.on) {
    for (const value of draft.diversion) tellDropped('Diversion', value, 'privacy: it names who sent it on', trace);
    for (const value of draft.historyInfo)
      tellDropped('History-Info', value, 'privacy: it names who sent it on', trace);
  }
  draft.diversion = [];
  draft.historyInfo = [];
  draft.historyTarget = undefined;
}

function tellDropped(field: string, value: string, reason: string, trace: Trace): void {
  const note = { field, value, source: 'privacy', origin: 'trunk', reason: `not sent: ${reason}` } as const;
  trace.field({ ...note, dropped: true });
}

function drop(
  route: RouteState,
  name: Exclude<FieldName, 'requestUri' | 'to' | 'from' | 'contact'>,
  reason: string,
  trace: Trace,
): void {
  route.draft[name] = undefined;
  if (trace.on)
    trace.field({
      field: FIELD_LABEL[name],
      value: '',
      source: 'privacy',
      origin: 'trunk',
      reason: `not sent: ${reason}`,
      dropped: true,
    });
}

/** The numbers that would tell who calls, as they compare. */
export function callerDigits(route: RouteState): string[] {
  const { call, callerId } = route;
  const numbers = [
    call.callerNumber,
    callerId?.value,
    call.facts.forwarding?.originator?.number,
    ...call.facts.request.preferredIdentities,
  ];
  const digits = new Set<string>();
  for (const number of numbers) {
    const comparable = number === undefined ? undefined : normalizeNumber(number);
    if (comparable !== undefined) digits.add(String(comparable));
  }
  return [...digits];
}

/**
 * Says whether a value holds one of the numbers, of whatever script and however it is set out; a short one, an extension's, only as a
 * number of its own.
 */
export function tells(value: string, secrets: readonly string[]): boolean {
  const text = withAsciiDigits(value);
  return secrets.some((secret) => {
    if (secret.length >= SHORTEST_SET_OUT) return withoutSeparators(text).includes(secret);
    return secret.length >= 5 ? text.includes(secret) : new RegExp(`(?<!\\d)${secret}(?!\\d)`).test(text);
  });
}

/** Shorter ones would be found in the dots of an address. */
const SHORTEST_SET_OUT = 7;
