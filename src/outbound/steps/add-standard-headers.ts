import { derived } from '../../base/derived.ts';
import type { SessionTimerPolicy } from '../../provisioning/trunk-settings/schema.ts';
import { HeaderId, type Headers } from '../../sip/message/index.ts';
import type { RouteStep } from '../context.ts';
import type { HeaderField } from '../draft.ts';
import type { NodeFacts } from '../facts.ts';
import { originOf } from '../trunk-profile.ts';

/** Header fields that depend on the node and on the trunk's session timer only; made once for each pair. */
const rendered = derived((_node: NodeFacts) => new WeakMap<SessionTimerPolicy, readonly HeaderField[]>());

/** Session timer (RFC 4028) and the header fields that every INVITE of ours carries, in the order of the guide's sample. */
export const addStandardHeaders: RouteStep = {
  name: 'standard-headers',
  run(route, trace) {
    const { node, request } = route.call.facts;
    const { sessionTimer } = route.trunk.options;
    const byTimer = rendered(node);
    const fields = byTimer.get(sessionTimer) ?? render(node, sessionTimer);
    byTimer.set(sessionTimer, fields);
    // RFC 3262 §5: a reliable response may hold the offer when the INVITE has none; only an endpoint that sends PRACK can answer it.
    const isUnanswerable = request.body === '' && !knowsReliability(request.headers);
    route.draft.standard = isUnanswerable ? withoutReliability(fields) : fields;
    if (trace.on) {
      for (const [field, value] of route.draft.standard) {
        const isTimer = field === 'Session-Expires' || field === 'Min-SE';
        const reason = isTimer ? `options.sessionTimer.mode: ${sessionTimer.mode}` : 'what this engine can do';
        trace.field({
          field,
          value,
          source: isTimer ? 'sessionTimer' : 'engine',
          origin: isTimer
            ? originOf(route.trunk, `options.sessionTimer.${field === 'Min-SE' ? 'minSeconds' : 'expiresSeconds'}`)
            : 'engine',
          reason,
        });
      }
    }
    return undefined;
  },
};

const RELIABILITY = '100rel';

function knowsReliability(headers: Headers): boolean {
  return [HeaderId.Supported, HeaderId.Require].some((id) =>
    headers.listValues(id).some((tag) => tag.toLowerCase() === RELIABILITY),
  );
}

function withoutReliability(fields: readonly HeaderField[]): HeaderField[] {
  return fields.flatMap(([name, value]): HeaderField[] => {
    if (name !== 'Supported') return [[name, value]];
    const tags = value.split(', ').filter((tag) => tag !== RELIABILITY);
    return tags.length === 0 ? [] : [[name, tags.join(', ')]];
  });
}

function render(node: NodeFacts, timer: SessionTimerPolicy): HeaderField[] {
  const fields: HeaderField[] = [];
  const isAsked = timer.mode === 'request' || timer.mode === 'require';
  if (isAsked) {
    // RFC 4028 §7.1: a first request names `uac` or leaves the choice to the peer, which may not know the timer.
    const refresher = timer.refresher === 'uac' ? ';refresher=uac' : '';
    // §5: an interval below Min-SE would contradict itself.
    const minSeconds = Math.min(timer.minSeconds, timer.expiresSeconds);
    fields.push(['Session-Expires', `${timer.expiresSeconds}${refresher}`], ['Min-SE', String(minSeconds)]);
  }
  if (node.acceptLanguage !== '') fields.push(['Accept-Language', node.acceptLanguage]);
  fields.push(['Allow', node.allow]);
  // RFC 4028 §7.1: `timer` in Supported says that a session timer is understood; in Require, that it is a must.
  const tags = timer.mode === 'off' ? node.supported : [...node.supported, 'timer'];
  if (tags.length > 0) fields.push(['Supported', tags.join(', ')]);
  if (timer.mode === 'require') fields.push(['Require', 'timer']);
  if (node.userAgent !== '') fields.push(['User-Agent', node.userAgent]);
  return fields;
}
