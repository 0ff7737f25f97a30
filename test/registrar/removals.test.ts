import { describe, expect, test } from 'vitest';
import type { BindingChange, RegistrarFlow, StoredBinding, StoredRemoval } from '../../src/registrar/index.ts';
import { Removals, supersedes } from '../../src/registrar/removals.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { BOB, flowFrom, registrarWorld } from './kit.ts';

const removal: StoredRemoval = {
  contactUri: 'sip:bob@192.0.2.4',
  instance: undefined,
  regId: undefined,
  callId: 'one',
  cseq: 5,
  node: 'a',
  refreshedAtWallMs: 1000,
  untilWallMs: Number.MAX_SAFE_INTEGER,
};
const ASK = {
  contacts: [],
  callId: 'kept',
  cseq: 501,
  path: [],
  pathUri: undefined,
  claimsSymmetry: true,
  userAgent: '',
} as const;
const binding = (fields: Partial<StoredBinding>): StoredBinding =>
  ({
    aor: BOB,
    contactUri: 'sip:bob@192.0.2.4',
    callId: 'two',
    cseq: 1,
    node: 'c',
    refreshedAtWallMs: 0,
    ...fields,
  }) as StoredBinding;

describe('what a removal ends', () => {
  test.each<[string, Partial<StoredBinding>, boolean]>([
    ['the registration that it names, by node and time', { node: 'a', refreshedAtWallMs: 1000 }, true],
    ['not a later one of that node', { node: 'a', refreshedAtWallMs: 1001 }, false],
    ['an earlier request of the same Call-ID, at whichever node', { callId: 'one', cseq: 4 }, true],
    ['not a later request of the same Call-ID', { callId: 'one', cseq: 6, refreshedAtWallMs: 2000 }, false],
    ['not another contact', { contactUri: 'sip:bob@192.0.2.5', node: 'a', refreshedAtWallMs: 1 }, false],
  ])('%s', (_what, fields, expected) => {
    const removals = new Removals(new VirtualScheduler(), 0);
    removals.add(BOB, [removal]);
    expect(removals.covers(binding(fields))).toBe(expected);
  });

  test('RFC 3261 §10.3: no registration that came so much later that no REGISTER is overtaken: its phone began to count anew', () => {
    const clock = new VirtualScheduler();
    const removals = new Removals(clock, 7_200_000);
    removals.note(binding({ node: 'a', refreshedAtWallMs: clock.wallMs() - 60_000 }), { callId: 'kept', cseq: 501 });
    const registered = (afterMs: number) =>
      binding({ callId: 'kept', cseq: 1, node: 'b', refreshedAtWallMs: clock.wallMs() + afterMs });
    expect([31_999, 32_000].map((afterMs) => removals.covers(registered(afterMs)))).toEqual([true, false]);
  });

  test.each([3_600_000, 7_200_000])(
    'however long a registration may last at the node that noted it: %i ms',
    (longestMs) => {
      const clock = new VirtualScheduler();
      const noted = new Removals(clock, longestMs);
      noted.noteAsked(BOB, { ...ASK, contacts: [], kind: 'clear' }, []);
      const removals = new Removals(clock, 5_000_000);
      removals.add(BOB, noted.of(BOB));
      const registered = (afterMs: number) =>
        binding({ callId: 'kept', cseq: 1, refreshedAtWallMs: clock.wallMs() + afterMs });
      expect([0, 31_999, 32_000].map((afterMs) => removals.covers(registered(afterMs)))).toEqual([true, true, false]);
      // A node of before does not say when.
      removals.add('sip:eve', [{ ...removal, callId: 'kept' }]);
      expect(removals.covers({ ...registered(60_000), aor: 'sip:eve' })).toBe(true);
    },
  );

  test('a removal counts until the registration would have ended by itself, and there are 32 of an address at most', () => {
    const clock = new VirtualScheduler();
    const removals = new Removals(clock, 0);
    removals.add(BOB, [{ ...removal, untilWallMs: clock.wallMs() + 1000 }]);
    expect(removals.of(BOB)).toHaveLength(1);
    clock.advance(1001);
    expect(removals.of(BOB)).toEqual([]);
    for (let cseq = 0; cseq < 100; cseq++) removals.add(BOB, [{ ...removal, cseq }]);
    expect(removals.of(BOB).map(({ cseq }) => cseq)).toEqual(Array.from({ length: 32 }, (_, i) => 68 + i));
  });
});

