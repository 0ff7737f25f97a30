import { Latest } from '../base/latest.ts';
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import { HeaderId, partsOf, partType, type SipRequest } from '../sip/message/index.ts';

/** For a target whose refusals are told once in this time, ms. */
const TOLD_MS = 60_000;
const MAX_TARGETS = 1000;
const MOST_TYPES = 8;
const MOST_TYPE = 100;

interface Told {
  readonly atMs: number;
  /** Since then. */
  count: number;
}

/**
 * Tells of INVITEs of several parts that go again without some of them (RFC 3261 §20.11: handling is required of each part that says
 * nothing, and is given up here). A gateway that takes one part alone refuses each call: there is one line a minute for each target.
 */
export class PartsLeft {
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #told = new Latest<string, Told>(MAX_TARGETS);

  constructor({ scheduler, log }: { readonly scheduler: Scheduler; readonly log: Log }) {
    this.#scheduler = scheduler;
    this.#log = log;
  }

  /** @param request as it was refused */
  note(label: string, target: string, request: SipRequest): void {
    const key = `${label} ${target}`;
    const told = this.#told.get(key);
    const nowMs = this.#scheduler.nowMs();
    if (told !== undefined && nowMs - told.atMs < TOLD_MS) {
      told.count++;
      return;
    }
    this.#told.set(key, { atMs: nowMs, count: 0 });
    const [callId, types, count] = [request.callId(), partTypesOf(request), (told?.count ?? 0) + 1];
    this.#log.info('invite-parts-left', { label, target, callId, types, count });
  }
}

/** What a log line says of the parts of a body: the first types, not more of each than one may be long. */
function partTypesOf({ headers, body }: SipRequest): string {
  const types: string[] = [];
  for (const part of partsOf(headers.value(HeaderId.ContentType), body)) {
    types.push(partType(part).slice(0, MOST_TYPE));
    if (types.length === MOST_TYPES) break;
  }
  return types.join(', ');
}
