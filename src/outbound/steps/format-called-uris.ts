import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { RouteStep } from '../context.ts';
import { type Address, FIELD_LABEL } from '../draft.ts';
import type { Trace } from '../trace.ts';
import { originOf } from '../trunk-profile.ts';

/** `removePlus` acts last of all that touches the number, on Request-URI and To (behaviour 9). */
export const removePlus: RouteStep = {
  name: 'plus-removal',
  run(route, trace) {
    if (!route.trunk.options.removePlus) return undefined;
    for (const field of ['requestUri', 'to'] as const) {
      const address = route.draft[field];
      if (!address.user.startsWith('+')) continue;
      address.user = address.user.slice(1);
      if (trace.on) {
        trace.field({
          field: `${FIELD_LABEL[field]}.user`,
          value: address.user,
          source: 'removePlus',
          origin: originOf(route.trunk, 'options.removePlus'),
          reason: 'options.removePlus takes the + off',
        });
      }
    }
    return undefined;
  },
};

/**
 * `tel:` URIs in Request-Line and To: the same digits and no host (behaviour 9).
 * DEVIATION: RFC 3966 §5.1.5 wants a phone-context on a number without `+`; the guide's carriers take the bare digits.
 */
export const writeTelUris: RouteStep = {
  name: 'tel-uri',
  run(route, trace) {
    const { draft, trunk } = route;
    if (trunk.options.telUriRequestLine)
      toTel(draft.requestUri, 'Request-URI', trunk, 'options.telUriRequestLine', trace);
    if (trunk.options.telUriTo) toTel(draft.to, 'To', trunk, 'options.telUriTo', trace);
    return undefined;
  },
};

/**
 * RFC 3966 §3: a global number is `+` and digits, a local one digits, `*` and `#`, either with visual separators and at least one
 * that is none; any other user part stays a SIP URI.
 */
const GLOBAL_NUMBER = /^\+[().-]*[0-9][0-9().-]*$/;
const LOCAL_NUMBER = /^[().-]*[0-9*#][0-9*#().-]*$/;

function toTel(address: Address, field: string, trunk: Trunk, option: string, trace: Trace): void {
  const isNumber = GLOBAL_NUMBER.test(address.user) || LOCAL_NUMBER.test(address.user);
  address.tel = isNumber;
  if (trace.on) {
    const reason = isNumber ? option : `${option} is on, but the user part is no number (RFC 3966 §3)`;
    trace.field({
      field: `${field}.scheme`,
      value: isNumber ? 'tel' : 'sip',
      source: option,
      origin: originOf(trunk, option),
      reason,
    });
  }
}
