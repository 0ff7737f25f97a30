import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { acme } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { Phone } from './phone.ts';

describe.skipIf(peersSkipped)('phones that come and go at two engines on one Redis', () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  const phones: Phone[] = [];

  beforeAll(async () => {
    cluster = await startCluster(['127.0.0.41', '127.0.0.42'], {
      tenants: [acme({ outboundRules: [], inboundRules: [] })],
      trunks: [],
    });
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
  }, 60_000);
  afterAll(async () => {
    for (const phone of phones.splice(0)) phone.close();
    await cluster?.stop();
  });

  const phone = async (user: string) => {
    const made = await new Phone(user).open();
    phones.push(made);
    return made;
  };
  const contacts = async (node: ClusterNode, user: string): Promise<string[]> => {
    const { items } = (await node.ask('GET', `/api/v1/registrations?extension=${user}`)).body;
    return (items as { contact: string }[]).map(({ contact }) => contact);
  };
  const everywhere = (count: number, user: string) =>
    eventually(`${count} contacts of ${user} at both`, async () => {
      const found = await Promise.all([a, b].map((node) => contacts(node, user)));
      if (found.some(({ length }) => length !== count)) return false;
      // At each process of them.
      const all = (await a.ask('GET', '/api/v1/registrations')).body.items.length;
      const known = await Promise.all([a, b].map(({ api }) => metric(api, 'tandem_registrations')));
      return [a, b].every(({ members }, index) => known[index] === all * members.length);
    });

  test.each([
    ['Expires: 0', undefined],
    ['Contact: *', '*'],
  ])('RFC 3261 §10.2.2: a phone that leaves with %s at the other node does not come back', async (_how, contact) => {
    const one = await phone('101');
    for (let round = 0; round < 2; round++) {
      expect((await one.register(a.address)).status).toBe(200);
      await everywhere(1, '101');
      const left = await one.register(b.address, { expires: 0, ...(contact === undefined ? {} : { contact }) });
      expect(left.status).toBe(200);
      await everywhere(0, '101');
      // By now each node has heard the other's list: 100 ms until it is written, and the notice.
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect([await contacts(a, '101'), await contacts(b, '101')]).toEqual([[], []]);
    }
  });

  test('a call that one node places and the other sends on is one call', async () => {
    const [alice, bob] = [await phone('101'), await phone('102')];
    expect((await bob.register(a.address)).status).toBe(200);
    await everywhere(1, '102');
    expect((await alice.call(b.address, '102', 3_000)).status).toBe(200);
    expect(await Promise.all([a, b].map(({ api }) => metric(api, 'tandem_calls_live')))).toEqual([0, 1]);
    const listed = await Promise.all(
      [a, b].map(async (node) => (await node.ask('GET', `/api/v1/calls?node=${node.name}`)).body.total),
    );
    expect(listed).toEqual([0, 1]);
    await eventually('the end', () => bob.heard.includes('BYE'));
  });

  /** How often a node has sent an INVITE for a contact to a place, or one of several, since then. */
  const invitesTo = async (
    node: ClusterNode,
    places: readonly string[],
    contact: string,
    sinceMs: number,
  ): Promise<number> => {
    const { body } = await node.ask('GET', `/api/v1/trace?method=INVITE&node=${node.name}&limit=500`);
    return (body.messages as { at: string; direction: string; remote: string; text: string }[]).filter(
      ({ at, direction, remote, text }) =>
        Date.parse(at) >= sinceMs &&
        direction === 'sent' &&
        places.includes(remote) &&
        text.startsWith(`INVITE ${contact}`),
    ).length;
  };

  test('a node is killed with kill -9: before an INVITE has gone five times, calls to its phones ring, and those to a phone that is gone too end', async () => {
    const [alice, bob, carol] = [await phone('101'), await phone('102'), await phone('103')];
    for (const one of [bob, carol]) expect((await one.register(a.address)).status).toBe(200);
    await everywhere(1, '103');
    a.process.kill();
    await a.process.child.exited;
    carol.answers = 0;
    const [beganMs, began] = [performance.now(), Date.now()];
    const [answered, gone] = await Promise.all([
      alice.call(b.address, '102', Number.POSITIVE_INFINITY),
      (await phone('101')).call(b.address, '103'),
    ]);
    expect(answered.status).toBe(200);
    expect(gone.status).toBe(480);
    // By the engine's own clock: copies go after 0.1, 0.3, 0.7 and 1.5 s (timer A, with T1 of 0.1 s).
    for (const [places, contact] of [
      [a.contacts, bob.contact],
      [a.contacts, carol.contact],
      [[carol.contact.replace(/^sip:103@/, '')], carol.contact],
    ] as const) {
      const copies = await invitesTo(b, places, contact, began);
      expect(copies, `${contact} over ${places}`).toBeGreaterThan(0);
      expect(copies, `${contact} over ${places}`).toBeLessThanOrEqual(4);
    }
    console.log(
      `after kill -9: rang after ${Math.round((bob.invites[0]?.atMs ?? 0) - beganMs)} ms, 480 after ${Math.round(gone.ms)} ms`,
    );
  }, 30_000);
});
