import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, knowEachOther, startCluster } from './cluster.ts';

/** Host label and account of the gateway. */
const GATEWAY = { user: 'gateway', domain: 'gateway.test', password: 'gateway-secret' };
/** A node that was killed is forgotten by the others after 4.5 s. */
const FORGOTTEN_MS = 15_000;

describe.skipIf(peersSkipped)('two engines on one Redis, a process each', () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let carrierPort: number;

  beforeAll(async () => {
    carrierPort = await freePort();
    const tenant = acme({
      outboundRules: [
        { name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1, prepend: '+' }] },
        { name: 'unlimited', match: { prefixes: ['7'] }, routes: [{ trunk: 'unlimited', strip: 1, prepend: '+' }] },
        { name: 'site', match: { prefixes: ['8'] }, routes: [{ trunk: 'site', strip: 1 }] },
      ],
    });
    const guarded = { number: '104', name: 'Dora', password: 'secret-104', limits: { callsPerMinute: 1 } };
    tenant.extensions = [...(tenant.extensions ?? []), guarded];
    const carrier = carrierTrunk(carrierPort, {
      tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199', concurrentCalls: 1 }],
    });
    const unlimited = carrierTrunk(carrierPort, { id: '3', name: 'unlimited' });
    const site = {
      id: '2',
      name: 'site',
      type: 'accept-register' as const,
      owner: 'acme',
      host: GATEWAY.domain,
      credentials: { authName: GATEWAY.user, password: GATEWAY.password },
      didPool: '442071000000-442071000099',
    };
    cluster = await startCluster(['127.0.0.31', '127.0.0.32'], {
      tenants: [tenant],
      trunks: [carrier, unlimited, site],
    });
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    await eventually('each node to know the other', () => knowEachOther([a, b]));
  }, 60_000);
  afterAll(() => cluster?.stop());

  /** Whether a node knows what was registered from a port: one of before may still be there. */
  const registered = (node: ClusterNode, addressOfRecord: string, port: number) =>
    eventually(`${addressOfRecord} at ${node.name}`, async () => {
      const { items } = (await node.ask('GET', '/api/v1/registrations')).body;
      const known = items as { addressOfRecord: string; contact: string }[];
      if (!known.some((item) => item.addressOfRecord === addressOfRecord && item.contact.includes(`:${port}`)))
        return false;
      // By whichever worker the call is placed.
      return (await metric(node.api, 'tandem_registrations')) === items.length * node.members.length;
    });

  const viasOf = ({ contacts }: ClusterNode, transport: 'udp' | 'tcp') =>
    new RegExp(`Via: SIP/2.0/${transport.toUpperCase()} (${contacts.join('|').replaceAll('.', '\\.')});`);

  const register = async (node: ClusterNode, transport: 'udp' | 'tcp', keys: Record<string, string>) => {
    const localPort = await freePort();
    await allWell(await startCaller('phone-register', node.address, { transport, localPort, keys }));
    return localPort;
  };

  test('RFC 3428: a MESSAGE through one node reaches the phone that registered at the other', async () => {
    const localPort = await register(a, 'udp', { user: '102' });
    await registered(b, '102@acme.test', localPort);
    const phone = await startAnswerer('../nodes/sipp/take-message', { localPort });
    const [taken] = await allWell(
      phone,
      await startCaller('../nodes/sipp/message', b.address, { keys: { called: '102' } }),
    );
    expect(taken?.messages).toContain('across the nodes');
    expect(taken?.messages).toMatch(viasOf(a, 'udp'));
    expect(taken?.messages).not.toContain('X-Tandem-Peer');
  });

  test.each(['udp', 'tcp'] as const)(
    'a gateway that registered at one node over %s takes a call out through the other',
    async (transport) => {
      const localPort = await register(a, transport, GATEWAY);
      await registered(b, `${GATEWAY.user}@${GATEWAY.domain}`, localPort);
      const gateway = await startAnswerer('answer-at-once', { transport, localPort });
      const [called] = await allWell(
        gateway,
        await startCaller('phone-call', b.address, { keys: { called: '8442079460000' } }),
      );
      expect(called?.messages).toContain('INVITE sip:442079460000@');
      expect(called?.messages).toMatch(viasOf(a, transport));
      expect(called?.messages).not.toContain('X-Tandem-Peer');
    },
  );

  test('a limit of one call holds over both nodes, and is free at both when the call has ended', async () => {
    const carrier = await startAnswerer('answer-at-once', { localPort: carrierPort, calls: 2 });
    const first = await startCaller('phone-call', a.address, { pauseMs: 4000 });
    await eventually('the call at the other end', () => /\nACK /.test(carrier.messages()));
    const { body } = await b.ask('GET', '/api/v1/calls?state=answered');
    expect(body).toMatchObject({ total: 1, items: [{ state: 'answered' }] });
    const [{ callId, node }] = body.items;
    expect(a.members).toContain(node);
    expect((await b.ask('GET', `/api/v1/calls/${callId}`)).body).toMatchObject({ node });
    const isFull = async () => {
      const question = { tenant: 'acme', from: '103', to: '915551234' };
      return JSON.stringify((await b.ask('POST', '/api/v1/explain', question)).body).includes('"code":"full"');
    };
    await eventually('the other to know', isFull);
    const [refused] = await allWell(await startCaller('phone-refused', b.address, { keys: { user: '103' } }));
    expect(refused?.messages).toContain('SIP/2.0 503 ');
    await allWell(first);
    await eventually('the other to know that it is over', async () => !(await isFull()));
    await allWell(await startCaller('phone-call', b.address, { pauseMs: 100, keys: { user: '103' } }), carrier);
  });

  test('a fraud guard counts the calls of both: the minute’s call that one let through is refused at the other', async () => {
    // Over a trunk that the row before has not filled.
    const [user, called] = ['104', '74930555'];
    const plan = async (node: ClusterNode) =>
      JSON.stringify((await node.ask('POST', '/api/v1/explain', { tenant: 'acme', from: user, to: called })).body);
    expect(await plan(b)).not.toContain('Too Many Calls Per Minute');
    await allWell(
      await startAnswerer('answer-at-once', { localPort: carrierPort }),
      await startCaller('phone-call', a.address, { keys: { user, called } }),
    );
    await eventually('the other to know', async () => (await plan(b)).includes('Too Many Calls Per Minute'));
  });

  test('a node is killed with kill -9: phones that registered there over UDP are called through the other', async () => {
    const localPort = await register(a, 'udp', { user: '101' });
    await registered(b, '101@acme.test', localPort);
    a.process.kill();
    await a.process.child.exited;
    const killedAtMs = performance.now();
    await eventually('the other node to be alone', () => knowEachOther([b]), { timeoutMs: FORGOTTEN_MS });
    console.log(`a killed node is forgotten after ${Math.round(performance.now() - killedAtMs)} ms`);
    const call = { keys: { user: '102', called: '101' } };
    const [called] = await allWell(
      await startAnswerer('answer-at-once', { localPort }),
      await startCaller('phone-call', b.address, call),
    );
    expect(called?.messages).toMatch(viasOf(b, 'udp'));
    expect(called?.messages).not.toContain('X-Tandem-Peer');
    // And when the phone has registered again, at the node that is left.
    await allWell(await startCaller('phone-register', b.address, { localPort, keys: { user: '101' } }));
    await allWell(
      await startAnswerer('answer-at-once', { localPort }),
      await startCaller('phone-call', b.address, call),
    );
  }, 40_000);
});
