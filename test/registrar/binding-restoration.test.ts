import { describe, expect, test } from 'vitest';
import type { BindingChange, KeptBindings, RegisterAccount, StoredBinding } from '../../src/registrar/index.ts';
import { ACCOUNT, BOB, flowFrom, type RegisterFields, register, registrarWorld } from './kit.ts';

const INSTANCE = '<urn:uuid:00000000-0000-1000-8000-000a95a0e128>';
const FLOW_FIELDS = { headers: ['Supported: outbound, path'] };

/** A binding of node-b, as it is in the store. */
async function boundAtB(): Promise<StoredBinding> {
  const written: BindingChange[] = [];
  const store = {
    isShared: true,
    load: async () => [],
    write: async (all: readonly BindingChange[]) => void written.push(...all),
  };
  const other = registrarWorld({ store, node: 'b' });
  other.send();
  await other.registrar.flush();
  return written[0]?.bindings[0] as StoredBinding;
}

/** Node a, with a store that is read when it is let; `data` is what is in it. */
async function world(kept: (known: StoredBinding) => readonly unknown[] = () => []) {
  const known = await boundAtB();
  const data = new Map<string, readonly StoredBinding[]>([[BOB, kept(known) as StoredBinding[]]]);
  const read = Promise.withResolvers<void>();
  const store = {
    isShared: true,
    fails: false,
    load: async (): Promise<KeptBindings[]> => {
      const all = Array.from(data, ([aor, bindings]) => ({ aor, bindings }));
      await read.promise;
      if (store.fails) throw new Error('unreachable');
      return all;
    },
    write: async (changes: readonly BindingChange[]) => {
      for (const { aor, bindings } of changes) data.set(aor, bindings);
    },
  };
  const here = registrarWorld({ store, node: 'a' });
  let cseq = 5;
  const say = (fields: RegisterFields, more: Partial<RegisterAccount> = {}) =>
    here.registrar.process(register({ cseq: ++cseq, callId: 'own', ...fields }), flowFrom('192.0.2.9', 5060), {
      ...ACCOUNT,
      ...more,
    });
  const restored = here.registrar.restore();
  const letRead = async () => {
    read.resolve();
    await restored;
  };
  /** What is in the store when all that is pending has been written. */
  const write = async () => {
    here.clock.advance(1_000);
    await here.registrar.flush();
    return data.get(BOB) ?? [];
  };
  const later = (changes: object = {}) => ({ ...known, source: null, ...changes }) as unknown as StoredBinding;
  return { here, store, known, later, data, say, letRead, restored, write };
}

const urisOf = (bindings: readonly StoredBinding[]) => bindings.map(({ contactUri }) => contactUri);
const nodesOf = (bindings: readonly StoredBinding[]) => bindings.map(({ node }) => node);
const OWN_URI = 'sip:own@192.0.2.9';
const OWN = { contacts: [`<${OWN_URI}>`] };
const BOBS = { contacts: ['<sip:bob@192.0.2.4>'] };

