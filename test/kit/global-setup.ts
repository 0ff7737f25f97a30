import { execFileSync } from 'node:child_process';
import { installMissingPeers, peersSkipped } from './peers.ts';

/** Runs once before the suite: the console is as its sources are, and the real peers are there, or the run says loudly that it goes without them. */
export function setup(): void {
  execFileSync(process.execPath, ['src/console/build.ts'], { stdio: 'inherit' });
  if (!peersSkipped) installMissingPeers();
}

export function teardown(): void {
  if (peersSkipped)
    console.warn('\nTANDEM_SKIP_PEERS=1: the tests against SIPp, baresip, Kamailio and Redis DID NOT RUN.\n');
}
