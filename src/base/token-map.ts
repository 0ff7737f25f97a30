import { LinkedPlaces } from './linked-places.ts';

/** What a {@link TokenMap} holds; it links entries itself. */
export interface TokenEntry<T> {
  /** Never changes while the entry is held. */
  readonly token: string;
  /** The map's own: the next entry of the same place. */
  nextHeld: T | undefined;
}

/** So many characters at the end of a token say where it is held. */
const TELLING = 8;

/**
 * Entries by tokens that this engine has drawn itself: branches and tags. A token is random already, so a few of its characters are the
 * hash. Entries may share a token. Not for names that peers choose: they could choose them so that all are held in one place.
 */
export class TokenMap<T extends TokenEntry<T>> extends LinkedPlaces<T> {
  /** The entry of this token that was added last. */
  first(token: string): T | undefined {
    return sameToken(token, this.firstAt(hashOf(token)));
  }

  /** The one of the same token that was added before it. */
  next(entry: T): T | undefined {
    return sameToken(entry.token, entry.nextHeld);
  }

  protected hashOf({ token }: T): number {
    return hashOf(token);
  }

  protected linkOf(entry: T): T | undefined {
    return entry.nextHeld;
  }

  protected link(entry: T, next: T | undefined): void {
    entry.nextHeld = next;
  }
}

function hashOf(token: string): number {
  let hash = 0;
  for (let index = Math.max(token.length - TELLING, 0); index < token.length; index++)
    hash = Math.imul(hash, 31) + token.charCodeAt(index);
  // Hexadecimal digits differ in few bits.
  return hash ^ (hash >>> 7) ^ (hash >>> 17);
}

function sameToken<T extends TokenEntry<T>>(token: string, from: T | undefined): T | undefined {
  let entry = from;
  while (entry !== undefined && entry.token !== token) entry = entry.nextHeld;
  return entry;
}
