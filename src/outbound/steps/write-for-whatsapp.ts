import { whatsappCalls } from '../../provisioning/trunk-settings/whatsapp.ts';
import type { RouteStep } from '../context.ts';
import { writeInternational } from './write-for-teams.ts';

/** WhatsApp takes E.164 numbers with `+`, over TLS, which the Request-URI says. A number that cannot be written so is refused here. */
export const writeForWhatsapp: RouteStep = {
  name: 'whatsapp',
  run(route, trace) {
    if (whatsappCalls(route.trunk) === undefined) return undefined;
    for (const name of ['requestUri', 'to'] as const)
      if (!writeInternational(route, route.draft[name], name, trace))
        return { status: 484, reason: 'Address Incomplete', code: 'not-e164' };
    route.draft.requestUri.uriParams += ';transport=tls';
    return undefined;
  },
};
