/** 32 of them, so that each takes five bits of a random octet without a bias; none that is read for another. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';
const [GROUPS, GROUP_LENGTH] = [4, 5];

/** A password that nobody guesses (100 random bits) and that can be typed into a phone: `k7w2p-…` in four groups. */
export function strongPassword(): string {
  const octets = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP_LENGTH));
  const letters = Array.from(octets, (octet) => LETTERS.charAt(octet % LETTERS.length));
  return Array.from({ length: GROUPS }, () => letters.splice(0, GROUP_LENGTH).join('')).join('-');
}
