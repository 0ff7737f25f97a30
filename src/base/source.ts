/**
 * Who sends, as rates, turns and shares count it: an address, or `peer|address` where the address is one of many that a peer is known by.
 * Then the peer has one share, and within it each of its addresses one.
 */
const SEPARATOR = '|';

/** @param peer whose address it is; the address itself where it stands for nobody else */
export function sourceOf(peer: string, address: string): string {
  return peer === address ? address : `${peer}${SEPARATOR}${address}`;
}

/** The peer that a source is of; the source itself where that is one address. */
export function peerOf(source: string): string {
  const end = source.indexOf(SEPARATOR);
  return end < 0 ? source : source.slice(0, end);
}
