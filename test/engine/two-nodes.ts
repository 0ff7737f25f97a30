/** Two engines of one store on a simulated network; which phones are at the other one, the first has from the store. */
import { NO_PEERS, type PeerNodes } from '../../src/engine/peer-nodes.ts';
import { aorKey } from '../../src/registrar/index.ts';
import { type SipMessage, serialize } from '../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../kit/simulated-network.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { binding } from '../store/records.ts';
import { ENGINE, Phone, World, type WorldOptions } from './world.ts';

/** Where the node `two` is; `one` is at {@link ENGINE}. */
export const OTHER = '198.51.100.77';
const SECRET = new Uint8Array(32).fill(7);

/** A phone whose way leads to the node `two`. */
export class PhoneThere extends Phone {
  override send(message: SipMessage | string): void {
    this.peer.send(typeof message === 'string' ? message : serialize(message), OTHER);
  }
}

/**
 * @param publicHosts what each tells parties outside; its address when left out
 * @param isHeardOf whether the second node has heard of the first; it has when left out
 */
export async function twoNodes(
  shared: Omit<WorldOptions, 'after' | 'settings' | 'engine'>,
  publicHosts?: { readonly one: string; readonly two: string },
  isHeardOf: () => boolean = () => true,
): Promise<{ readonly one: World; readonly two: World }> {
  const scheduler = new VirtualScheduler();
  const after = { scheduler, network: new SimulatedNetwork(scheduler) };
  const peer = (name: 'one' | 'two', address: string): PeerNodes => ({
    ...NO_PEERS,
    names: () => [name],
    addressOf: (node) => (node === name ? { transport: 'udp', address, port: 5060 } : undefined),
    isPeerAddress: (each) => each === address && (name === 'two' || isHeardOf()),
    ...(publicHosts && {
      advertised: (_node, _transport, scope) => ({
        host: scope === 'public' ? publicHosts[name] : address,
        port: 5060,
      }),
    }),
  });
  const advertise = (name: 'one' | 'two') => publicHosts && { advertise: { publicHost: publicHosts[name] } };
  const one = await World.start({
    ...shared,
    after,
    settings: { node: 'one', ...advertise('one') },
    engine: { nonceSecret: SECRET, peers: peer('two', OTHER) },
  });
  const two = await World.start({
    ...shared,
    after,
    settings: { node: 'two', ...advertise('two'), listen: [{ transport: 'udp', host: OTHER, port: 5060 }] },
    engine: {
      nonceSecret: SECRET,
      peers: peer('one', ENGINE),
      createTransport: after.network.transportAt(OTHER),
    },
  });
  return { one, two };
}

/** The store tells the first node of a phone, or gateway, that registered at the other one. */
export function registeredThere(one: World, user: string, domain: string, address: string): void {
  const aor = aorKey(user, domain);
  const own = { transport: 'udp' as const, address, port: 5060 };
  const nowMs = one.scheduler.wallMs();
  one.engine.registrations.registrar.applyRemote(aor, [
    binding(aor, {
      contactUri: `sip:${user}@${address}:5060`,
      path: [],
      source: own,
      target: own,
      node: 'two',
      refreshedAtWallMs: nowMs,
      expiresAtWallMs: nowMs + 600_000,
    }),
  ]);
}
