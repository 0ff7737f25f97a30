/** The media sessions of a call: opened for two of its parties, gone on with after another process, and lost. */
import { type MediaRefusal, type MediaSession, NEAR, type SessionUser } from '../media/index.ts';
import type { CallParties } from './call-parties.ts';
import type { Leg, LegCall } from './leg.ts';
import { type MediaEnd, type MediaOffer, mediaParties, mediaQuestion } from './media.ts';
import type { EndedBy, LiveRecord } from './record.ts';
import type { CallMediaSnapshot } from './snapshot.ts';

/** Whose sessions they are; `Call` is it. */
export interface CallWithMedia extends Pick<LegCall, 'env' | 'retain' | 'release'> {
  readonly record: LiveRecord;
  readonly parties: Pick<CallParties, 'caller' | 'callee'>;
  end(by: EndedBy, reason: string, reasons: readonly string[]): void;
  onFault(error: unknown): void;
}

type Opened = MediaSession | MediaRefusal | undefined;

/** Undefined where the media of one of the two is nobody's business. The call has not ended before its sessions have. */
export function openMedia(call: CallWithMedia, near: MediaEnd, far: MediaEnd, offer: MediaOffer): Opened {
  const question = mediaQuestion(near, far, offer);
  if (question === undefined) return undefined;
  const opened: Opened = call.env.media?.open(
    question,
    userOf(call, () => opened),
  );
  // What it has counted is a part of the record.
  if (typeof opened === 'object') call.retain();
  return opened;
}

/** Without the relay that it was on descriptions pass from now on. */
export function resumeMedia(
  call: CallWithMedia,
  { session: kept, isCallerNear, farTag }: CallMediaSnapshot,
  caller: Leg,
  callee: Leg,
): void {
  const [near, far] = isCallerNear ? [caller, callee] : [callee, caller];
  const parties = mediaParties(near.mediaEnd, far.mediaEnd);
  const user = userOf(call, () => session);
  const session = parties && call.env.media?.restore(kept, parties, farTag, user);
  if (session === undefined) return;
  call.retain();
  near.media = { session, tag: NEAR };
  far.media = { session, tag: farTag };
}

function userOf(call: CallWithMedia, session: () => Opened): SessionUser {
  return {
    onMediaLost: (reason) => lost(call, session(), reason),
    onMediaFault: (error) => {
      call.onFault(error);
      const opened = session();
      if (typeof opened === 'object') opened.end();
    },
    onMediaEnded: (statistics) => {
      if (statistics !== undefined) call.record.media = [...call.record.media, statistics];
      call.release();
    },
  };
}

/** Nobody hears anybody any more. */
function lost(call: CallWithMedia, session: Opened, reason: string): void {
  const { caller, callee } = call.parties;
  const isCurrent = caller?.media?.session === session && callee?.media?.session === session;
  if (isCurrent) call.end('engine', reason, ['SIP;cause=408;text="Media Timeout"']);
}
