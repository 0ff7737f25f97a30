import { expect, test } from 'vitest';
import { MediaRelays } from '../../src/media/index.ts';
import { FakeRelays } from '../kit/fake-relay.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

function started(weights: readonly number[], random: () => number = () => 0) {
  const scheduler = new VirtualScheduler();
  const fake = new FakeRelays(scheduler);
  const states: string[] = [];
  const relays = new MediaRelays(
    scheduler,
    fake.open,
    { onRelayState: (url, state) => states.push(`${url} ${state}`) },
    random,
  );
  const settings = weights.map((weight, index) => ({ url: `udp://192.0.2.1:${index + 1}`, weight }));
  relays.apply(settings);
  return { scheduler, fake, states, relays, settings };
}

test('sessions are shared out by weight', () => {
  let draw = 0;
  const { relays } = started([1, 3], () => draw);
  const chosen = [0, 0.2, 0.26, 0.6, 0.99].map((each) => {
    draw = each;
    return relays.choose()?.url.at(-1);
  });
  expect(chosen).toEqual(['1', '1', '2', '2', '2']);
  relays.close();
});

test('one that does not answer a ping for a second is down and gets no sessions, until it answers again', () => {
  const { scheduler, fake, states, relays } = started([1, 1]);
  scheduler.advance(500);
  expect(states).toEqual([]);
  fake.dead.add(1);
  scheduler.advance(4000);
  expect(states).toEqual(['udp://192.0.2.1:1 down']);
  expect(relays.choose()?.url).toBe('udp://192.0.2.1:2');
  expect(relays.list()).toMatchObject([{ state: 'down' }, { state: 'up' }]);
  fake.dead.clear();
  scheduler.advance(4000);
  expect(states.at(-1)).toBe('udp://192.0.2.1:1 up');
  relays.close();
  expect(scheduler.armedCount).toBe(0);
});

test('one that is left out of the configuration keeps the sessions that it has, and goes with the last', () => {
  const { scheduler, relays, settings } = started([1, 1]);
  const first = relays.choose();
  first?.begin();
  relays.apply(settings.slice(1));
  expect(relays.choose()?.url).toBe('udp://192.0.2.1:2');
  let answered = 0;
  first?.request({ command: 'ping' }, (answer) => {
    if (answer !== undefined) answered++;
  });
  scheduler.advance(100);
  expect(answered).toBe(1);
  first?.end();
  first?.request({ command: 'ping' }, (answer) => {
    if (answer !== undefined) answered++;
  });
  scheduler.advance(2000);
  expect(answered).toBe(1);
  relays.close();
});

test('who waits for a relay that is closed hears that there is no answer', () => {
  const { relays } = started([1]);
  let answer: unknown = 'none yet';
  relays.choose()?.request({ command: 'query', 'call-id': 'x' }, (received) => {
    answer = received;
  });
  relays.close();
  expect(answer).toBeUndefined();
});
