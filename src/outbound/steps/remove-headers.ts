import type { RouteStep } from '../context.ts';
import { FIELD_LABEL } from '../draft.ts';

const REMOVABLE = ['pAssertedIdentity', 'pPreferredIdentity', 'pCalledPartyId'] as const;

/** Drops what the trunk's `removeHeaders`, or the custom user `remove`, names, whoever put it there (guide "Remove SIP Headers"). */
export const removeHeaders: RouteStep = {
  name: 'header-removal',
  run(route, trace) {
    const { draft, profile } = route;
    for (const name of REMOVABLE) {
      if (!profile.removed.has(name) && !route.removed.includes(name)) continue;
      const wasThere = draft[name] !== undefined;
      draft[name] = undefined;
      if (trace.on && wasThere) {
        trace.field({
          field: FIELD_LABEL[name],
          value: '',
          source: 'removal',
          origin: 'trunk',
          reason: 'not sent: the trunk removes it',
          dropped: true,
        });
      }
    }
    return undefined;
  },
};
