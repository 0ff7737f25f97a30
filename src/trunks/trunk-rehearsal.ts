import type { Clock } from '../base/scheduler.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { Target } from '../sip/transport/index.ts';
import type { Capacity, CapacityGrant, CapacityRefusal } from './capacity.ts';
import { judge, type TrunkAttempt } from './evidence.ts';
import { inboundHolders, trunkHolders } from './holders.ts';
import type { Reach, TrunkHop } from './hops.ts';
import type { TrunkService } from './trunk-service.ts';
import type { TrunkCondition } from './trunk-status.ts';

/**
 * What a call that is only thought through takes of trunks and learns of them: places, nonces, silent targets. It begins with what the
 * trunks know now; they hear nothing of it.
 */
export class TrunkRehearsal {
  readonly capacity: Capacity;
  readonly #trunks: TrunkService;
  readonly #directory: Directory;
  readonly #clients = new Map<string, DigestClient>();
  /** Targets that did not answer, or asked to be left alone. */
  readonly #failed = new Set<string>();

  constructor(trunks: TrunkService, directory: Directory, clock: Clock) {
    this.#trunks = trunks;
    this.#directory = directory;
    this.capacity = trunks.capacity.copy(clock);
  }

  digestClient(trunk: Trunk): DigestClient | undefined {
    const known = this.#clients.get(trunk.id);
    if (known !== undefined) return known;
    const client = this.#trunks.digestClient(trunk)?.copy();
    if (client !== undefined) this.#clients.set(trunk.id, client);
    return client;
  }

  admit(trunk: Trunk, tenant: Tenant, directory: Directory, emergency = false): CapacityGrant | CapacityRefusal {
    return this.capacity.admit(trunkHolders(trunk, tenant, directory), emergency);
  }

  admitInbound(trunk: Trunk, tenant: Tenant): CapacityGrant | CapacityRefusal {
    return this.capacity.admit(inboundHolders(trunk, tenant, this.#directory));
  }

  condition(trunkId: string, tenant: Tenant): TrunkCondition {
    return this.#trunks.condition(trunkId, tenant, this.capacity);
  }

  noteAttempt({ brand }: Trunk, attempt: TrunkAttempt): void {
    const { kind } = judge(attempt, brand);
    if (kind === 'silent' || kind === 'hold') this.#failed.add(attempt.target);
    else if (kind !== 'none') this.#failed.delete(attempt.target);
  }

  /** The trunk's own, those that failed during this call last. */
  targets(trunk: Trunk, hop: TrunkHop, tenant?: string): Reach | Promise<readonly Target[]> {
    const reach = this.#trunks.targets(trunk, hop, tenant);
    if (reach instanceof Promise) return reach.then((targets) => this.#failedLast(targets));
    return 'send' in reach ? reach : this.#failedLast(reach);
  }

  #failedLast(targets: readonly Target[]): readonly Target[] {
    const isFailed = (target: Target) => this.#failed.has(describeDestination(target));
    return [...targets.filter((target) => !isFailed(target)), ...targets.filter(isFailed)];
  }
}
