import { expect, test } from 'vitest';
import { aorKey } from '../../src/registrar/index.ts';
import { ACCOUNT, flowFrom, registrarWorld } from './kit.ts';

test('100,000 bindings: looked up by AOR and by flow, and gone without a trace when they expire', async () => {
  const { send, registrar, clock } = registrarWorld();
  const count = 100_000;
  const statuses = new Set<number>();
  for (let index = 0; index < count; index++) {
    const user = `u${index}`;
    const account = { ...ACCOUNT, aor: aorKey(user, 'acme.example.com') };
    const flow = flowFrom(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 5060);
    const fields = { contacts: [`<sip:${user}@${flow.remoteAddress}>`], callId: user, expires: 60 + (index % 3000) };
    statuses.add(send(fields, flow, account).status);
  }
  expect([...statuses]).toEqual([200]);
  expect(registrar.count).toBe(count);
  expect(clock.armedCount).toBeLessThanOrEqual(2);
  expect(registrar.bindings('u77777@acme.example.com')[0]?.contactUri).toBe('sip:u77777@10.1.47.209');
  expect(registrar.bindingByFlow('udp 10.1.47.209 5060')?.aor).toBe('u77777@acme.example.com');
  clock.advance(61_000 + 1500 * 1000);
  expect(registrar.count).toBeGreaterThan(count / 3);
  expect(registrar.count).toBeLessThan((count * 2) / 3);
  clock.advance(1600 * 1000);
  expect(registrar.count).toBe(0);
  expect([...registrar.all()]).toEqual([]);
  expect(registrar.bindingByFlow('udp 10.1.47.209 5060')).toBeUndefined();
  expect(await registrar.flush()).toBe(true);
  expect(registrar.pendingWrites).toBe(0);
}, 30_000);
