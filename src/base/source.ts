/**
 * Who is counted, as rates, turns and shares do it: an address, or `peer|part` where a peer has several parts: addresses that it is known by, or
 * kinds of work that are done for it (names that are resolved for a tenant). Then the peer has one share, and within it each of its parts one.
 */
const SEPARATOR = '|';

/** @param peer whose part it is; the part itself where that is an address that stands for nobody else */
export function sourceOf(peer: string, part: string): string {
  return peer === part ? part : `${peer}${SEPARATOR}${part}`;
}

/** The peer that a source is of; the source itself where it has no parts. */
export function peerOf(source: string): string {
  const end = source.indexOf(SEPARATOR);
  return end < 0 ? source : source.slice(0, end);
}