describe('what registers here while the store is to be read', () => {
  test('is written when it has been, with what others have registered', async () => {
    const { here, known, data, say, letRead, write } = await world((one) => [one]);
    say(OWN);
    here.clock.advance(10_000);
    expect(data.get(BOB)).toEqual([known]);
    await letRead();
    expect(urisOf(await write()).sort()).toEqual([known.contactUri, 'sip:own@192.0.2.9'].sort());
  });

  test('waits for as long as the store cannot be read', async () => {
    const { here, store, known, data, say, letRead, restored, write } = await world((one) => [one]);
    say(OWN);
    store.fails = true;
    await letRead().catch(() => {});
    await expect(restored).rejects.toThrow('unreachable');
    expect(await here.registrar.flush()).toBe(false);
    here.clock.advance(60_000);
    expect(data.get(BOB)).toEqual([known]);
    expect(here.registrar.pendingWrites).toBe(1);
    store.fails = false;
    await here.registrar.restore();
    expect(urisOf(await write()).sort()).toEqual([known.contactUri, 'sip:own@192.0.2.9'].sort());
  });

  test('leaves the other phones of its address that registered here before: all are reached and written', async () => {
    const siblings = ['sip:first@192.0.2.5', 'sip:second@192.0.2.6'];
    const { here, known, say, letRead, write } = await world((one) =>
      [...siblings, OWN_URI].map((contactUri) => ({ ...one, node: 'a', contactUri, callId: contactUri })),
    );
    here.clock.advance(1);
    say(OWN);
    await letRead();
    const all = [...siblings, OWN_URI].sort();
    expect([here.uris().sort(), urisOf(await write()).sort()]).toEqual([all, all]);
    expect(here.registrar.bindings(BOB).map(({ callId }) => callId)).not.toContain(known.callId);
    expect(here.registrar.bindings(BOB).filter(({ callId }) => callId === 'own')).toHaveLength(1);
  });

  test('leaves them also where its address has as many contacts as it may, which may be refreshed', async () => {
    const siblings = ['sip:first@192.0.2.5', 'sip:second@192.0.2.6'];
    const { here, say, letRead } = await world((one) =>
      siblings.map((contactUri) => ({ ...one, node: 'a', contactUri, callId: contactUri })),
    );
    here.clock.advance(1);
    say(OWN, { maxContacts: 2 });
    await letRead();
    expect(here.uris().sort()).toEqual([...siblings, OWN_URI].sort());
    expect(say(OWN, { maxContacts: 2 }).status).toBe(200);
    expect(say({ contacts: ['<sip:more@192.0.2.9>'] }, { maxContacts: 2 }).status).toBe(403);
  });

  test('is in the store when the node ends meanwhile', async () => {
    const { here, data, known, say, letRead } = await world((one) => [one]);
    say(OWN);
    const flushed = here.registrar.flush();
    await letRead();
    expect(await flushed).toBe(true);
    expect(urisOf(data.get(BOB) ?? []).sort()).toEqual([known.contactUri, 'sip:own@192.0.2.9'].sort());
  });

  test('is not waited for, as the node ends, for more than 2 s where the store does not answer', async () => {
    const { here, known, data, say } = await world((one) => [one]);
    say(OWN);
    let flushed: boolean | undefined;
    void here.registrar.flush().then((written) => {
      flushed = written;
    });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    here.clock.advance(1_999);
    await settle();
    expect(flushed).toBeUndefined();
    here.clock.advance(1);
    await settle();
    expect([flushed, here.registrar.pendingWrites, data.get(BOB)]).toEqual([false, 1, [known]]);
  });

  test.each<[string, RegisterFields, Partial<RegisterAccount>, readonly string[]]>([
    ['its phone has taken it away, by another Call-ID', { ...BOBS, expires: 0 }, {}, []],
    ['all of its address are taken away', { contacts: ['*'], expires: 0 }, {}, []],
    ['its address has one binding, and that is another', OWN, { newestOnly: true }, ['sip:own@192.0.2.9']],
    ['its phone has registered here', BOBS, {}, ['sip:bob@192.0.2.4']],
  ])('ends what the store has of before: %s', async (_what, fields, account, left) => {
    for (const kept of [(one: StoredBinding) => one, (one: StoredBinding) => ({ ...one, source: null })]) {
      const { here, say, letRead, write } = await world((one) => [kept(one)]);
      here.clock.advance(1);
      say(fields, account);
      await letRead();
      const written = await write();
      expect([urisOf(written), written.every(({ node }) => node === 'a')]).toEqual([left, true]);
    }
  });

  test('ends nothing that has registered at another node since', async () => {
    const { say, letRead, write } = await world((one) => [
      { ...one, refreshedAtWallMs: one.refreshedAtWallMs + 60_000 },
      { ...one, source: null, contactUri: 'sip:later@192.0.2.8', refreshedAtWallMs: one.refreshedAtWallMs + 60_000 },
    ]);
    say({ contacts: ['*'], expires: 0 });
    await letRead();
    say(OWN);
    expect(urisOf(await write()).sort()).toEqual(
      ['sip:bob@192.0.2.4', 'sip:later@192.0.2.8', 'sip:own@192.0.2.9'].sort(),
    );
  });

  test.each<[string, RegisterFields, Partial<RegisterAccount>, readonly string[]]>([
    ['its phone', { ...BOBS, expires: 0 }, {}, ['sip:sibling@192.0.2.8']],
    ['all of its address', { contacts: ['*'], expires: 0 }, {}, []],
    ['those before it', OWN, { newestOnly: true }, [OWN_URI]],
  ])(
    'takes away what registered here before, by a clock that was ahead then: %s',
    async (_what, fields, account, left) => {
      const { say, letRead, write } = await world((one) =>
        [one.contactUri, 'sip:sibling@192.0.2.8'].map((contactUri) => ({
          ...{ ...one, node: 'a', contactUri, callId: contactUri },
          refreshedAtWallMs: one.refreshedAtWallMs + 60_000,
        })),
      );
      say(fields, account);
      await letRead();
      expect(urisOf(await write())).toEqual(left);
    },
  );

  test('an extension that is deleted has no binding when it has been read', async () => {
    const { here, letRead, write } = await world((one) => [
      one,
      { ...one, source: null, contactUri: 'sip:x@192.0.2.8' },
    ]);
    here.clock.advance(1);
    here.registrar.remove(BOB);
    await letRead();
    expect([here.uris(), await write()]).toEqual([[], []]);
  });
});

