import { describe, expect, test } from 'vitest';
import type { Scheduler } from '../../../src/base/scheduler.ts';
import type { CallListing } from '../../../src/call/index.ts';
import { ListedCall, ListedRegistration } from '../../../src/engine/tell/listed.ts';
import type { Directory } from '../../../src/provisioning/directory/directory.ts';
import type { Binding } from '../../../src/registrar/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';

const directory = {
  tenantByDomain: (domain: string) => (domain === 'acme.test' ? { name: 'acme' } : undefined),
  trunksByHost: () => [{ id: '7', credentials: { authName: 'gateway' } }],
  trunk: (id: string) => (id === '7' ? { name: 'carrier' } : undefined),
} as unknown as Directory;
const scheduler = { nowMs: () => 1000, wallMs: () => Date.parse('2026-11-01T10:00:00Z') } as Scheduler;
const binding = (aor: string, userAgent = '') =>
  ({
    aor,
    contactUri: 'sip:101@192.0.2.7:5070',
    source: { transport: 'udp', address: '2001:db8::7', port: 5070 },
    userAgent,
    expiresAtMs: 61_000,
  }) as unknown as Binding<Flow>;

describe('what is listed', () => {
  test('a registration names extension and tenant, or the trunk of a gateway, and when it ends by the time that is left', () => {
    const phone = new ListedRegistration(binding('101@acme.test', 'Desk phone'), directory, scheduler);
    expect(JSON.parse(JSON.stringify(phone))).toEqual({
      addressOfRecord: '101@acme.test',
      tenant: 'acme',
      extension: '101',
      contact: 'sip:101@192.0.2.7:5070',
      transport: 'udp',
      source: '[2001:db8::7]:5070',
      userAgent: 'Desk phone',
      expiresAt: '2026-11-01T10:01:00.000Z',
    });
    const gateway = JSON.parse(
      JSON.stringify(new ListedRegistration(binding('gateway@pbx.test'), directory, scheduler)),
    );
    expect(gateway).toMatchObject({ trunkId: '7' });
    expect(Object.keys(gateway)).not.toContain('userAgent');
  });

  test('a call names its trunk, its legs and its times', () => {
    const listing = {
      id: 'c1',
      state: 'routing',
      facts: { tenant: 'acme', direction: 'outbound', caller: '101', called: '9123' },
      callerCallId: 'a',
      trunkId: '7',
      startedAtMs: 0,
    } as unknown as CallListing;
    const shown = (changes: Partial<CallListing> = {}) =>
      JSON.parse(JSON.stringify(new ListedCall({ ...listing, ...changes }, directory)));
    expect(shown()).toEqual({
      callId: 'c1',
      sipCallIds: ['a'],
      tenant: 'acme',
      direction: 'outbound',
      from: '101',
      to: '9123',
      state: 'calling',
      trunkId: '7',
      trunk: 'carrier',
      startedAt: '1970-01-01T00:00:00.000Z',
    });
    expect(shown({ calleeCallId: 'b', answeredAtMs: 1000 })).toMatchObject({
      sipCallIds: ['a', 'b'],
      answeredAt: '1970-01-01T00:00:01.000Z',
    });
  });
});
