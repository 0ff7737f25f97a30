import { refusesPrivacy, withheldBy } from '../../sip/message/index.ts';
import type { CallStep, PlanState } from '../context.ts';

/**
 * Whether the call is anonymous (RFC 3323, behaviour "Privacy"). What is said for this call beats what is stored, hiding beats
 * showing, and `Privacy: none` is honoured against everything but a code that was dialled.
 */
export const decidePresentation: CallStep = {
  name: 'presentation',
  run(call, trace) {
    // Whoever helps must be able to call back, and no trunk may refuse the call for a privacy that it cannot give.
    const hidden = !call.emergency ? reasonToHide(call) : undefined;
    call.anonymous = hidden !== undefined;
    call.anonymousReason = hidden ?? '';
    if (trace.on) {
      const reason = hidden === undefined ? 'caller ID is shown' : `anonymous: ${hidden}`;
      trace.step({ step: 'presentation', outcome: 'continue', reason });
    }
    return undefined;
  },
};

function reasonToHide(call: PlanState): string | undefined {
  const { caller, forwarding, request } = call.facts;
  // The first caller's wish goes along with the call (RFC 3323 §5: a privacy service acts for the originator).
  if (forwarding?.originator?.anonymous === true) return 'the caller who was forwarded is anonymous';
  if (call.perCall === 'hide') return 'the dial code asks for it';
  // RFC 3323 §4.2: `none` — privacy services must not withhold anything.
  if (refusesPrivacy({ values: request.privacy })) return undefined;
  const wish = withheldBy({ values: request.privacy, remoteParty: request.remoteParty });
  if (wish !== undefined) return `the endpoint sent ${wish}`;
  // RFC 3323 §4.1.1.3
  if (request.anonymousBy !== undefined) return `the endpoint sent an anonymous ${request.anonymousBy}`;
  if (call.perCall === 'show') return undefined;
  if (caller.kind === 'extension' && caller.extension.anonymousCalls) return 'the extension always calls anonymously';
  return undefined;
}
