import { describe, expect, test } from 'vitest';
import { draftForRoute, type OutboundFacts, planOutbound } from '../../src/outbound/index.ts';
import { renderInvite } from '../../src/outbound/render.ts';
import { serialize } from '../../src/sip/message/index.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import {
  B_FIRST,
  B_NUMBER,
  CHANNELS,
  callOf,
  FORMS,
  MAPPINGS,
  numbersOfB,
  PROVIDERS,
  type Setup,
} from './tenancy-matrix.ts';
import { directoryOf, factsIn, factsOf } from './world.ts';

function octetsSent(facts: OutboundFacts): string {
  const plan = planOutbound(facts);
  let sent = '';
  for (const index of plan.routes.keys()) {
    const route = draftForRoute(plan, index);
    if (route.kind === 'refused') continue;
    const tokens = { via: 'SIP/2.0/UDP h;branch=z', callId: 'c', localTag: 't', sequence: 1, maxForwards: 9 };
    sent += serialize(renderInvite(route.draft, tokens)) + route.leg.contact + JSON.stringify(route.leg.headers);
  }
  return sent;
}

describe("behaviour 7: never another tenant's number, by whatever channel, form, provider and mapping", () => {
  let combinations = 0;
  test.each(Object.entries(CHANNELS))('%s', (_, channel) => {
    for (const form of FORMS(B_NUMBER)) {
      const setup = channel(form);
      for (const provider of PROVIDERS) {
        for (const mapping of MAPPINGS) {
          const octets = octetsSent(factsOf(callOf(provider, mapping, setup)));
          expect(numbersOfB(octets), `${form}, ${provider}, ${mapping}\n${octets}`).toEqual([]);
          combinations += 1;
        }
      }
    }
  });

  test('the matrix is as large as it should be, and its search finds what it looks for', () => {
    expect(combinations).toBe(Object.keys(CHANNELS).length * 6 * 3 * 6);
    expect(combinations).toBeGreaterThan(900);
    for (const form of FORMS(B_NUMBER)) expect(numbersOfB(`From: "${form}" <sip:x@y>`), form).not.toEqual([]);
  });

  test("the same channels do carry the tenant's own number", () => {
    const own = FORMS('14155550150');
    const carried = Object.values(CHANNELS).filter((channel) => {
      const octets = octetsSent(factsOf(callOf('same-trunk', 'OutboundCallerId', channel(own[0] ?? ''))));
      return octets.includes('14155550150');
    });
    // Identity and forwarding headers of the endpoint, its From user, and the variables that this mapping does not use never pass.
    expect(carried.length).toBeGreaterThanOrEqual(19);
  });

  test("a call to another tenant's number is a call like any other", () => {
    const octets = octetsSent(factsOf(callOf('same-trunk', 'default', { call: { dialled: B_NUMBER } })));
    expect(octets).toContain(`INVITE sip:${B_NUMBER}@carrier.example:5060 SIP/2.0`);
  });
});

test('behaviour 7: 100,000 random cases send no number of another tenant', () => {
  const CASES = 100_000;
  const CALLS_PER_WORLD = 500;
  const channels = Object.entries(CHANNELS);
  const random = seededRandom(20261121);
  const next = (below: number) => Math.floor(random() * below);
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  let sent = 0;
  for (let done = 0; done < CASES; done += CALLS_PER_WORLD) {
    // Several channels at once: what is provisioned by them is fixed for a world, what a call brings varies.
    const number = () => pick(FORMS(String(next(2) === 0 ? B_FIRST + next(100) : 14155550100 + next(100))));
    const provisioned = [pick(channels)[1](number()), pick(channels)[1](number()), pick(channels)[1](number())];
    const merged: Setup = {
      tenant: Object.assign({}, ...provisioned.map(({ tenant }) => tenant)),
      trunk: Object.assign({}, ...provisioned.map(({ trunk }) => trunk)),
      parameters: Object.assign({}, ...provisioned.map(({ parameters }) => parameters)),
    };
    const base = callOf(pick(PROVIDERS), pick(MAPPINGS), merged);
    const directory = directoryOf(base.tenants ?? [], base.trunks ?? []);
    const callers = [
      ...(directory.tenantByName('a')?.extensions ?? []),
      ...(directory.tenantByName('a')?.services ?? []),
    ];
    for (let index = 0; index < CALLS_PER_WORLD; index += 1) {
      const first = pick(channels)[1](number()).call ?? {};
      const second = pick(channels)[1](number()).call ?? {};
      const call = { ...first, ...second, headers: [...(first.headers ?? []), ...(second.headers ?? [])] };
      const facts = factsIn(directory, {
        ...call,
        tenant: 'a',
        caller: pick(callers).number,
        dialled: `49${next(1_000_000_000)}`,
      });
      const octets = octetsSent(facts);
      if (octets !== '') sent += 1;
      const found = numbersOfB(octets);
      if (found.length > 0) expect(found, octets).toEqual([]);
    }
  }
  // A guard that refuses everything would pass, too.
  expect(sent).toBeGreaterThan(CASES * 0.8);
}, 60_000);
