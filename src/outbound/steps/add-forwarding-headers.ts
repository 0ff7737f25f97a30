import { normalizeNumber, plainNumber } from '../../provisioning/tenants/number.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { type Address, type Draft, formatAddress, formatUriOf } from '../draft.ts';
import type { Forwarding, ForwardReason } from '../facts.ts';
import { foreignNumberIn } from '../foreign-number.ts';
import { CAUSE, DIVERSION_REASON } from '../forward-reason.ts';
import { originOf } from '../trunk-profile.ts';
import { isInPool } from './choose-caller-id.ts';

interface Diversion {
  readonly address: Address;
  readonly reason: ForwardReason;
  readonly counter: number;
}

/**
 * Tells a trunk that asks for it that the call was sent on, and by whom: Diversion (RFC 5806), History-Info (RFC 7044), or both
 * (behaviour 8). The one who sent it on is named by a number of the tenant's pool: the DID that was called, else the caller ID of
 * this call, for an extension's number says nothing outside. Who had sent it on before it came here stays named: the next carrier finds
 * loops by them (RFC 5806 §4).
 */
export const addForwardingHeaders: RouteStep = {
  name: 'forwarding-headers',
  run(route, trace) {
    const { forwarding } = route.call.facts;
    const { diversion } = route.trunk.options;
    if (forwarding === undefined || diversion === 'none') return undefined;
    const own = forwarding.diversions
      .map(({ number, reason }) => ({ address: diverter(route, number), reason, counter: 1 }))
      .filter((entry): entry is Diversion => entry.address !== undefined);
    const diversions = [...earlier(route, forwarding), ...own];
    if (own.length === 0) {
      if (trace.on)
        trace.step({ step: 'forwarding-headers', outcome: 'continue', reason: 'nobody may be named as diverter' });
      return undefined;
    }
    if (diversion !== 'history-info') route.draft.diversion = diversionValues(diversions);
    if (diversion !== 'diversion') addHistory(route.draft, diversions);
    if (trace.on) {
      const origin = originOf(route.trunk, 'options.diversion');
      const reason = `options.diversion: ${diversion}; ${diversions.length} diverted`;
      for (const value of route.draft.diversion) {
        trace.field({ field: 'Diversion', value, source: 'forwarding', origin, reason });
      }
      for (const value of route.draft.historyInfo) {
        trace.field({ field: 'History-Info', value, source: 'forwarding', origin, reason });
      }
    }
    return undefined;
  },
};

/** A trunk that reads the called number in Diversion has had it there: it is named once. */
function earlier(route: RouteState, { earlier: told = [], diversions }: Forwarding): Diversion[] {
  const { directory, tenant } = route.call.facts;
  const own = new Set(diversions.map(({ number }) => normalizeNumber(number)));
  return told.flatMap(({ number, reason, counter }) => {
    if (own.has(normalizeNumber(number))) return [];
    const user = plainNumber(number);
    const kept = foreignNumberIn(directory, tenant, route.trunk, ['Diversion', user]);
    if (kept === undefined)
      return [{ address: { ...route.draft.from, displayName: '', user, uriParams: '', tel: false }, reason, counter }];
    route.report(kept.kind, kept.source, kept.value, kept.reason);
    return [];
  });
}

function diverter(route: RouteState, number: string): Address | undefined {
  const user = plainNumber(isInPool(route, number) ? number : (route.callerId?.value ?? number));
  if (route.holdsForeign(user)) return undefined;
  return { displayName: '', user, host: route.draft.from.host, uriParams: '', tel: false };
}

/** RFC 5806 §6: the latest diversion comes first; `counter` says how many diversions an entry stands for. */
function diversionValues(diversions: readonly Diversion[]): string[] {
  return diversions
    .map((of) => `${formatAddress(of.address)};reason=${DIVERSION_REASON[of.reason]};counter=${of.counter}`)
    .reverse();
}

/**
 * RFC 7044 §10.3: the first target has index 1, each target it was sent on to is one level below (`1.1`, `1.1.1`), marked `mp` with
 * the index of the one it was mapped from (§10.4); the last entry is this request's own target.
 */
function addHistory(draft: Draft, diversions: readonly Diversion[]): void {
  const values: string[] = [];
  let index = '1';
  let cause = '';
  for (const { address, reason } of diversions) {
    values.push(`<${formatUriOf(address)}${cause}>;index=${index}${mappedFrom(index)}`);
    cause = `;cause=${CAUSE[reason]}`;
    index += '.1';
  }
  draft.historyInfo = values;
  draft.historyTarget = { uriParams: cause, params: `;index=${index}${mappedFrom(index)}` };
}

function mappedFrom(index: string): string {
  return index === '1' ? '' : `;mp=${index.slice(0, -2)}`;
}
