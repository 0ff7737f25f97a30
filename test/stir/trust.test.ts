import { expect, test } from 'vitest';
import { loadTrust } from '../../src/stir/trust.ts';
import { stirWorld } from '../kit/stir/authority.ts';

const world = stirWorld();
const files: Readonly<Record<string, string>> = {
  'anchors.pem': world.root.pem + stirWorld().root.pem,
  'leaf.pem': world.leaf([{ one: '911' }]).pem,
  'text.pem': 'hello',
  'crl.pem': world.root.revocationList([world.intermediate]),
  'intermediate-crl.pem': world.intermediate.revocationList([]),
  // Same name, other key.
  'forged-crl.pem': stirWorld().root.revocationList([world.intermediate]),
};
const read = (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error('does not exist');
  return Buffer.from(text);
};

test('anchors and lists of all files', () => {
  const trust = loadTrust({ trustAnchors: ['anchors.pem'], crls: ['crl.pem', 'intermediate-crl.pem'] }, read);
  expect(trust).toMatchObject({ anchors: { length: 2 }, revocationLists: { length: 2 } });
});

test('every file at fault is named, by its place in the settings', () => {
  const trust = loadTrust(
    { trustAnchors: ['leaf.pem', 'anchors.pem', 'text.pem'], crls: ['none.pem', 'text.pem'] },
    read,
  );
  expect(trust).toEqual([
    {
      segments: ['stir', 'trustAnchors', 0],
      message: 'leaf.pem: CN=SHAKEN 1234 is no certificate authority (basicConstraints CA)',
    },
    { segments: ['stir', 'trustAnchors', 2], message: 'text.pem: holds no certificate, neither PEM nor DER' },
    { segments: ['stir', 'crls', 0], message: 'none.pem: does not exist' },
    { segments: ['stir', 'crls', 1], message: 'text.pem: holds no certificate revocation list, neither PEM nor DER' },
  ]);
});

test('RFC 5280 §6.3.3: a list with the name of an anchor has to be signed by it', () => {
  const anchors = { ...files, 'one.pem': world.root.pem };
  const trust = loadTrust({ trustAnchors: ['one.pem'], crls: ['forged-crl.pem'] }, (path) =>
    Buffer.from(anchors[path as 'one.pem'] ?? ''),
  );
  expect(trust).toMatchObject([{ message: expect.stringContaining('is not signed by CN=STIR test root') }]);
});
