import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BOB, registrarWorld } from './kit.ts';

const HOSTS = ['a', 'b', 'c'] as const;
const LIMIT = 3;

interface Known {
  callId: string;
  cseq: number;
  refreshedAtMs: number;
  expiresAtMs: number;
}

const command = fc.record({
  callId: fc.constantFrom('x', 'y'),
  cseq: fc.integer({ min: 1, max: 6 }),
  waitMs: fc.nat(90_000),
  contacts: fc.array(fc.record({ host: fc.constantFrom(...HOSTS, 'd'), expires: fc.constantFrom(0, 30, 60, 120) }), {
    maxLength: 3,
  }),
  isClear: fc.boolean(),
});

test('§10.3 steps 6 and 7: random REGISTERs against a model; each is done wholly or not at all', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
      const { send, registrar, clock } = registrarWorld({ maxContactsPerAor: LIMIT });
      let model = new Map<string, Known>();
      for (const { callId, cseq, waitMs, contacts, isClear } of commands) {
        clock.advance(waitMs);
        for (const [host, known] of model) if (known.expiresAtMs <= clock.nowMs()) model.delete(host);
        const distinct = [...new Map(contacts.map((contact) => [contact.host, contact])).values()];
        const next = isClear
          ? clear(model, callId, cseq, clock.nowMs())
          : update(model, distinct, callId, cseq, clock.nowMs());
        const values = distinct.map(({ host, expires }) => `<sip:bob@${host}.example.com>;expires=${expires}`);
        const answer = send({ callId, cseq, ...(isClear ? { contacts: ['*'], expires: 0 } : { contacts: values }) });
        expect(answer.status === 200).toBe(next !== undefined);
        model = next ?? model;
        const hosts = registrar.bindings(BOB).map(({ contactUri }) => contactUri.slice(8, 9));
        expect(hosts.sort()).toEqual([...model.keys()].sort());
        expect(hosts.length).toBeLessThanOrEqual(LIMIT);
      }
    }),
    { numRuns: 500 },
  );
});

function clear(model: Map<string, Known>, callId: string, cseq: number, nowMs: number): Map<string, Known> | undefined {
  return [...model.values()].some((known) => isOld(known, callId, cseq, nowMs)) ? undefined : new Map();
}

function isOld(known: Known, callId: string, cseq: number, nowMs: number): boolean {
  return known.callId === callId && cseq <= known.cseq && nowMs < known.refreshedAtMs + 32_000;
}

function update(
  model: Map<string, Known>,
  contacts: readonly { host: string; expires: number }[],
  callId: string,
  cseq: number,
  nowMs: number,
): Map<string, Known> | undefined {
  const next = new Map(model);
  for (const { host, expires } of contacts) {
    const known = model.get(host);
    if (expires === 30) return undefined;
    // One that never counts may have its contact last on.
    const isAgain = cseq === known?.cseq && expires !== 0;
    if (known !== undefined && !isAgain && isOld(known, callId, cseq, nowMs)) return undefined;
    if (expires === 0) next.delete(host);
    else next.set(host, { callId, cseq, refreshedAtMs: nowMs, expiresAtMs: nowMs + expires * 1000 });
  }
  return next.size > LIMIT ? undefined : next;
}