describe('what another node tells of an address while the store cannot be read', () => {
  test('takes none of those away that registered here before', async () => {
    const siblings = ['sip:first@192.0.2.5', 'sip:second@192.0.2.6'];
    const { here, store, known, letRead, restored } = await world((one) =>
      siblings.map((contactUri) => ({ ...one, node: 'a', contactUri, callId: contactUri })),
    );
    store.fails = true;
    await letRead().catch(() => {});
    await expect(restored).rejects.toThrow('unreachable');
    here.registrar.applyRemote(BOB, [known]);
    store.fails = false;
    await here.registrar.restore();
    expect(here.uris().sort()).toEqual([known.contactUri, ...siblings].sort());
  });

  test('ends those of them that have registered there since, at another Contact after a restart too', async () => {
    const { here, store, known, letRead, restored } = await world((one) => [
      { ...one, node: 'a', refreshedAtWallMs: one.refreshedAtWallMs - 1_000 },
      { ...one, node: 'a', contactUri: 'sip:old@192.0.2.5', instance: INSTANCE, callId: 'before' },
    ]);
    store.fails = true;
    await letRead().catch(() => {});
    await expect(restored).rejects.toThrow('unreachable');
    const restarted = { ...known, contactUri: 'sip:new@192.0.2.5', instance: INSTANCE, callId: 'after' };
    here.registrar.applyRemote(BOB, [known, restarted]);
    store.fails = false;
    await here.registrar.restore();
    expect(Array.from(here.registrar.all(), ({ contactUri, node }) => [contactUri, node]).sort()).toEqual([
      ['sip:bob@192.0.2.4', 'b'],
      ['sip:new@192.0.2.5', 'b'],
    ]);
  });
});

