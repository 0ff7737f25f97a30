import type { MediaParty } from './decide.ts';
import { chooseCodecs } from './sdp.ts';
import type { MediaStatistics } from './statistics.ts';

/**
 * Why two parties cannot be brought together: no relay answers, no codec is left, or the relay cannot read what is offered.
 */
export type MediaRefusal = 'no-relay' | 'no-codec' | 'unreadable';

/** Gets the description for the other side; undefined when there is none, with the reason where it is another than `no-relay`. */
export type Described = (sdp: string | undefined, refusal?: MediaRefusal) => void;

/** The next has its turn, whatever becomes of what is told. */
export function thenNext(done: Described, next: () => void): Described {
  return (sdp, refusal) => {
    try {
      done(sdp, refusal);
    } finally {
      next();
    }
  };
}

export interface SessionUser {
  /** The relay has ended the session by itself: nothing came from a party for too long, or the relay was started anew. */
  onMediaLost(reason: 'media-timeout' | 'media-lost'): void;
  /** A defect met what an answer of the relay, or its silence, was told to. */
  onMediaFault(error: unknown): void;
  /** Once, after `end`. Undefined: nothing is known of it. */
  onMediaEnded(statistics: MediaStatistics | undefined): void;
}

/** The two parties: `near` began, its tag is {@link NEAR}; every other tag is a `far` one, of which a fork makes several. */
export interface SessionParties {
  readonly near: MediaParty;
  readonly far: MediaParty;
}

export const NEAR = 'near';

/** One that says yes is enough: it knows that its side can do without. */
export function mayPass({ near, far }: SessionParties): boolean {
  return near.withoutRelay === 'pass' || far.withoutRelay === 'pass';
}

/** Only the codecs of both sides; a description is as it came where nobody has asked for any. */
export function withCodecs(sdp: string, { near, far }: SessionParties): string | undefined {
  let chosen: string | undefined = sdp;
  for (const { codecs } of [near, far])
    if (chosen !== undefined && codecs.length > 0) chosen = chooseCodecs(chosen, codecs);
  return chosen;
}

/** Descriptions do not pass to it octet for octet. */
export function isChoosy({ codecs, holdsInactive }: Pick<MediaParty, 'codecs' | 'holdsInactive'>): boolean {
  return codecs.length > 0 || holdsInactive === true;
}

/** A side that stays as it is and gets another party: its tag in the session that it has, and its side in the new one. */
export interface JoiningSide {
  readonly tag: string;
  readonly side: 'near' | 'far';
}
