import type { Scheduler } from '../base/scheduler.ts';
import { steadyAnswer, steadyOffer } from '../media/index.ts';
import {
  createResponse,
  HeaderId,
  type SipRequest,
  type SipResponse,
  sessionDescriptionOf,
} from '../sip/message/index.ts';
import type { MediaPlace } from './media.ts';

/** A leg whose peer takes no re-INVITE. */
interface SteadyLeg {
  readonly env: { readonly scheduler: Scheduler };
  readonly media: MediaPlace | undefined;
  onFault(error: unknown): void;
}

/**
 * Answers a re-INVITE in place of a peer that takes none (WhatsApp): with what that peer has described last, which a media relay brings
 * together with whatever the other side is now. What the relay cannot level is refused with 488, and the session stays as it was.
 */
export function standInFor(leg: SteadyLeg, request: SipRequest, answer: (response: SipResponse) => void): void {
  const { env, media } = leg;
  const own = media?.session.describedBy(media.tag);
  const offer = sessionDescriptionOf(request);
  const body = own === undefined ? undefined : offer === undefined ? steadyOffer(own) : steadyAnswer(own, offer);
  const response = createResponse(request, body === undefined ? 488 : 200);
  if (body !== undefined) {
    response.headers.add(HeaderId.ContentType, 'application/sdp');
    response.body = body;
  }
  // Whoever asks expects the answer after the question.
  env.scheduler.schedule(0, { onTimer: () => answer(response), onFault: (error) => leg.onFault(error) }, 0);
}
