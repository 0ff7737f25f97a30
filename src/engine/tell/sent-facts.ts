import { ownCopy } from '../../base/text.ts';
import type { SentFacts } from '../../call/index.ts';
import type { OutboundPlan, RouteDraft } from '../../outbound/index.ts';

/** What the record of a call says of how it was sent; its texts outlive the INVITE. @param route the one drafted last; undefined when none was */
export function sentFacts({ ruleName }: OutboundPlan, route: RouteDraft | undefined): SentFacts {
  if (route === undefined) return { outboundRule: ruleName };
  const { anonymous, signing, callerIdSource } = route;
  const calledAs = copied(route.calledNumber);
  const outboundCallerId = copied(route.outboundCallerId);
  const sent = {
    outboundRule: ruleName,
    calledAs,
    outboundCallerId,
    outboundCallerIdSource: callerIdSource,
    anonymous,
  };
  if (signing === undefined) return sent;
  const { passport, attestation } = signing;
  return {
    ...sent,
    signed: attestation ?? 'div',
    signedWith: passport.certificate.name,
    originId: passport.ppt === 'shaken' ? passport.claims.origid : undefined,
  };
}

function copied(text: string | undefined): string | undefined {
  return text === undefined ? undefined : ownCopy(text);
}
