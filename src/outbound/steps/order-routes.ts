import { added } from '../../base/added.ts';
import type { OutboundRoute } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../../provisioning/trunk-settings/whatsapp.ts';
import type { CallStep, PlannedRoute, PlanState } from '../context.ts';
import type { SkippedRoute } from '../explanation.ts';
import type { Trace } from '../trace.ts';

const NO_ROUTES: readonly string[] = [];
/** Nothing is ever put here: each list is a new one of just its length. */
const NONE: never[] = [];

/** RFC 3261 §21.5.4: when to come back, spread by the seed so that refused callers do not return in one wave. */
const MAX_RETRY_AFTER_SECONDS = 10;

/**
 * The winning rule's routes in the order in which they are tried. A trunk that is down is skipped unless it is the last one
 * (behaviour 15); one that is full is always skipped (behaviour 16), but where a carrier
 * has said so of another call: as one that is down; the same trunk with the same digits is tried once. An emergency call tries them all, those that are down last.
 */
export const orderRoutes: CallStep = {
  name: 'routes',
  run(call, trace) {
    const { rule, facts, candidates, emergency } = call;
    const isRandom = !emergency && rule?.routing === 'random';
    const order = isRandom ? shuffled(candidates.length, facts.randomSeed) : undefined;
    let usable: PlannedRoute[] = NONE;
    let skipped: SkippedRoute[] = NONE;
    for (let turn = 0; turn < candidates.length; turn += 1) {
      const position = order?.[turn] ?? turn;
      const route = candidates[position];
      if (route === undefined) continue;
      const verdict = consider(call, route, position, usable);
      if ('code' in verdict) skipped = added(skipped, verdict);
      else usable = added(usable, verdict);
    }
    // In need a trunk that seems down is better than none, but later.
    if (emergency) usable.sort((a, b) => Number(a.down !== undefined) - Number(b.down !== undefined));
    const last = usable.at(-1);
    let routes = usable;
    for (const planned of usable) {
      const { route, position, down } = planned;
      if (emergency || down === undefined || planned === last) continue;
      routes = routes.filter((each) => each !== planned);
      skipped = added(skipped, skip(route, position, planned.full === true ? 'full' : 'down', down));
    }
    if (trace.on) tell(trace, routes, skipped);
    call.routes = routes;
    call.skipped = skipped;
    if (routes.length > 0) return undefined;
    if (skipped.length > 0 && skipped.every(({ code }) => code === 'no-pstn'))
      return { status: 403, reason: 'Not With WhatsApp', code: 'no-pstn' };
    const retryAfterSeconds = 1 + (facts.randomSeed % MAX_RETRY_AFTER_SECONDS);
    return { status: 503, reason: 'No Trunk Available', code: 'no-trunk', retryAfterSeconds };
  },
};

function consider(
  call: PlanState,
  route: OutboundRoute,
  position: number,
  before: readonly PlannedRoute[],
): PlannedRoute | SkippedRoute {
  const { directory, tenant, trunkState } = call.facts;
  const trunk = directory.trunkFor(tenant.name, route.trunk);
  if (trunk === undefined) {
    const exists = directory.trunk(route.trunk) ?? directory.trunkByName(route.trunk);
    return exists === undefined
      ? skip(route, position, 'unknown-trunk', 'there is no such trunk')
      : skip(route, position, 'not-assigned', 'the trunk is not assigned to the tenant');
  }
  const unfit = unfitness(call, trunk);
  if (unfit !== undefined) return skip(route, position, ...unfit);
  if (!trunk.enabled) return skip(route, position, 'disabled', 'the trunk is disabled');
  for (const planned of before) {
    if (planned.trunk === trunk && planned.route.strip === route.strip && planned.route.prepend === route.prepend) {
      return skip(route, position, 'repeated', 'the same trunk and digits are tried before');
    }
  }
  const state = trunkState(trunk.id, tenant);
  call.trunkStates = added(call.trunkStates, [trunk.id, state]);
  const isFull = state.full && !call.emergency;
  if (isFull && state.isByWord !== true) return skip(route, position, 'full', state.reason);
  return {
    route,
    trunk,
    pool: directory.pool(trunk.id, tenant.name),
    position,
    serviceRoutes: state.serviceRoutes ?? NO_ROUTES,
    through: state.through,
    down: state.up && !isFull ? undefined : state.reason,
    ...(isFull && { full: true }),
  };
}

/** Why a trunk is not for this call. Meta's terms: the telephone network is on no leg of a call with WhatsApp. */
function unfitness(
  { facts: { forwarding }, emergency }: PlanState,
  trunk: Trunk,
): [code: SkippedRoute['code'], reason: string] | undefined {
  const isWhatsapp = trunk.type === 'whatsapp';
  if (isWhatsapp && whatsappCalls(trunk) === undefined)
    return ['not-for-calls', 'the trunk carries messages, not calls'];
  if (isWhatsapp && emergency) return ['not-for-calls', 'WhatsApp carries no emergency calls'];
  const other = forwarding?.otherTrunk;
  if (other === undefined || (other === 'whatsapp') === isWhatsapp) return undefined;
  return [
    'no-pstn',
    isWhatsapp
      ? 'the other party is on a trunk, and WhatsApp allows no telephone network on a call'
      : 'the other party is on WhatsApp, which allows no telephone network on a call',
  ];
}

function skip(route: OutboundRoute, position: number, code: SkippedRoute['code'], reason: string): SkippedRoute {
  return { trunkName: route.trunk, position, code, reason };
}

function tell(trace: Trace, routes: readonly PlannedRoute[], skipped: readonly SkippedRoute[]): void {
  for (const { trunkName, reason } of skipped) {
    trace.step({ step: 'routes', outcome: 'continue', reason: `trunk "${trunkName}" skipped: ${reason}` });
  }
  for (const [index, { trunk, through, down, full }] of routes.entries()) {
    const state =
      down === undefined ? '' : `, which is ${full === true ? 'full' : 'down'} (${down}) and tried all the same`;
    const way = through === undefined ? '' : `, leaves through node ${through}, which is registered`;
    trace.step({
      step: 'routes',
      outcome: 'continue',
      reason: `route ${index + 1}: trunk "${trunk.name}"${state}${way}`,
    });
  }
}

/** A permutation of 0 … count−1 without repeats (Fisher–Yates), the same for the same seed. */
export function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  let state = seed >>> 0;
  for (let index = count - 1; index > 0; index -= 1) {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const other = ((mixed ^ (mixed >>> 14)) >>> 0) % (index + 1);
    const here = order[index] ?? index;
    order[index] = order[other] ?? other;
    order[other] = here;
  }
  return order;
}
