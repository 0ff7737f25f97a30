import type { Call } from './call.ts';
import { Leg, type LegCall, type LegRegistry } from './leg.ts';
import type { LiveRecord } from './record.ts';
import { SessionKeeper } from './session-keeper.ts';

/**
 * A call between two nodes has a half at each: one knows whose call it is, the other one reaches the party that is registered there. When
 * both halves have come to one node they become one call again: the party's leg takes the place of the leg between them.
 * Gives the call that is left; undefined when no other half is here.
 */
export function rejoined(registry: LegRegistry, call: Call): LegCall | undefined {
  for (const leg of [call.parties.caller, call.parties.callee]) {
    if (leg === undefined) continue;
    const { callId, localTag, remoteTag } = leg.dialog;
    const mirror = registry.find(callId, remoteTag, localTag);
    if (mirror === undefined || mirror.call === call) continue;
    const isHalf = call.record.facts.peerNode !== undefined;
    return isHalf ? join(registry, leg, mirror) : join(registry, mirror, leg);
  }
  return undefined;
}

/** `between` is the leg of the call toward its half, `inner` that half's own. */
function join(registry: LegRegistry, inner: Leg, between: Leg): LegCall | undefined {
  const half = inner.call;
  const { call, identity, identityWithheld, identityAsserted } = between;
  const party = inner.peer;
  const kept = party?.snapshot();
  if (party === undefined || kept === undefined || between.state !== 'confirmed') return undefined;
  const { destination } = party;
  inheritEnd(call.record, half.record);
  half.forget();
  const options = {
    ...between.options,
    contact: party.options.contact,
    isBetweenNodes: undefined,
    peerNode: undefined,
  };
  const as = { ...kept, options, identityWithheld, identityAsserted, ...(identity !== undefined && { identity }) };
  const leg = Leg.restore(registry, call, as, () => destination);
  if (kept.session !== undefined) SessionKeeper.restore(leg, kept.session, 0);
  // A half holds no places: those are taken by the node that knows whose call it is.
  leg.reservation = between.reservation;
  between.reservation = undefined;
  leg.media = between.media;
  between.media = undefined;
  call.replaceLeg(between, leg);
  between.leave();
  return call;
}

/** A call whose half was being ended is so as a whole. Clocks of nodes need not agree: it has lasted as long as the half. */
function inheritEnd(record: LiveRecord, { endedAtMs, endedBy, endReason, talkMs }: LiveRecord): void {
  if (endedAtMs === undefined || record.endedAtMs !== undefined) return;
  record.endedAtMs = (record.answeredAtMs ?? endedAtMs) + talkMs;
  record.endedBy = endedBy;
  record.endReason = endReason;
}
