import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { Phone } from './phone.ts';
import { Provider } from './provider.ts';

describe.skipIf(peersSkipped)('one of two engines on one Redis drains with a call up', () => {
  let provider: Provider;
  const phones: Phone[] = [];
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;

  beforeAll(async () => {
    provider = new Provider();
    await provider.open();
    const trunk = carrierTrunk(provider.port, {
      type: 'register',
      credentials: { username: 'acme-trunk', password: 'c4rrier', registerSeconds: 60 },
    });
    cluster = await startCluster(['127.0.0.43', '127.0.0.44'], { tenants: [acme()], trunks: [trunk] });
    const first = await eventually('the first REGISTER', () => provider.requests('REGISTER')[0], { timeoutMs: 20_000 });
    // The one that holds the lease is the one that drains.
    [a, b] = cluster.nodes.toSorted((node) => (node.host === first.from ? -1 : 1)) as [ClusterNode, ClusterNode];
  }, 90_000);
  afterAll(async () => {
    for (const phone of phones.splice(0)) phone.close();
    await cluster?.stop();
    provider?.close();
  });

  const phone = async (user: string) => {
    const made = await new Phone(user).open();
    phones.push(made);
    return made;
  };

  test('the lease moves at once, its phones are called through it, phones register, and new calls are sent to the other', async () => {
    const [alice, bob, carol] = [await phone('101'), await phone('102'), await phone('103')];
    expect((await bob.register(a.address)).status).toBe(200);
    // What one node writes the other one has a moment later.
    await eventually('the other knows the phone', async () => (await carol.call(b.address, '102')).status === 200);
    expect((await alice.call(a.address, '102', Number.POSITIVE_INFINITY)).status).toBe(200);
    const toldAtMs = performance.now();
    a.process.child.signal('SIGTERM');
    await eventually('draining', async () => (await a.ask('GET', '/readyz')).status === 503);
    expect((await carol.register(a.address)).headers.value(HeaderId.Contact)).toContain(';expires=60');
    // Reached by the draining node alone, and in the first moments at it.
    expect((await carol.call(b.address, '102')).status).toBe(200);
    expect((await carol.call(a.address, '102')).status).toBe(200);
    await eventually('the removal', () => provider.requests('REGISTER', a.host).at(-1)?.expires === '0');
    const taken = await eventually('the registration of the other', () => provider.requests('REGISTER', b.host)[0], {
      timeoutMs: 10_000,
    });
    expect(taken.atMs - toldAtMs).toBeLessThan(10_000);
    const redirected = await eventually(
      'a call to be sent to the other',
      async () => {
        const called = await carol.call(a.address, '102');
        return called.status === 302 ? called : undefined;
      },
      { timeoutMs: 20_000 },
    );
    expect(b.contacts.map((place) => `<sip:102@${place}>`)).toContain(
      redirected.response.headers.value(HeaderId.Contact),
    );
    expect((await carol.call(b.address, '102')).status).toBe(200);
    expect(bob.invites.length).toBeGreaterThanOrEqual(5);
  }, 60_000);
});
