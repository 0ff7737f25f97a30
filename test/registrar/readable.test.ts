import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { readBinding, readRemoval } from '../../src/registrar/readable.ts';
import { binding } from '../store/records.ts';

const BINDING = {
  ...binding('101@acme'),
  instance: '<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>',
  regId: 1,
  path: ['<sip:proxy.example.com;lr>'],
};
const OPTIONAL = ['instance', 'regId', 'target'];
const OWN = { node: BINDING.node, log: silentLog };
const OTHER = { node: 'another', log: silentLog };
const REMOVAL = {
  contactUri: '*',
  instance: undefined,
  regId: undefined,
  callId: 'left',
  cseq: 2,
  node: 'node-a',
  refreshedAtWallMs: 1,
  untilWallMs: 2,
};

/** As stores have it. */
function kept(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('a binding as stores have it', () => {
  test.each([OWN, OTHER])('can be read with all that it may have, and without what it need not have', (reader) => {
    expect(readBinding(kept(BINDING), reader)).toEqual(BINDING);
    const bare = { ...BINDING, instance: undefined, regId: undefined, target: undefined };
    expect(readBinding(kept(bare), reader)).toEqual(bare);
  });

  test.each([OWN, OTHER])('may have null for what it has not', (reader) => {
    const source = { ...BINDING.source, listenerId: null };
    const read = readBinding({ ...BINDING, instance: null, regId: null, target: null, source }, reader);
    expect(read).toStrictEqual({
      ...BINDING,
      instance: undefined,
      regId: undefined,
      target: undefined,
      source: { ...source, listenerId: undefined },
    });
  });

  test.each(Object.keys(BINDING))(
    'of this node whose %s is of another type, or is missing though each has it, cannot be read',
    (name) => {
      // Without its node it is nobody's.
      const reader = name === 'node' ? OTHER : OWN;
      expect(readBinding(kept({ ...BINDING, [name]: { no: 'such' } }), reader)).toBeUndefined();
      const isRead = readBinding(kept({ ...BINDING, [name]: undefined }), reader) !== undefined;
      expect(isRead).toBe(OPTIONAL.includes(name));
    },
  );

  test.each([
    ['target', undefined],
    ['instance', undefined],
    ['regId', undefined],
    ['userAgent', ''],
    ['flowKey', ''],
    ['contactParams', ''],
    ['callId', ''],
    ['cseq', 0],
  ])('of another node can be read whatever its %s is: that node alone needs it', (name, taken) => {
    for (const strange of [{ no: 'such' }, null]) {
      expect(readBinding(kept({ ...BINDING, [name]: strange }), OTHER)).toEqual({ ...BINDING, [name]: taken });
    }
  });

  test('of another node may have come over a transport that is not known here, and is reached through that node', () => {
    const source = { ...BINDING.source, transport: 'ws' };
    const read = readBinding(kept({ ...BINDING, source, target: source }), OTHER);
    expect(read).toEqual({ ...BINDING, source, target: undefined });
    expect(readBinding(kept({ ...BINDING, target: source }), OWN)).toBeUndefined();
  });

  test.each<[string, object]>([
    ['a port of 0', { source: { ...BINDING.source, port: 0 } }],
    ['a port of 65536', { source: { ...BINDING.source, port: 65_536 } }],
    ['a port that is no whole number', { source: { ...BINDING.source, port: 5060.5 } }],
    ['a name for an address', { source: { ...BINDING.source, address: 'phone.example.com' } }],
    ['a line break in a Path', { path: ['<sip:proxy.example.com;lr>\r\nX: 1'] }],
    ['a line break in its Contact', { contactUri: 'sip:bob@192.0.2.4\r\nX: 1' }],
  ])('with %s cannot be read, whoever has it', (_name, parts) => {
    expect(readBinding(kept({ ...BINDING, ...parts }), OWN)).toBeUndefined();
    expect(readBinding(kept({ ...BINDING, ...parts }), OTHER)).toBeUndefined();
  });

  test.each<[string, object]>([
    ['a target without a port', { target: { ...BINDING.target, port: -1.5 } }],
    ['a target at a name', { target: { ...BINDING.target, address: 'no address' } }],
    ['a line break in the parameters of its Contact', { contactParams: ';q=1\r\nX: 1' }],
  ])('of this node with %s cannot be read; of another node it is without that', (_name, parts) => {
    expect(readBinding(kept({ ...BINDING, ...parts }), OWN)).toBeUndefined();
    const [name = ''] = Object.keys(parts);
    expect(readBinding(kept({ ...BINDING, ...parts }), OTHER)?.[name as 'target']).toBeFalsy();
  });

  test('in the list of another address-of-record is none of it', () => {
    expect(readBinding(BINDING, { ...OTHER, aor: '101@acme' })).toEqual(BINDING);
    expect(readBinding(BINDING, { ...OTHER, aor: '102@acme' })).toBeUndefined();
  });

  test.each([null, undefined, 7, 'text', []])('%j is none', (value) => {
    expect(readBinding(value, OTHER)).toBeUndefined();
  });

  test('that cannot be read is named in the log, with what is wrong with it first', () => {
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (event: string, fields?: object) => told.push({ event, ...fields }) };
    readBinding({ ...BINDING, source: {}, node: 1 }, { ...OTHER, log });
    readBinding(null, { ...OTHER, log, aor: '102@acme' });
    readBinding(BINDING, { ...OTHER, log, aor: '102@acme' });
    expect(told).toEqual([
      { event: 'registration-not-read', aor: '101@acme', error: 'a binding without a valid source' },
      { event: 'registration-not-read', aor: '102@acme', error: 'a binding that is no object' },
      { event: 'registration-not-read', aor: '102@acme', error: 'a binding of another address-of-record' },
    ]);
  });
});

describe('what was taken away, as stores have it', () => {
  test('can be read as it is written, and with null for what it has not', () => {
    expect(readRemoval(kept(REMOVAL), silentLog, '101@acme')).toEqual(REMOVAL);
    const nulls = { ...REMOVAL, instance: null, regId: null };
    expect(readRemoval(nulls, silentLog, '101@acme')).toStrictEqual(REMOVAL);
  });

  test.each(Object.keys(REMOVAL))('cannot be read when its %s is of another type', (name) => {
    expect(readRemoval({ ...REMOVAL, [name]: { no: 'such' } }, silentLog, '101@acme')).toBeUndefined();
  });
});
