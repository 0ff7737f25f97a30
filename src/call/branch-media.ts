import { InOrder } from '../base/in-order.ts';
import { type MediaRefusal, type MediaSession, NEAR } from '../media/index.ts';
import {
  descriptionIn,
  type LegDraft,
  replaceDescription,
  type SipRequest,
  type SipResponse,
  sessionDescriptionOf,
  withDescription,
} from '../sip/message/index.ts';
import { addressOf } from './destination.ts';
import type { LegCall } from './leg.ts';
import type { MediaEnd, MediaPlace } from './media.ts';
import type { BranchPlan } from './plan.ts';
import type { Destination } from './ports.ts';
import { clearBody } from './relayed-headers.ts';

/** For whom the branch is called. */
interface DescribedUser {
  readonly call: LegCall;
  readonly user: { readonly mediaEnd: MediaEnd };
}

interface DescribedInvite {
  readonly to: Destination;
  readonly seen: Pick<BranchPlan, 'draft' | 'options'>;
}

/** What one INVITE of a branch describes, and what the callee answers: each as the other party shall have it. */
export class BranchMedia {
  readonly #call: LegCall;
  readonly #near: MediaEnd;
  readonly #far: MediaEnd;
  readonly #arrivals = new InOrder();
  #session: MediaSession | undefined = undefined;
  /** The body of the INVITE. */
  body: string;
  /** The body is a description that the draft has none of. */
  isMadeUp = false;
  #ended = false;

  /** `near` is who the branch is called for, `far` the callee at the target that is tried. */
  private constructor(call: LegCall, near: MediaEnd, far: MediaEnd, body: string) {
    this.#call = call;
    this.#near = near;
    this.#far = far;
    this.body = body;
  }

  /** Undefined where the media of the two is nobody's business. */
  static between({ call, user }: DescribedUser, { to, seen }: DescribedInvite): BranchMedia | undefined {
    const { media } = seen.options;
    const { mediaEnd: near } = user;
    if (call.env.media?.concerns(near.media, media) !== true) return undefined;
    return new BranchMedia(call, near, { media, address: addressOf(to) }, seen.draft.body);
  }

  /** Makes {@link body} of a draft's. `done` is called at once where no relay is asked, and not at all after `end`. */
  offer({ headers, body }: LegDraft, done: (refusal: MediaRefusal | undefined) => void): void {
    const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    const sdp = descriptionIn(contentType, body);
    if (sdp === undefined) {
      if (this.#far.media?.needsOffer === true) this.#makeUp(done);
      // Without an offer the callee makes one.
      else done(undefined);
      return;
    }
    const opened = this.#call.openMedia(this.#near, this.#far, { offerer: 'near', sdp });
    if (opened === undefined || typeof opened === 'string') {
      done(opened);
      return;
    }
    const offerIn = (session: MediaSession) => {
      this.#session = session;
      session.offer(NEAR, undefined, sdp, (described, refusal = 'no-relay') => {
        if (this.#ended) return;
        const passing = described === undefined && session.mayPass ? session.withoutRelay() : undefined;
        if (described !== undefined) this.body = withDescription(contentType, body, described);
        else if (session.mayPass) this.#drop();
        if (passing === undefined || passing === session)
          done(described === undefined && !session.mayPass ? refusal : undefined);
        else offerIn(passing);
      });
    };
    offerIn(opened);
  }

  #makeUp(done: (refusal: MediaRefusal | undefined) => void): void {
    const opened = this.#call.openMedia(this.#near, this.#far, { offerer: 'near', sdp: undefined });
    if (opened === undefined || typeof opened === 'string') {
      done(opened ?? 'no-relay');
      return;
    }
    this.#session = opened;
    opened.makeUpOffer((described) => {
      if (this.#ended) return;
      this.isMadeUp = described !== undefined;
      this.body = described ?? '';
      done(described === undefined ? 'no-relay' : undefined);
    });
  }

  /** The place of a callee that answers with this tag. */
  placeOf(remoteTag: string): MediaPlace | undefined {
    return this.#session === undefined ? undefined : { session: this.#session, tag: `far-${remoteTag}` };
  }

  /**
   * Puts what the caller's side shall have into a response; responses go on in the order in which they came. False: a 2xx for which
   * there is no description.
   */
  receive(response: SipResponse, invite: SipRequest, go: (isDescribed: boolean) => void): void {
    const sdp = response.status < 300 ? this.#sdpOf(response, invite) : undefined;
    if (this.#session === undefined && sdp === undefined) {
      go(true);
      return;
    }
    this.#arrivals.run((done) => {
      this.#describe(response, sdp, invite, (isDescribed) => {
        go(isDescribed);
        done();
      });
    });
  }

  /** The session is a leg's from now on, which ends it. */
  handOver(): void {
    this.#ended = true;
    this.#session = undefined;
  }

  end(): void {
    const session = this.#session;
    this.handOver();
    session?.end();
  }

  #sdpOf(response: SipResponse, invite: SipRequest): string | undefined {
    if (this.#session === undefined && invite.body !== '') return undefined;
    return this.#ended ? undefined : sessionDescriptionOf(response);
  }

  #describe(
    response: SipResponse,
    sdp: string | undefined,
    invite: SipRequest,
    go: (isDescribed: boolean) => void,
  ): void {
    const offers = invite.body === '';
    if (this.#session === undefined && !this.#ended && offers && sdp !== undefined) {
      const opened = this.#call.openMedia(this.#near, this.#far, { offerer: 'far', sdp });
      if (typeof opened === 'string') {
        this.#undescribed(response, go);
        return;
      }
      this.#session = opened;
    }
    const place = this.placeOf(response.toTag() ?? '');
    if (place === undefined || sdp === undefined) {
      go(true);
      return;
    }
    place.session[offers ? 'offer' : 'answer'](place.tag, NEAR, sdp, (described) => {
      if (described === undefined && !place.session.mayPass) {
        this.#undescribed(response, go);
        return;
      }
      if (described !== undefined) replaceDescription(response, described);
      go(true);
    });
  }

  /** A provisional response goes on without its description, as ringing. */
  #undescribed(response: SipResponse, go: (isDescribed: boolean) => void): void {
    if (response.status < 200) clearBody(response);
    go(response.status < 200);
  }

  #drop(): void {
    this.#session?.end();
    this.#session = undefined;
  }
}
