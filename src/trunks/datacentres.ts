/** How each place of a teams trunk does: Teams names its datacentres one by one, and which of them takes calls is for people to see. */

import type { HostPort } from '../base/transport.ts';
import { targetText } from '../provisioning/trunk-settings/teams.ts';
import type { TeamsSide } from '../provisioning/trunk-settings/teams-schema.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { Reach } from './hops.ts';
import type { DatacentreState, DatacentreStatus } from './status-facts.ts';
import type { TargetHealth } from './target-health.ts';

interface Noted {
  state: DatacentreState;
  sinceMs: number;
}

/** A row of what is told of one datacentre, and what it was before. */
export type DatacentreChange = (status: DatacentreStatus, previous: DatacentreState) => void;

export class Datacentres {
  readonly #health: TargetHealth;
  readonly #beganMs: number;
  readonly #locate: () => Reach | Promise<readonly Target[]>;
  #targets: readonly (Flow | Target)[] = [];
  readonly #noted = new Map<string, Noted>();

  /**
   * @param beganMs wall clock: since when nothing is known
   * @param locate asks where the names lead
   */
  constructor(health: TargetHealth, beganMs: number, locate: () => Reach | Promise<readonly Target[]>) {
    this.#health = health;
    this.#beganMs = beganMs;
    this.#locate = locate;
  }

  /** Before the first turn of its pings a process does not know which datacentre a target is. @param located it is known a moment later */
  meet(key: string, located: () => void): void {
    if (this.#targets.some((to) => describeDestination(to) === key)) return;
    try {
      const reach = this.reach();
      if (reach instanceof Promise) reach.then(located).catch(() => undefined);
    } catch {
      // Whoever calls or pings hears why.
    }
  }

  /** Where the names lead now. */
  reach(): Reach | Promise<readonly Target[]> {
    const reach = this.#locate();
    if ('send' in reach) return reach;
    return reach instanceof Promise ? reach.then((targets) => this.#located(targets)) : this.#located(reach);
  }

  #located(targets: readonly Target[]): readonly Target[] {
    this.#targets = targets;
    const keys = new Set(targets.map(describeDestination));
    for (const key of this.#noted.keys()) if (!keys.has(key)) this.#noted.delete(key);
    return targets;
  }

  /** In the order of the datacentres those that live; then the others, but none that has asked to be left alone while there is another. */
  inOrder(targets: readonly Target[], nowMs: number): readonly Target[] {
    const isDown = (target: Target) => this.#health.livenessOf(describeDestination(target), nowMs) === 'down';
    const ordered = [...targets.filter((target) => !isDown(target)), ...targets.filter(isDown)];
    const free = ordered.filter((target) => !this.#health.isHeld(describeDestination(target), nowMs));
    return free.length > 0 ? free : ordered;
  }

  /** Notes since when each has its state; to be called whenever something was learnt, or a hold has ended. */
  look(teams: TeamsSide, nowMs: number, wallMs: number, onChange: DatacentreChange): void {
    for (const to of this.#targets) {
      const key = describeDestination(to);
      const { state } = this.#health.view(key, nowMs);
      const noted = this.#noted.get(key);
      if (noted?.state === state || (noted === undefined && state === 'unknown')) continue;
      this.#noted.set(key, { state, sinceMs: wallMs });
      const target = teams.targets.find((each) => isAt(to, each)) ?? teams.targets[0];
      onChange(this.#row(target, to, nowMs, wallMs), noted?.state ?? 'unknown');
    }
  }

  /** In the order in which they are tried; one that the DNS does not know is there too. */
  rows({ targets }: TeamsSide, nowMs: number, wallMs: number): DatacentreStatus[] {
    return targets.flatMap((target) => {
      const places = this.#targets.filter((to) => isAt(to, target));
      return places.length === 0
        ? [this.#row(target, undefined, nowMs, wallMs)]
        : places.map((to) => this.#row(target, to, nowMs, wallMs));
    });
  }

  #row(target: HostPort, to: Flow | Target | undefined, nowMs: number, wallMs: number): DatacentreStatus {
    const key = to === undefined ? '' : describeDestination(to);
    const { state, code, reason, heldUntilMs } =
      to === undefined ? { ...NOT_LOCATED, code: undefined, heldUntilMs: 0 } : this.#health.view(key, nowMs);
    return {
      target: targetText(target),
      ...(to !== undefined && !('send' in to) && { address: to.address }),
      state,
      since: new Date(this.#noted.get(key)?.sinceMs ?? this.#beganMs).toISOString(),
      ...(code !== undefined && { lastCode: code }),
      ...(reason !== '' && { reason }),
      ...(state === 'held' && { heldUntil: new Date(wallMs + heldUntilMs - nowMs).toISOString() }),
    };
  }
}

const NOT_LOCATED = { state: 'unknown', reason: 'not located yet' } as const;

function isAt(to: Flow | Target, { host, port }: HostPort): boolean {
  return !('send' in to) && to.port === port && (to.serverName?.toLowerCase() === host || to.address === host);
}
