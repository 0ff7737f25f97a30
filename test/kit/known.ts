/** Addresses of known peers, each a source of its own, as the gate and the inbox ask for them. */
export function knownBy(isKnown: (address: string) => boolean) {
  return { sourceOf: (address: string) => (isKnown(address) ? address : undefined) };
}
