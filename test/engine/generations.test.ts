import { expect, test } from 'vitest';
import { allAtOnce } from '../../src/base/steps.ts';
import type { EngineObserver } from '../../src/engine/engine-options.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { tenantIn, trunkIn } from '../../src/provisioning/directory/places.ts';
import { applyEdits, type ProvisioningEdits } from '../../src/provisioning/directory/store.ts';
import { compactTenantSteps, compactTrunk } from '../../src/provisioning/trunk-settings/compact.ts';
import type { Provisioned } from '../../src/provisioning/trunk-settings/schema.ts';
import { collectGarbage } from '../kit/collected.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  CARRIER_B_ID,
  ENGINE,
  extension,
  type Phone,
  SDP,
  World,
} from './world.ts';

/** Three changes to each: what was looked up for one is not looked up again. */
const CALLERS = Array.from({ length: 100 }, (_each, at) => String(1_000 + at));
const CHANGES = 3 * CALLERS.length;
const OTHERS = 600;
/** What is served, and what was before it: a table over two layers may have that still. */
const MOST_ALIVE = 3;

const nothing = () => {};
/** The world's own keeps all that it is told. */
const FORGETFUL: EngineObserver = {
  ...{ onCallStarted: nothing, onCallRinging: nothing, onCallAnswered: nothing, onCallEnded: nothing },
  ...{ onRegistered: nothing, onUnregistered: nothing, onReceived: nothing, onSent: nothing },
  ...{ onTrunkState: nothing, onRelayState: nothing },
  onRoute: nothing,
  onNumberKept: nothing,
  onOutboundRefused: nothing,
  onRefused: nothing,
  onPhoneRefused: nothing,
  onAttempt: nothing,
  onCertificateExpiring: nothing,
  onFraud: nothing,
};

const acme = (state: Provisioned) => {
  const tenant = tenantIn(state, 'acme');
  if (tenant === undefined) throw new Error('no tenant');
  return tenant;
};
const carrierOf = (state: Provisioned) => {
  const trunk = trunkIn(state, CARRIER_A_ID);
  if (trunk === undefined) throw new Error('no trunk');
  return trunk;
};

/** Each changes one thing; all else of its tenant or trunk is the same object as before. */
const KINDS: Readonly<Record<string, (state: Provisioned, change: number) => ProvisioningEdits>> = {
  tenant: (state, change) => ({
    putTenants: [{ ...acme(state), outboundCallerId: String(14_155_550_100 + (change % 50)) }],
  }),
  extension: (state, change) => {
    const { extensions, ...rest } = acme(state);
    const named = extensions.map((each) => (each.number === '104' ? { ...each, name: `Phone ${change}` } : each));
    return { putTenants: [{ ...rest, extensions: named }] };
  },
  trunk: (state, change) => ({
    putTrunks: [{ ...carrierOf(state), limits: { concurrentCalls: 100 + change } }],
  }),
  rule: (state, change) => {
    const { outboundRules, ...rest } = acme(state);
    return { putTenants: [{ ...rest, outboundRules: outboundRules.map((rule) => ({ ...rule, priority: change })) }] };
  },
  // Another tenant's: of the trunk's assignments this one's stays.
  pool: (state, change) => {
    const { tenants, ...rest } = carrierOf(state);
    const didPool = `14155550200-14155550299;1415556${String(change).padStart(4, '0')}`;
    return {
      putTrunks: [{ ...rest, tenants: tenants.map((each) => (each.tenant === 'acme' ? each : { ...each, didPool })) }],
    };
  },
  source: (state, change) => ({
    putTrunks: [{ ...carrierOf(state), associatedIps: [`192.0.2.${100 + (change % 100)}`] }],
  }),
};

/**
 * Calls of each way: what is looked up for them is kept with tenants, extensions and trunks.
 *
 * @param meanwhile while they ring
 */
function callAround(world: World, caller: Phone, bob: Phone, carrier: Agent, meanwhile: () => void): void {
  const all = [caller, bob, carrier];
  for (const { peer } of all) peer.received.length = 0;
  const [out, within] = [caller.call('0014155559999'), caller.call('102')];
  const did = carrier.request('INVITE', `sip:14155550102@${ENGINE}`, {}, SDP);
  carrier.sends(did);
  meanwhile();
  carrier.answer(carrier.took('INVITE'), 404, 'Not Found');
  for (const invite of bob.requests('INVITE')) bob.answer(invite, 486, 'Busy Here');
  world.run();
  const refusal = carrier.responses(did.callId()).find(({ status }) => status >= 200);
  if (refusal !== undefined) carrier.ack(did, refusal);
  expect([caller.final(out)?.status, caller.final(within)?.status, refusal?.status]).toEqual([404, 486, 486]);
}

