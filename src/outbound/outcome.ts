import type { AddressScope } from '../base/address-scope.ts';
import type { HostPort } from '../base/transport.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { LegDraft } from '../sip/message/index.ts';
import type { TrunkHop } from '../trunks/hops.ts';
import type { OutboundEvent } from './explanation.ts';
import type { Signing } from './signing.ts';

/** What the pipeline can end with. A step gives a {@link Refusal}, or undefined to go on. */
export interface Refusal {
  readonly status: number;
  /** Reason phrase for the caller. */
  readonly reason: string;
  /** Stable word for records, metrics and tests. */
  readonly code: string;
  readonly retryAfterSeconds?: number;
}

/** How the leg toward the trunk behaves after the INVITE; the names are the call layer's. */
export interface LegSettings {
  readonly contact: string;
  /** Which of this engine's addresses the leg shows. */
  readonly scope: AddressScope;
  /** What Via says where it does not follow the scope (`rewriteViaHost`). */
  readonly viaHost?: string | undefined;
  readonly viaPort?: number | undefined;
  readonly relayHeaders: readonly string[];
  readonly withholdsPeer: true | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly earlyMediaFailover: boolean;
}

export interface RouteDraft {
  readonly kind: 'draft';
  /** The route of the plan that it is for. */
  readonly index: number;
  /** Where the trunk is told that this engine is. */
  readonly seenAt: HostPort;
  readonly trunk: Trunk;
  readonly draft: LegDraft;
  readonly nextHop: TrunkHop;
  readonly leg: LegSettings;
  /** How it is signed when it is sent; undefined: not by this engine. */
  readonly signing: Signing | undefined;
  readonly maxForwards: number;
  /** The called number on this route, after strip, prepend and plus removal. */
  readonly calledNumber: string;
  /** The caller ID that was chosen, whether or not the call shows it. */
  readonly outboundCallerId: string;
  /** `app`, `extension` …, `extension-number` when no candidate was left. */
  readonly callerIdSource: string;
  readonly anonymous: boolean;
  /** Values of Warning header fields owed to the endpoint in the response. */
  readonly warnings: readonly string[];
  readonly events: readonly OutboundEvent[];
}

export interface RouteRefusal extends Refusal {
  readonly kind: 'refused';
  readonly trunk: Trunk;
  readonly warnings: readonly string[];
  readonly events: readonly OutboundEvent[];
}
