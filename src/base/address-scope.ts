/** Which of a node's addresses a peer is told: the one seen from outside, or the one of the private network. */
export type AddressScope = 'public' | 'private';
