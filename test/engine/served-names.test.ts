import { expect, test } from 'vitest';
import { servedNames } from '../../src/engine/served-names.ts';
import type { Directory } from '../../src/provisioning/directory/directory.ts';

test('a Teams trunk that is enabled and has its certificate is answered to by its own name, others are not', () => {
  const trunk = (name: string, parts: object) => ({
    name,
    enabled: true,
    teams: { fqdn: `${name}.example` },
    ...parts,
  });
  const trunks = [trunk('a', {}), trunk('b', { enabled: false }), trunk('c', {}), trunk('d', { teams: undefined })];
  const directory = {
    trunks,
    tlsCertificateOf: ({ name }: { name: string }) =>
      name === 'c' ? undefined : { cert: `${name} cert`, key: `${name} key` },
  };
  expect([...servedNames(directory as unknown as Directory)]).toEqual([
    ['a.example', { cert: 'a cert', key: 'a key' }],
  ]);
});
