/**
 * Refusals by which a carrier asks not to be called for a while. Carriers pass on what the called party says, its words and its Retry-After
 * among them, and whoever calls chooses whom: so what one tenant's call was told holds for that tenant, and for all who use the trunk once
 * a second one was told the like meanwhile.
 */
import { keptReason } from '../base/text.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { Target } from '../sip/transport/index.ts';
import type { TrunkAttempt } from './evidence.ts';
import type { TargetHealth } from './target-health.ts';

interface Told {
  /** Monotonic, ms. */
  readonly untilMs: number;
  readonly reason: string;
}

/** Whose a call is that another node has: it may be of the very tenant that was told so before. What it is told holds nobody. */
export const UNKNOWN = '';

/** What an attempt was told, to hold until then (monotonic, ms). */
export function toldBy({ status, reason }: Pick<TrunkAttempt, 'status' | 'reason'>, untilMs: number): Told {
  return { untilMs, reason: `the carrier says ${status} ${keptReason(reason)}` };
}

export class CarrierRefusals {
  #ofAll: Told | undefined = undefined;
  /** Most trunks are never refused so. */
  #ofTenants: Map<string, Told> | undefined = undefined;

  /**
   * Whether it holds for all from now on.
   *
   * @param tenant whose call was told; undefined: it has the trunk alone
   */
  note(tenant: string | undefined, told: Told, nowMs: number): boolean {
    if (tenant === UNKNOWN) return false;
    const lasting = [...(this.#ofTenants ?? [])].filter(([, { untilMs }]) => untilMs > nowMs);
    if (tenant !== undefined) this.#ofTenants = new Map([...lasting, [tenant, told]]);
    const isOfAll = tenant === undefined || lasting.some(([name]) => name !== tenant);
    if (isOfAll) this.#ofAll = told;
    return isOfAll;
  }

  /** Why a tenant's calls are to wait, or all; empty: they need not. */
  reasonFor(tenant: string | undefined, nowMs: number): string {
    const ofAll = this.#ofAll;
    return ofAll !== undefined && ofAll.untilMs > nowMs ? ofAll.reason : this.toldTo(tenant, nowMs);
  }

  /** Why this tenant's are, by what its own calls were told. */
  toldTo(tenant: string | undefined, nowMs: number): string {
    const told = tenant === undefined ? undefined : this.#ofTenants?.get(tenant);
    return told !== undefined && told.untilMs > nowMs ? told.reason : '';
  }

  /** Whether a tenant is to wait still. */
  lasts(nowMs: number): boolean {
    return [...(this.#ofTenants?.values() ?? [])].some(({ untilMs }) => untilMs > nowMs);
  }

  clear(): void {
    this.#ofAll = undefined;
    this.#ofTenants = undefined;
  }
}

/** Targets that ask not to be called for a while, by `transport:address:port`: what one says is said of no other. */
export class TargetRefusals {
  #of: ReadonlyMap<string, CarrierRefusals> = new Map();

  /** As {@link CarrierRefusals.note}. What holds for all is kept elsewhere, since whatever the target answers to others may end it. */
  note(target: string, tenant: string | undefined, told: Told, nowMs: number): boolean {
    const refusals = this.#of.get(target) ?? new CarrierRefusals();
    const isOfAll = refusals.note(tenant, told, nowMs);
    this.#of = new Map([...this.#of, [target, refusals] as const].filter(([, of]) => of.lasts(nowMs)));
    return isOfAll;
  }

  /** Why a tenant's calls are to wait: what each target is that is not down has told it so. Empty: there is one to try. */
  reasonFor(tenant: string | undefined, health: TargetHealth, nowMs: number): string {
    if (this.#of.size === 0) return '';
    const told = new Map<string, string>();
    for (const [target, of] of this.#of) {
      const reason = of.toldTo(tenant, nowMs);
      if (reason !== '') told.set(target, reason);
    }
    const [reason = ''] = told.values();
    return reason !== '' && health.verdict(nowMs, (target) => told.has(target)).liveness === 'down' ? reason : '';
  }

  /** Those behind all others that have told the tenant so. */
  last(targets: readonly Target[], tenant: string | undefined, nowMs: number): readonly Target[] {
    if (this.#of.size === 0 || targets.length < 2) return targets;
    const isTold = (target: Target) => (this.#of.get(describeDestination(target))?.toldTo(tenant, nowMs) ?? '') !== '';
    return [...targets.filter((target) => !isTold(target)), ...targets.filter(isTold)];
  }

  clear(): void {
    this.#of = new Map();
  }
}
