import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { isReadableBinding, isReadableRemoval } from '../../src/registrar/readable.ts';
import { binding } from '../store/records.ts';

const BINDING = {
  ...binding('101@acme'),
  instance: '<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>',
  regId: 1,
  path: ['<sip:proxy.example.com;lr>'],
};
const OPTIONAL = ['instance', 'regId', 'target'];
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
  test('can be read with all that it may have, and without what it need not have', () => {
    expect(isReadableBinding(kept(BINDING), silentLog)).toBe(true);
    expect(
      isReadableBinding(kept({ ...BINDING, instance: undefined, regId: undefined, target: undefined }), silentLog),
    ).toBe(true);
  });

  test.each(Object.keys(BINDING))(
    'whose %s is of another type, or is missing though each has it, cannot be read',
    (name) => {
      expect(isReadableBinding(kept({ ...BINDING, [name]: { no: 'such' } }), silentLog)).toBe(false);
      expect(isReadableBinding(kept({ ...BINDING, [name]: undefined }), silentLog)).toBe(OPTIONAL.includes(name));
    },
  );

  test.each([null, undefined, 7, 'text', []])('%j is none', (value) => {
    expect(isReadableBinding(value, silentLog)).toBe(false);
  });

  test('that cannot be read is named in the log, with what is wrong with it first', () => {
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (event: string, fields?: object) => told.push({ event, ...fields }) };
    isReadableBinding({ ...BINDING, source: {}, node: 1 }, log);
    isReadableBinding(null, log, '102@acme');
    expect(told).toEqual([
      { event: 'registration-not-read', aor: '101@acme', error: 'a binding without a valid source' },
      { event: 'registration-not-read', aor: '102@acme', error: 'a binding that is no object' },
    ]);
  });
});

describe('what was taken away, as stores have it', () => {
  test('can be read as it is written', () => {
    expect(isReadableRemoval(kept(REMOVAL), silentLog, '101@acme')).toBe(true);
  });

  test.each(Object.keys(REMOVAL))('cannot be read when its %s is of another type', (name) => {
    expect(isReadableRemoval({ ...REMOVAL, [name]: { no: 'such' } }, silentLog, '101@acme')).toBe(false);
  });
});
