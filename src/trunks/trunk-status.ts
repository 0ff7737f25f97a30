/** What a trunk shows of itself: how it is, for people, and whether calls may be tried over it. */
import type { Clock } from '../base/scheduler.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { TrunkAlarm } from './coincidence-watch.ts';
import type { DatacentreStatus } from './datacentres.ts';
import type { TrunkStateName } from './health.ts';
import type { Registration } from './registration.ts';

export interface TrunkStatus {
  readonly trunkId: string;
  readonly name: string;
  readonly type: string;
  readonly state: TrunkStateName;
  /** ISO 8601. */
  readonly since: string;
  readonly lastCode?: number;
  readonly reason?: string;
  readonly activeCalls: number;
  /** Another node registers the trunk, or has its gateway: this is what that one has told. */
  readonly elsewhere?: true;
  /** What somebody has to look at though calls go on. */
  readonly alarms?: readonly TrunkAlarm[];
  /** Of a teams trunk: each datacentre, in the order in which they are tried. */
  readonly datacentres?: readonly DatacentreStatus[];
  /** Where the trunk is registered and for how long each time. */
  readonly registration?: { readonly server: string; readonly grantedSeconds: number; readonly expiresAt: string };
}

/** Nothing while no server has it. */
export function registrationRow({ grant }: Registration, clock: Clock): Pick<TrunkStatus, 'registration'> {
  if (grant === undefined) return {};
  const { to, seconds: grantedSeconds, lapsesAtMs } = grant;
  const expiresAt = new Date(clock.wallMs() + Math.max(lapsesAtMs - clock.nowMs(), 0)).toISOString();
  return { registration: { server: describeDestination(to), grantedSeconds, expiresAt } };
}

/** Whether calls may be tried over a trunk, as the outbound pipeline asks. */
export interface TrunkCondition {
  /** False: keep-alive or registration says that the trunk is down. */
  readonly up: boolean;
  /** True: a limit of the trunk, or of the tenant on it, is reached. */
  readonly full: boolean;
  /** Why it is down or full, in words. */
  readonly reason: string;
  /** Service-Route values of a registered trunk (RFC 3608), first hop first. */
  readonly serviceRoutes?: readonly string[] | undefined;
  /** The node that its calls leave through, because that one is registered (`registeredNodeOnly`); absent: this one. */
  readonly through?: string;
}
