import type { Log } from '../base/log.ts';
import type { Calls } from '../call/index.ts';
import type { StoredSetting } from '../outbound/index.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { ServerTransaction } from '../sip/endpoint/index.ts';
import { HeaderId } from '../sip/message/index.ts';
import type { Source } from './admit/admission.ts';
import type { Intake } from './admit/intake.ts';
import type { OutboundGuards } from './route/outbound-guards.ts';
import type { Routing } from './route/routing.ts';
import type { Served } from './served.ts';

export interface PlacementOptions {
  readonly routing: Routing;
  readonly calls: Calls;
  readonly served: Pick<Served, 'directory'>;
  readonly log: Log;
  /** Writes a setting that a dial code asked for; rejects with what the phone is told. */
  readonly storeSetting: (tenant: Tenant, setting: StoredSetting) => Promise<void>;
  readonly intake: Pick<Intake, 'callBegins'>;
  /** Hold what the plan of a call was granted. */
  readonly guards: Pick<OutboundGuards, 'release'>;
}

/** From an admitted INVITE to a call: of the engine, and of one that is only thought through. */
export class Placement {
  readonly #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  invite(transaction: ServerTransaction, source: Source): void {
    const { routing, calls, served, log, storeSetting, intake, guards } = this.#options;
    const { request, flow } = transaction;
    intake.callBegins();
    if (request.headers.has(HeaderId.Replaces)) {
      calls.replace(transaction, routing.legs.ofNewcomer(request, flow, source, served.directory));
      return;
    }
    const { plan, outbound } = routing.route(request, flow, source, served.directory);
    const setting = outbound?.storedSetting;
    if (outbound === undefined || setting === undefined) {
      if (calls.start(transaction, plan) !== undefined) return;
      // It never began, so nothing will end it.
      plan.onEnd();
      guards.release(plan.facts.sessionId);
      return;
    }
    // A dial code that only stores a setting: the answer says what was set, or why not.
    storeSetting(outbound.facts.tenant, setting).then(
      () => transaction.reply(outbound.refusal?.status ?? 200, outbound.refusal?.reason),
      (error: Error) => {
        log.warn('setting-not-stored', { extension: setting.extension, error: error.message });
        transaction.reply(500, 'Setting Not Stored');
      },
    );
  }
}