describe('a binding of another node that cannot be read', () => {
  const flowOf = (regId: number) => ({ instance: INSTANCE, regId });

  test('does not take the place of what its phone has registered here since, told of before or after', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    here.clock.advance(1_000);
    say(BOBS);
    const sibling = { ...known, contactUri: 'sip:sibling@192.0.2.8', callId: 'sibling' };
    here.registrar.applyRemote(BOB, [later(), sibling]);
    const written = await write();
    expect(written.map(({ contactUri, node }) => [contactUri, node]).sort()).toEqual([
      ['sip:bob@192.0.2.4', 'a'],
      ['sip:sibling@192.0.2.8', 'b'],
    ]);
  });

  test('of this node neither, when it is read after the phone has registered', async () => {
    const { here, say, letRead, write } = await world((one) => [{ ...one, source: null, node: 'a' }]);
    here.clock.advance(1_000);
    say(BOBS);
    await letRead();
    const written = await write();
    expect(written.map(({ source }) => source?.address)).toEqual(['192.0.2.9']);
  });

  test('is over when its phone has registered here later by its Call-ID, though its CSeq cannot be read either', async () => {
    const { here, later, say, letRead, write } = await world();
    await letRead();
    here.clock.advance(1_000);
    say(BOBS);
    here.registrar.applyRemote(BOB, [later({ callId: 'own', cseq: 'seven' })]);
    say(OWN);
    expect(nodesOf(await write())).toEqual(['a', 'a']);
  });

  test('goes back beside what registered here where its own registration is later', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    say(BOBS);
    here.registrar.applyRemote(BOB, [later({ refreshedAtWallMs: known.refreshedAtWallMs + 5_000 })]);
    expect(nodesOf(await write())).toEqual(['a', 'b']);
  });

  test('takes the place of an earlier registration of its contact at another node', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    here.registrar.applyRemote(BOB, [known]);
    const moved = later({ node: 'c', refreshedAtWallMs: known.refreshedAtWallMs + 5_000 });
    here.registrar.applyRemote(BOB, [moved]);
    say(OWN);
    expect(nodesOf(await write())).toEqual(['a', 'c']);
  });

  test('RFC 5626 §6: and another flow of its phone are both there, of one Contact URI', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    here.registrar.applyRemote(BOB, [later(flowOf(1)), { ...known, ...flowOf(2) }]);
    say(OWN);
    const flows = (await write()).filter(({ node }) => node === 'b').map(({ regId }) => regId);
    expect(flows.sort()).toEqual([1, 2]);
  });

  test('RFC 5626 §6: is over when its flow registers here at another Contact', async () => {
    const { here, later, say, letRead, write } = await world();
    await letRead();
    here.registrar.applyRemote(BOB, [later(flowOf(1))]);
    say({ contacts: [`<sip:bob@198.51.100.7>;+sip.instance="${INSTANCE}";reg-id=1`], ...FLOW_FIELDS });
    expect(urisOf(await write())).toEqual(['sip:bob@198.51.100.7']);
  });

  test('is over when its phone, started again, registers here at another Contact', async () => {
    const { here, later, say, letRead, write } = await world();
    await letRead();
    here.registrar.applyRemote(BOB, [later({ instance: INSTANCE })]);
    say({ contacts: [`<sip:bob@198.51.100.7>;+sip.instance="${INSTANCE}"`] });
    expect(urisOf(await write())).toEqual(['sip:bob@198.51.100.7']);
  });

  test('is over when it was taken away at another node', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    here.registrar.applyRemote(BOB, [later()]);
    const { contactUri, callId, cseq, node, refreshedAtWallMs, expiresAtWallMs: untilWallMs } = known;
    const removal = {
      contactUri,
      callId,
      cseq,
      node,
      refreshedAtWallMs,
      untilWallMs,
      instance: undefined,
      regId: undefined,
    };
    here.registrar.applyRemote(BOB, undefined, [removal]);
    say(OWN);
    expect(urisOf(await write())).toEqual(['sip:own@192.0.2.9']);
  });

  test('is over when it was taken away while the store was read, and what was told meanwhile is there', async () => {
    const gone = await world((one) => [{ ...one, source: null }]);
    gone.here.registrar.applyRemote(BOB, []);
    await gone.letRead();
    gone.say(OWN);
    expect(urisOf(await gone.write())).toEqual(['sip:own@192.0.2.9']);
    const come = await world();
    come.here.registrar.applyRemote(BOB, [come.later()]);
    await come.letRead();
    come.say(OWN);
    expect(urisOf(await come.write()).sort()).toEqual(['sip:bob@192.0.2.4', 'sip:own@192.0.2.9']);
  });

  test('in the list of another address says nothing of a contact of this one', async () => {
    const { here, known, later, say, letRead, write } = await world();
    await letRead();
    const stray = {
      ...later({ refreshedAtWallMs: known.refreshedAtWallMs + 5_000 }),
      aor: 'sip:alice@acme.example.com',
    };
    here.registrar.applyRemote(BOB, [known, stray]);
    say(OWN);
    expect((await write()).map(({ aor, node }) => [aor, node])).toEqual(
      expect.arrayContaining([
        [BOB, 'a'],
        [BOB, 'b'],
        [stray.aor, 'b'],
      ]),
    );
  });

  test.each([1e17, '99999999999999', Number.POSITIVE_INFINITY])(
    'is gone when it ends at %j, which is no time that a node grants',
    async (expiresAtWallMs) => {
      const { here, later, say, letRead, write } = await world();
      await letRead();
      here.registrar.applyRemote(BOB, [later({ expiresAtWallMs })]);
      say(OWN);
      expect(urisOf(await write())).toEqual(['sip:own@192.0.2.9']);
    },
  );
});

test('whoever is told of what is read and fails at one keeps nobody from being bound, nor from being written', async () => {
  const known = await boundAtB();
  const other = { ...known, contactUri: 'sip:other@192.0.2.7', callId: 'other' };
  const written: BindingChange[] = [];
  const store = {
    isShared: true,
    load: async (): Promise<KeptBindings[]> => [{ aor: BOB, bindings: [known, other] }],
    write: async (all: readonly BindingChange[]) => void written.push(...all),
  };
  const listener = {
    onRegistered() {},
    onUnregistered() {},
    onRead({ callId }: StoredBinding) {
      if (callId !== 'other') throw new Error('not told');
    },
  };
  const here = registrarWorld({ store, node: 'a', listener });
  expect(await here.registrar.restore()).toBe(2);
  here.registrar.process(register({ cseq: 9, callId: 'own', ...OWN }), flowFrom('192.0.2.9', 5060), ACCOUNT);
  await here.registrar.flush();
  expect(urisOf(written[0]?.bindings ?? []).sort()).toEqual([known.contactUri, other.contactUri, OWN_URI].sort());
});
