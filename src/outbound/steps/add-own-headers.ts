import { added } from '../../base/added.ts';
import { derived } from '../../base/derived.ts';
import { isFreeHeaderName, isRelayableHeaderName } from '../../provisioning/tenants/fields.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { contentFields, octetsFromText } from '../../sip/message/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import type { HeaderField } from '../draft.ts';
import { foreignNumberIn } from '../foreign-number.ts';
import type { Trace } from '../trace.ts';
import { originOf } from '../trunk-profile.ts';

/** Names of the header fields that are passed from one leg to the other, either way: on calls over a trunk, between extensions, or both. */
export const relayedNames = derived(({ headers: { relay } }: Tenant) => ({
  trunk: distinct([...relay.all, ...relay.trunk]),
  user: distinct([...relay.all, ...relay.user]),
  both: distinct([...relay.all, ...relay.user, ...relay.trunk]),
}));

function distinct(names: readonly string[]): readonly string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()].filter(isRelayableHeaderName);
}

/** What the tenant adds, in octets: to INVITEs over a trunk, and to its own phones. */
export const addedFields = derived(({ headers: { add } }: Tenant) => {
  const free = add.filter(({ name }) => isFreeHeaderName(name));
  const without = (kind: 'trunk' | 'user') =>
    free.filter(({ on }) => on !== kind).map(({ name, value }): HeaderField => [name, octetsFromText(value)]);
  return { trunk: without('user'), user: without('trunk') };
});

/** Relayed header fields of the caller, then the tenant's and the trunk's fixed ones; everything else stays on its leg. */
export const addOwnHeaders: RouteStep = {
  name: 'own-headers',
  run(route, trace) {
    const { tenant, request } = route.call.facts;
    if (request.headers.hasNamed(INFO_PACKAGES)) addInfoPackages(route, trace);
    for (const name of relayedNames(tenant).trunk) {
      if (!request.headers.hasNamed(name)) continue;
      for (const value of request.headers.fieldValuesNamed(name)) relay(route, name, value, trace);
    }
    for (const field of addedFields(tenant).trunk) add(route, field, 'tenant', trace);
    for (const field of route.profile.addHeaders) add(route, field, 'trunk', trace);
    addInternal(route, trace);
    addContent(route);
    return undefined;
  },
};

/** Behaviour 7 holds for relayed header fields too: one that holds another tenant's number stays behind. */
function relay(route: RouteState, name: string, value: string, trace: Trace, why: Why = RELAY_LIST): void {
  if (isForeign(route, name, value, trace)) return;
  route.draft.own = added(route.draft.own, [name, value]);
  if (trace.on) trace.field({ field: name, value, source: 'relay', ...why });
}

type Why = Readonly<{ origin: 'tenant' | 'engine'; reason: string }>;
const RELAY_LIST: Why = { origin: 'tenant', reason: "in the tenant's relay list" };

/** RFC 6086 §5.2.2: who sends an INFO of a package has to know that the other end takes it. INFO goes from leg to leg, so this does, too. */
export const INFO_PACKAGES = 'Recv-Info';
const TAKES_INFO: Why = { origin: 'engine', reason: 'the INFO packages that the caller takes (RFC 6086)' };

function addInfoPackages(route: RouteState, trace: Trace): void {
  for (const value of route.call.facts.request.headers.fieldValuesNamed(INFO_PACKAGES))
    relay(route, INFO_PACKAGES, value, trace, TAKES_INFO);
}

function add(route: RouteState, field: HeaderField, origin: 'tenant' | 'trunk', trace: Trace): void {
  const [name, value] = field;
  if (isForeign(route, name, value, trace)) return;
  route.draft.own = added(route.draft.own, field);
  if (trace.on) trace.field({ field: name, value, source: 'added', origin, reason: `fixed value of the ${origin}` });
}

function isForeign(route: RouteState, name: string, value: string, trace: Trace): boolean {
  const { facts } = route.call;
  const kept = foreignNumberIn(facts.directory, facts.tenant, route.trunk, [name, value]);
  if (kept === undefined) return false;
  // Told once a field: an INVITE has as many values as fit.
  if (!route.events.some(({ kind, source }) => kind === kept.kind && source === kept.source))
    route.report(kept.kind, kept.source, kept.value, kept.reason);
  if (trace.on) {
    trace.field({
      field: name,
      value: '',
      source: 'none',
      origin: 'engine',
      reason: "not sent: it holds another tenant's number",
      dropped: true,
    });
  }
  return true;
}

/** X-CID, X-Session-Id and X-Trunk-Name go to a trunk only with `internalHeaders` (behaviour 20). */
function addInternal(route: RouteState, trace: Trace): void {
  if (!route.trunk.options.internalHeaders) return;
  const { request, sessionId } = route.call.facts;
  const fields: HeaderField[] = [
    ['X-CID', request.callId],
    ['X-Session-Id', sessionId],
    ['X-Trunk-Name', route.profile.name],
  ];
  for (const field of fields) {
    // A session's name is drawn at random: what digits it has are nobody's number.
    if (field[1] !== sessionId && isForeign(route, field[0], field[1], trace)) continue;
    route.draft.internal = added(route.draft.internal, field);
    if (trace.on) {
      trace.field({
        field: field[0],
        value: field[1],
        source: 'internal',
        origin: originOf(route.trunk, 'options.internalHeaders'),
        reason: 'options.internalHeaders',
      });
    }
  }
}

/** The body is not touched (behaviour 18), so its own description goes along. */
function addContent(route: RouteState): void {
  const { request } = route.call.facts;
  route.draft.body = request.body;
  route.draft.content = contentFields(request);
}
