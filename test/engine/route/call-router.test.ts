import { beforeEach, describe, expect, test } from 'vitest';
import type { RoutedCall, RoutedLeg } from '../../../src/call/index.ts';
import { FrontProxies } from '../../../src/engine/admit/front-proxies.ts';
import { NO_PEERS } from '../../../src/engine/peer-nodes.ts';
import { callRouter } from '../../../src/engine/route/call-router.ts';
import { Served } from '../../../src/engine/served.ts';
import { nodeSchema } from '../../../src/settings/node-schema.ts';
import { NODE } from '../../outbound/world.ts';
import { CARRIER_A_ID, ENGINE, GATEWAY_ID, World } from '../world.ts';

let world: World;
let router: ReturnType<typeof callRouter>;

beforeEach(async () => {
  world = await World.start();
  const { routing, guards, registrations, trunks, endpoint, directory } = world.engine;
  const served = new Served(nodeSchema.parse({ listen: [{ transport: 'udp', host: ENGINE, port: 5060 }] }), directory);
  const { transport } = endpoint;
  router = callRouter({
    routing,
    guards,
    registrations,
    trunks,
    transport,
    node: NODE,
    served,
    nodes: NO_PEERS,
    isPassedOn: () => false,
    wasNode: () => false,
    front: new FrontProxies([]),
  });
});

/** A leg of a party, as the router is asked about it. */
const legOf = (options: RoutedLeg['options']) => ({ options, isCallerSide: true }) as RoutedLeg;
const call = {} as RoutedCall;

describe('credentials of a trunk within its calls', () => {
  test('those that it is provisioned with, one client for all its calls', () => {
    const gateway = router.credentials?.(GATEWAY_ID);
    expect(gateway).toBeDefined();
    expect(router.credentials?.(GATEWAY_ID)).toBe(gateway);
    expect(router.credentials?.('999999999')).toBe(undefined);
  });
});

describe('REFER', () => {
  test("of a trunk: refused, since its carrier would place calls at the tenant's cost", () => {
    const trunk = legOf({ contact: '', trunkId: CARRIER_A_ID });
    expect(router.referred(call, trunk, '<sip:102@acme.example.com>', undefined)).toMatchObject({ status: 403 });
  });

  test('of an extension that is not provisioned any more: refused', () => {
    const gone = legOf({ contact: '', owner: { tenant: 'acme', number: '199' } });
    expect(router.referred(call, gone, '<sip:102@acme.example.com>', undefined)).toMatchObject({ status: 403 });
  });
});
