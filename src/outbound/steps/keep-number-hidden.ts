import type { RouteState, RouteStep } from '../context.ts';
import { FIELD_LABEL } from '../draft.ts';
import { callerDigits, tells } from './apply-privacy.ts';

const SHOWN = ['from', 'pAssertedIdentity', 'pPreferredIdentity', 'remotePartyIdCalling'] as const;

/**
 * An anonymous call whose number would show on this trunk is refused, not sent. A trunk with `numberMayShow` takes it all the same,
 * but for one whose caller dialled a code to hide the number of this very call. Emergency calls pass: help comes first.
 */
export const keepNumberHidden: RouteStep = {
  name: 'number-hidden',
  run(route, trace) {
    const { call, profile, trunk } = route;
    if (!call.anonymous || profile.hidesNumber || call.emergency) return undefined;
    const field = fieldThatShows(route);
    if (field === undefined) return undefined;
    if (trunk.options.numberMayShow && call.perCall !== 'hide') {
      if (trace.on) {
        const reason = `${field} shows the caller's number: options.numberMayShow allows it`;
        trace.step({ step: 'number-hidden', outcome: 'continue', reason });
      }
      return undefined;
    }
    route.report('number-would-show', field, '', "the trunk's privacy types cannot hide the caller's number");
    return { status: 403, reason: 'Number Cannot Be Hidden On This Trunk', code: 'number-would-show' };
  },
};

function fieldThatShows(route: RouteState): string | undefined {
  const { draft } = route;
  const secrets = callerDigits(route);
  const shows = (text: string) => tells(text, secrets);
  for (const name of SHOWN) {
    const address = draft[name];
    if (address !== undefined && (shows(address.user) || shows(address.displayName))) return FIELD_LABEL[name];
  }
  if (draft.diversion.some(shows)) return 'Diversion';
  return draft.historyInfo.some(shows) ? 'History-Info' : undefined;
}
