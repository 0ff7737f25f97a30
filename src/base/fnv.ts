/** FNV-1a over the characters of a text, or of a part of it: 32 bits that tell texts apart. Not for what must be unguessable. */
export function fnv1a(text: string, start = 0, end = text.length): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The same over octets, which gives what the latin1 text of them gives. */
export function fnv1aOctets(octets: Uint8Array, start = 0, end = octets.length): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ (octets[index] as number), 0x01000193);
  return hash >>> 0;
}

/** 32 bits of two hashes, of which every bit depends on all bits of the first one: those of texts that are alike must not cancel out. */
export function combined(first: number, second: number): number {
  let mixed = Math.imul(first ^ (first >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15) ^ second) >>> 0;
}
