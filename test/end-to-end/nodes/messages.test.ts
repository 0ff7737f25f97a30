import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Cloud, startCloud } from '../../peers/whatsapp/cloud.ts';
import { whatsappWorld } from '../messages/world.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, methodOf, once } from '../outbound/wire-message.ts';
import { type Cluster, type ClusterNode, knowEachOther, startCluster } from './cluster.ts';

describe.skipIf(peersSkipped)('messages with WhatsApp at two engines on one Redis', () => {
  let cloud: Cloud;
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  const phones: Phone[] = [];
  /** At the first node. */
  let one: Phone;

  beforeAll(async () => {
    cloud = await startCloud();
    cluster = await startCluster(['127.0.0.46', '127.0.0.47'], whatsappWorld(cloud.apiBase), {
      egress: { allow: ['127.0.0.0/8'] },
    });
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    await eventually('each to know the other', () => knowEachOther(cluster.nodes));
    one = await registered('101', a);
    await knows(b, '101');
    await cloud.subscribe(`${b.api}/hooks/whatsapp/7`, 'verify-me');
    // Who has written may be written to.
    await cloud.heard('12015550123', Date.now());
  }, 60_000);
  afterAll(async () => {
    for (const phone of phones.splice(0)) phone.close();
    await cluster?.stop();
    await cloud?.stop();
  });

  const registered = async (user: string, node: ClusterNode) => {
    const phone = await Phone.open({ address: node.host, port: node.process.port }, '127.0.0.48');
    phones.push(phone);
    expect((await phone.register(user, 'acme.test')).status).toBe(200);
    return phone;
  };
  const knows = (node: ClusterNode, user: string) =>
    eventually(`${user} at ${node.name}`, async () => {
      const { items } = (await node.ask('GET', `/api/v1/registrations?extension=${user}`)).body;
      return (items as unknown[]).length === 1;
    });
  const copies = (phone: Phone, id: string) =>
    once(phone.party.received).filter(
      (each) => methodOf(each) === 'MESSAGE' && fieldOf(each, 'X-WA-Message-Id') === id,
    );
  const stateAt = async (node: ClusterNode, id: string) => {
    const { items } = (await node.ask('GET', '/api/v1/messages')).body;
    return (items as { remoteId?: string; state: string }[]).find(({ remoteId }) => remoteId === id)?.state;
  };

  test('what Meta posts at one, three times, and at the other once more, comes once to the phone that is at the other', async () => {
    await cloud.set({ copies: 3 });
    const said = { id: 'wamid.nodes-1', type: 'text', text: { body: 'across the nodes' } };
    const id = await cloud.inbound('12015550123', said);
    await eventually('the message', () => copies(one, id).length > 0);
    await cloud.subscribe(`${a.api}/hooks/whatsapp/7`, 'verify-me');
    await cloud.inbound('12015550123', said);
    await eventually('all copies taken', async () => (await cloud.taken()).outstanding === 0);
    for (const node of [a, b]) await eventually('delivered', async () => (await stateAt(node, id)) === 'delivered');
    expect(copies(one, id).map(({ body }) => body)).toEqual(['across the nodes']);
  });

  test('a phone writes at one, and is told at that one what Meta tells the other', async () => {
    await cloud.subscribe(`${b.api}/hooks/whatsapp/7`, 'verify-me');
    await cloud.set({ copies: 2, statuses: ['sent', 'delivered'] });
    const cpim =
      'NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: n-1\r\nimdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nfrom a';
    const uri = 'sip:+12015550123@whatsapp.acme.test';
    const fields = [
      'Max-Forwards: 70',
      'From: <sip:101@acme.test>;tag=1',
      `To: <${uri}>`,
      'Call-ID: n-1',
      'Content-Type: message/cpim',
    ];
    expect((await one.request('MESSAGE', uri, '101', 'acme.test', fields, cpim)).status).toBe(202);
    const reports = () => once(one.party.received).filter(({ body }) => body.includes('<delivered/>'));
    await eventually('the report', () => reports().length > 0);
    await eventually('all copies taken', async () => (await cloud.taken()).outstanding === 0);
    expect(reports()).toHaveLength(1);
    expect((await cloud.taken()).taken).toHaveLength(1);
  });

  test('a node dies with what waits for a phone: the other brings it when the phone comes, and nothing twice', async () => {
    await cloud.set({ copies: 1 });
    const id = await cloud.inbound('441632960123', {
      id: 'wamid.nodes-2',
      type: 'text',
      text: { body: 'for the desk' },
    });
    await eventually('the message at 101', () => copies(one, id).length > 0);
    await eventually('kept for 102', async () => (await stateAt(a, id)) === 'received');
    await eventually('all copies taken', async () => (await cloud.taken()).outstanding === 0);
    b.process.kill();
    await b.process.child.exited;
    const two = await registered('102', a);
    await eventually('the message at 102', () => copies(two, id).length > 0, { timeoutMs: 15_000 });
    await eventually('delivered', async () => (await stateAt(a, id)) === 'delivered');
    expect([copies(one, id).length, copies(two, id).length]).toEqual([1, 1]);
  });
});