class Generations {
  readonly #refs = new Map<string, WeakRef<object>[]>();

  note(directory: Directory): void {
    const of = {
      directory,
      tenant: directory.tenantByName('acme'),
      trunk: directory.trunk(CARRIER_A_ID),
      settings: trunkIn(directory.provisioning, CARRIER_A_ID),
      indexes: directory.trunksOf('acme'),
    };
    for (const [kind, value] of Object.entries(of)) {
      if (value === undefined) throw new Error(`no ${kind}`);
      const refs = this.#refs.get(kind) ?? [];
      this.#refs.set(kind, refs);
      if (refs.at(-1)?.deref() !== value) refs.push(new WeakRef(value));
    }
  }

  /** How many there were of each, and how many of them are alive: looked at until none has more than so many, five times at most. */
  async count(mostAlive: number): Promise<{ readonly kind: string; readonly made: number; readonly alive: number }[]> {
    for (let round = 1; ; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
      const counted = Array.from(this.#refs, ([kind, refs]) => ({
        kind,
        made: refs.length,
        alive: refs.filter((ref) => ref.deref() !== undefined).length,
      }));
      if (round === 5 || counted.every(({ alive }) => alive <= mostAlive)) return counted;
    }
  }
}

/** So many that lists are in chunks, and tables in layers. */
function others(state: Provisioned): ProvisioningEdits {
  const [globex, carrier] = [state.tenants.at(-1), trunkIn(state, CARRIER_B_ID)];
  if (globex === undefined || carrier === undefined) throw new Error('not provisioned');
  const each = Array.from({ length: OTHERS }, (_each, at) => at);
  return {
    putTenants: each.map((at) => ({ ...globex, name: `t${at}`, domain: `t${at}.example.com` })),
    putTrunks: each.map((at) => ({
      ...carrier,
      id: String(200_000_000 + at),
      name: `n${at}`,
      host: `10.0.${at >> 8}.${at & 255}`,
      tenants: [],
    })),
  };
}

/** As the provisioner does it. */
function serve(world: World, { putTenants = [], putTrunks = [] }: ProvisioningEdits): Directory {
  const before = world.engine.directory;
  const { provisioning } = before;
  const edits = {
    putTenants: putTenants.map((tenant) => allAtOnce(compactTenantSteps(tenant, tenantIn(provisioning, tenant.name)))),
    putTrunks: putTrunks.map(compactTrunk),
  };
  const directory = allAtOnce(Directory.after(before, applyEdits(provisioning, edits)));
  world.engine.apply(directory);
  return directory;
}

test.each(Object.keys(KINDS))(
  'of 300 changes of its kind (%s), with calls between them, nothing is left but what is served',
  async (kind) => {
    const world = await World.start({
      observer: () => FORGETFUL,
      acme: { extensions: ['102', '104', ...CALLERS].map((number) => extension(number)) },
      trunks: {
        'carrier-a': {
          tenants: [
            { tenant: 'acme', didPool: '14155550100-14155550199', concurrentCalls: 40 },
            { tenant: 'globex', didPool: '14155550200-14155550299' },
          ],
        },
      },
    });
    const bob = world.phone('102', '203.0.113.1');
    const carrier = world.agent(CARRIER_A);
    const generations = new Generations();
    const edit = KINDS[kind];
    if (edit === undefined) throw new Error('no such kind');
    serve(world, others(world.engine.directory.provisioning));
    const next = (change: number) => {
      const { provisioning } = world.engine.directory;
      generations.note(serve(world, edit(provisioning, change)));
    };
    for (const [at, number] of CALLERS.entries()) {
      next(3 * at);
      const caller = world.phone(number, `203.0.113.${100 + at}`);
      callAround(world, caller, bob, carrier, () => next(3 * at + 1));
      next(3 * at + 2);
      await new Promise((resolve) => setImmediate(resolve));
    }
    world.scheduler.advance(3600_000);
    await world.turn();
    const counted = await generations.count(MOST_ALIVE);
    expect(Math.max(...counted.map(({ made }) => made))).toBe(CHANGES);
    expect(counted.filter(({ alive }) => alive > MOST_ALIVE)).toEqual([]);
  },
);
