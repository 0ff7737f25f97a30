/** A trunk's state as people and the outbound pipeline see it, composed of its registration, its binding and its targets. */

import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { Registration } from './registration.ts';
import type { TrunkStatus } from './status-facts.ts';
import type { TargetVerdict } from './target-health.ts';

export type TrunkStateName = TrunkStatus['state'];

export interface TrunkHealth {
  readonly state: TrunkStateName;
  /** Status of the last answer that had a say. */
  readonly code: number | undefined;
  readonly reason: string;
}

/** As those say it is who reach the provider another way than by SIP. */
export interface ToldHealth extends TrunkHealth {
  readonly state: 'online' | 'offline' | 'unknown';
}

/** Whether a trunk registers with its provider (`registration: off` trunks only answer challenges). */
export function registers(trunk: Trunk): boolean {
  return (
    trunk.type === 'register' && trunk.enabled && trunk.options.registration === 'on' && trunk.credentials !== undefined
  );
}

/** The gateway of an accept-register trunk. */
export interface GatewayBinding {
  /** It is registered nowhere. */
  readonly isMissing: boolean;
  /** It is registered at another node. */
  readonly isElsewhere: boolean;
}

/** `gateway`: of an accept-register trunk alone; `elsewhere`: how the node that registers this trunk, or has its gateway, says it is; undefined when none has said. */
export function healthOf(
  trunk: Trunk,
  registration: Registration | undefined,
  gateway: GatewayBinding | undefined,
  targets: TargetVerdict,
  elsewhere: (trunkId: string) => TrunkHealth | undefined,
): TrunkHealth {
  if (!trunk.enabled) return { state: 'offline', code: undefined, reason: 'disabled' };
  if (registration?.isElsewhere === true) {
    const told = elsewhere(trunk.id);
    if (told !== undefined) return told;
  }
  if (gateway?.isElsewhere === true) {
    const told = elsewhere(trunk.id);
    // Nodes tell of trouble only.
    if (told !== undefined && told.state !== 'online') return told;
    return { state: 'online', code: undefined, reason: 'its gateway is registered at another node' };
  }
  if (registration !== undefined && registration.state !== 'registered') return ofRegistration(registration);
  if (gateway?.isMissing === true) {
    return { state: 'offline', code: undefined, reason: 'its gateway is not registered' };
  }
  if (targets.liveness === 'down') return { state: 'offline', code: targets.code, reason: targets.reason };
  if (registration !== undefined) return { state: 'online', code: registration.lastCode, reason: registration.reason };
  if (targets.liveness === 'up') return { state: 'online', code: targets.code, reason: targets.reason };
  if (trunk.type === 'accept-register')
    return { state: 'online', code: undefined, reason: 'its gateway is registered' };
  const reason = trunk.options.keepAlive.enabled ? targets.reason : 'not asked: keep-alive is off';
  return { state: 'unknown', code: undefined, reason };
}

/** Whether calls may go out: an unknown trunk may work, one that another node registers does. */
export function isUp(state: TrunkStateName): boolean {
  return state === 'online' || state === 'unknown';
}

function ofRegistration({ state, lastCode, reason }: Registration): TrunkHealth {
  switch (state) {
    case 'standby':
      return { state: 'unknown', code: lastCode, reason };
    case 'registering':
      return { state: 'registering', code: lastCode, reason };
    case 'rejected':
      return { state: 'rejected', code: lastCode, reason };
    case 'registered':
      return { state: 'online', code: lastCode, reason };
    case 'failed':
    case 'ended':
      return { state: 'offline', code: lastCode, reason };
    default:
      return state satisfies never;
  }
}
