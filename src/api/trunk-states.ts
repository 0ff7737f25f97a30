import type { TrunkStatus } from '../trunks/status-facts.ts';

/** What a trunk can be in, as the API tells it and takes it in a question. */
export const TRUNK_STATES = [
  'online',
  'offline',
  'registering',
  'rejected',
  'unknown',
] as const satisfies readonly TrunkStatus['state'][];
