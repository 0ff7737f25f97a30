/** What a trunk shows of itself: how it is, for people, and whether calls may be tried over it. */
import type { Clock } from '../base/scheduler.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { Registration } from './registration.ts';
import type { TrunkStatus } from './status-facts.ts';

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
  /** It is full by what the carrier said of another call alone: one that no other trunk can take is tried all the same. */
  readonly isByWord?: boolean;
  /** Why it is down or full, in words. */
  readonly reason: string;
  /** Service-Route values of a registered trunk (RFC 3608), first hop first. */
  readonly serviceRoutes?: readonly string[] | undefined;
  /** The node that its calls leave through, because that one is registered (`registeredNodeOnly`); absent: this one. */
  readonly through?: string;
}
