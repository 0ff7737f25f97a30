import { installMissingPeers, peersSkipped } from './peers.ts';

/** Runs once before the suite: the real peers are there, or the run says loudly that it goes without them. */
export function setup(): void {
  if (!peersSkipped) installMissingPeers();
}

export function teardown(): void {
  if (peersSkipped)
    console.warn('\nTANDEM_SKIP_PEERS=1: the tests against SIPp, baresip, Kamailio and Redis DID NOT RUN.\n');
}