describe('of two registrations of one contact at two nodes that of the later time counts', () => {
  const both = { callId: 'one', cseq: 500 };
  test.each<[string, Partial<StoredBinding>]>([
    ['with two Call-IDs', { callId: 'two', cseq: 501 }],
    ['with one, of a phone that began at CSeq 1 again when it was started', { ...both, cseq: 1 }],
    ['where its CSeq cannot be read', { ...both, cseq: Number.NaN }],
    ['where its CSeq is taken for 0, since it could not be read', { ...both, cseq: 0 }],
    ['where neither Call-ID can be read', { callId: '', cseq: 1 }],
  ])('%s', (_what, fields) => {
    const later = binding({ node: 'b', ...fields, refreshedAtWallMs: 61_000 });
    const earlier = binding({ ...both, callId: fields.callId === '' ? '' : 'one', refreshedAtWallMs: 1000 });
    expect([supersedes(later, earlier), supersedes(earlier, later)]).toEqual([true, false]);
  });

  test('and a phone that begins at CSeq 1 again at a node that has not heard of it stays there, and is refreshed', async () => {
    const { worlds, settle } = cluster(['a', 'b']);
    const [a, b] = worlds;
    const say = (world: typeof a, cseq: number) => world?.send({ cseq, callId: 'kept' }, phoneFlow()).status;
    for (const { registrar } of worlds) await registrar.restore();
    expect(say(a, 500)).toBe(200);
    for (const { clock } of worlds) clock.advance(60_000);
    expect(say(b, 1)).toBe(200);
    await settle();
    for (const { registrar } of worlds)
      expect([...registrar.all()].map(({ node, cseq }) => [node, cseq])).toEqual([['b', 1]]);
    expect(say(b, 2)).toBe(200);
  });

  test('and a phone that ends its registration and begins at CSeq 1 again is known to all', async () => {
    const { worlds, settle } = cluster(['a', 'b']);
    const [a] = worlds;
    const say = (cseq: number, expires?: number) =>
      a?.send({ cseq, callId: 'kept', ...(expires === undefined ? {} : { expires }) }, phoneFlow()).status;
    for (const { registrar } of worlds) await registrar.restore();
    expect([say(500), say(501, 0)]).toEqual([200, 200]);
    await settle();
    // It may have been overtaken by the one that ended it.
    expect(say(1)).toBe(400);
    for (const { clock } of worlds) clock.advance(60_000);
    expect(say(1)).toBe(200);
    await settle();
    for (const { registrar } of worlds)
      expect([...registrar.all()].map(({ node, cseq }) => [node, cseq])).toEqual([['a', 1]]);
  });

  test('by the clocks of both, as at nodes of before: the phone stands once in the tables of both', async () => {
    const written: BindingChange[] = [];
    const store = {
      isShared: true,
      load: async () => [],
      write: async (changes: readonly BindingChange[]) => void written.push(...changes),
    };
    const here = registrarWorld({ store, node: 'b' });
    await here.registrar.restore();
    here.send({ cseq: 6, callId: 'kept' }, phoneFlow());
    here.clock.advance(200);
    await here.registrar.flush();
    const own = written[0]?.bindings[0] as StoredBinding;
    // That one's clock is ahead, so it keeps its own, and writes it beside this one.
    const theirs = { ...own, node: 'a', cseq: 5, refreshedAtWallMs: own.refreshedAtWallMs + 100 };
    here.registrar.applyRemote(BOB, [theirs, own]);
    expect([...here.registrar.all()].map(({ node, cseq }) => [node, cseq])).toEqual([['a', 5]]);
    here.clock.advance(200);
    await here.registrar.flush();
    expect(written.at(-1)?.bindings.map(({ node }) => node)).toEqual(['a']);
  });
});

