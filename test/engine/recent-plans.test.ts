import { expect, test } from 'vitest';
import { RecentPlans } from '../../src/engine/recent-plans.ts';
import { planOutbound } from '../../src/outbound/index.ts';
import { factsOf } from '../outbound/world.ts';

const planOf = (sessionId: string) => planOutbound({ ...factsOf(), sessionId });

test('a plan is found by the call id once the two were linked', () => {
  const plans = new RecentPlans();
  const plan = planOf('session');
  plans.remember(plan, undefined);
  expect(plans.get('call')).toBe(undefined);
  plans.link('call', 'session');
  expect(plans.get('call')).toEqual({ plan, route: undefined });
});

test('only the latest are kept', () => {
  const plans = new RecentPlans(2);
  for (const name of ['a', 'b', 'c']) {
    plans.remember(planOf(name), undefined);
    plans.link(`call ${name}`, name);
  }
  expect(plans.get('call a')).toBe(undefined);
  expect(plans.get('call b')?.plan.facts.sessionId).toBe('b');
  expect(plans.get('call c')?.plan.facts.sessionId).toBe('c');
});
