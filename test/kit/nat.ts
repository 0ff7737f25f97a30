/** A host behind a NAT: network namespaces of this test's own, joined to this one by a pair of interfaces. Needs root. */
import { Namespace, runCommand } from './namespace.ts';
import { peerCommand } from './peers.ts';

export interface NatNetwork {
  /** Address of this side, which the host behind the NAT reaches. */
  readonly outside: string;
  /** Address that everything from behind the NAT comes from. */
  readonly translated: string;
  /** The host's own address, which nobody reaches from outside. */
  readonly inside: string;
  /** Runs a command on the host behind the NAT. */
  readonly wrapper: readonly string[];
  remove(): void;
}

let made = 0;

export function makeNat(): NatNetwork {
  const name = `tnd${process.pid}n${made++}`.slice(-11);
  const block = (process.pid % 200) + 20;
  const [outside, translated] = [`10.${block}.${made}.1`, `10.${block}.${made}.2`];
  const [gateway, inside] = ['192.168.201.1', '192.168.201.2'];
  const ip = peerCommand('ip');
  const router = new Namespace();
  const host = new Namespace();
  const own = (...args: string[]) => runCommand([ip, ...args]);
  const remove = () => {
    // An interface goes with the namespace of its other end.
    router.end();
    host.end();
  };
  try {
    own('link', 'add', `${name}o`, 'type', 'veth', 'peer', 'name', 'out', 'netns', router.pid);
    own('addr', 'add', `${outside}/24`, 'dev', `${name}o`);
    own('link', 'set', `${name}o`, 'up');
    router.run(ip, 'link', 'add', 'in', 'type', 'veth', 'peer', 'name', 'eth', 'netns', host.pid);
    router.run(ip, 'addr', 'add', `${translated}/24`, 'dev', 'out');
    router.run(ip, 'addr', 'add', `${gateway}/24`, 'dev', 'in');
    host.run(ip, 'addr', 'add', `${inside}/24`, 'dev', 'eth');
    for (const link of ['lo', 'out', 'in']) router.run(ip, 'link', 'set', link, 'up');
    for (const link of ['lo', 'eth']) host.run(ip, 'link', 'set', link, 'up');
    host.run(ip, 'route', 'add', 'default', 'via', gateway);
    const within = (...args: string[]) => router.run(...args);
    within('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    const nft = peerCommand('nft');
    within(nft, 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }');
    within(nft, 'add rule ip nat post oifname "out" masquerade');
    // The test's own way to the host: TCP, which it has no calls over.
    within(nft, 'add chain ip nat pre { type nat hook prerouting priority -100; }');
    within(nft, `add rule ip nat pre iifname "out" meta l4proto tcp dnat to ${inside}`);
    // What nobody behind it has asked for does not come in.
    within(
      nft,
      'add table ip filter; add chain ip filter onward { type filter hook forward priority 0; policy drop; }',
    );
    within(nft, 'add rule ip filter onward ct state established,related accept');
    within(nft, 'add rule ip filter onward ct status dnat accept');
    within(nft, 'add rule ip filter onward iifname "in" accept');
  } catch (error) {
    remove();
    throw error;
  }
  return { outside, translated, inside, wrapper: host.wrapper, remove };
}
