import type { Calls } from '../call/index.ts';
import type { ServerTransaction } from '../sip/endpoint/index.ts';
import { HeaderId } from '../sip/message/index.ts';
import type { Source } from './admit/admission.ts';
import type { Intake } from './admit/intake.ts';
import type { EngineOptions } from './engine-options.ts';
import type { CallGrants } from './route/call-grants.ts';
import type { Routing } from './route/routing.ts';
import type { Served } from './served.ts';

export interface PlacementOptions extends Pick<EngineOptions, 'log' | 'storeSetting'> {
  readonly routing: Routing;
  readonly calls: Calls;
  readonly served: Pick<Served, 'directory'>;
  readonly intake: Pick<Intake, 'callBegins'>;
  /** Hold what the plan of a call was granted. */
  readonly grants: Pick<CallGrants, 'release'>;
}

/** From an admitted INVITE to a call: of the engine, and of one that is only thought through. */
export class Placement {
  readonly #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  invite(transaction: ServerTransaction, source: Source): void {
    const { routing, calls, served, log, intake, grants } = this.#options;
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
      grants.release(plan.facts.sessionId);
      return;
    }
    // A dial code that only stores a setting: the answer says what was set, or why not.
    this.#options.storeSetting(outbound.facts.tenant, setting).then(
      () => transaction.reply(outbound.refusal?.status ?? 200, outbound.refusal?.reason),
      (error: Error) => {
        log.warn('setting-not-stored', { extension: setting.extension, error: error.message });
        transaction.reply(500, 'Setting Not Stored');
      },
    );
  }
}