/** Registrars of several nodes on one store that tells the others what one has written, a moment later. */
function cluster(names: readonly string[]) {
  const kept = new Map<string, BindingChange>();
  const worlds = names.map((node) => {
    const store = {
      isShared: true,
      load: async () => [...kept.values()],
      write: async (changes: readonly BindingChange[]) => {
        for (const change of changes) {
          kept.set(change.aor, change);
          for (const other of worlds) if (other.node !== node) other.toHear.push(change);
        }
      },
    };
    return { node, toHear: [] as BindingChange[], ...registrarWorld({ store, node }) };
  });
  /** Lets time pass for all; what was written is heard in between. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) {
      for (const { clock, toHear, registrar } of worlds) {
        for (const { aor, bindings, removals } of toHear.splice(0)) registrar.applyRemote(aor, bindings, removals);
        clock.advance(100);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { worlds, settle, kept };
}

const phoneFlow = (): RegistrarFlow => flowFrom('192.0.2.4', 5060);

describe('a phone that leaves at another node than the one that it registered at', () => {
  test.each<[string, Parameters<ReturnType<typeof registrarWorld>['send']>[0]]>([
    ['Expires: 0', { contacts: ['<sip:bob@192.0.2.4>'], expires: 0 }],
    ['expires=0 in Contact', { contacts: ['<sip:bob@192.0.2.4>;expires=0'] }],
    ['Contact: *', { contacts: ['*'], expires: 0 }],
    ['Expires: 0 of another client', { contacts: ['<sip:bob@192.0.2.4>'], expires: 0, callId: 'another' }],
  ])('RFC 3261 §10.2.2: with %s it is gone at all nodes and does not come back', async (_how, fields) => {
    const { worlds, settle, kept } = cluster(['a', 'b', 'c']);
    const [a, b, c] = worlds;
    for (const { registrar } of worlds) await registrar.restore();
    a?.send({ cseq: 1, contacts: ['<sip:bob@192.0.2.4>'] }, phoneFlow());
    await settle();
    expect(worlds.map(({ registrar }) => registrar.count)).toEqual([1, 1, 1]);
    expect(b?.send({ cseq: 2, ...fields }, phoneFlow()).status).toBe(200);
    await settle();
    expect(worlds.map(({ registrar }) => registrar.count)).toEqual([0, 0, 0]);
    expect(kept.get(BOB)?.bindings).toEqual([]);
    expect(a?.events.at(-1)).toBe('elsewhere sip:bob@192.0.2.4');
    // It may come again, anywhere.
    expect(c?.send({ cseq: 3, contacts: ['<sip:bob@192.0.2.4>'] }, phoneFlow()).status).toBe(200);
    await settle();
    expect(worlds.map(({ registrar }) => registrar.count)).toEqual([1, 1, 1]);
  });

  test('it leaves before the other node has heard that it is there', async () => {
    const { worlds, settle } = cluster(['a', 'b']);
    const [a, b] = worlds;
    a?.send({ cseq: 1, contacts: ['<sip:bob@192.0.2.4>'] }, phoneFlow());
    b?.send({ cseq: 2, contacts: ['<sip:bob@192.0.2.4>'], expires: 0 }, phoneFlow());
    await settle();
    expect(worlds.map(({ registrar }) => registrar.count)).toEqual([0, 0]);
  });

  test('a phone that was restarted registers at another node: its old contact does not fill the list', async () => {
    const { worlds, settle } = cluster(['a', 'b']);
    const contact = (port: number) => [`<sip:bob@192.0.2.4:${port}>;+sip.instance="<urn:uuid:1>"`];
    for (let round = 0; round < 12; round++) {
      const world = worlds[round % 2];
      const answer = world?.send({ cseq: 1, callId: `boot-${round}`, contacts: contact(6000 + round) }, phoneFlow());
      expect(answer?.status).toBe(200);
      await settle();
    }
    expect(worlds.map(({ uris }) => uris())).toEqual([['sip:bob@192.0.2.4:6011'], ['sip:bob@192.0.2.4:6011']]);
  });

  test('a list that was written by who never heard of a contact does not remove it', async () => {
    const { worlds, settle } = cluster(['a', 'b']);
    const [a, b] = worlds;
    a?.send({ cseq: 1, contacts: ['<sip:bob@192.0.2.4>'] }, phoneFlow());
    b?.send({ cseq: 1, callId: 'desk', contacts: ['<sip:bob@192.0.2.9>'] }, flowFrom('192.0.2.9', 5060));
    await settle();
    for (const { registrar } of worlds) expect(registrar.count).toBe(2);
  });

  test('a contact that a node has lost is not brought back by a list that names it still', async () => {
    const { worlds, settle, kept } = cluster(['a', 'b']);
    const [a, b] = worlds;
    await a?.registrar.restore();
    const flow = flowFrom('198.51.100.9', 40_000, 'tcp');
    a?.send({ cseq: 1, contacts: ['<sip:bob@10.0.0.4;transport=tcp>'] }, flow);
    await settle();
    expect(b?.registrar.count).toBe(1);
    // Written by b before it has heard that the connection is gone.
    b?.send({ cseq: 1, callId: 'desk', contacts: ['<sip:bob@192.0.2.9>'] }, flowFrom('192.0.2.9', 5060));
    a?.registrar.flowClosed(flow.key);
    await settle();
    expect(worlds.map(({ registrar }) => registrar.count)).toEqual([1, 1]);
    expect(kept.get(BOB)?.bindings.map(({ contactUri }) => contactUri)).toEqual(['sip:bob@192.0.2.9']);
  });
});
