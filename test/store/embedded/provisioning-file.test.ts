import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { ProvisioningFile } from '../../../src/store/embedded/provisioning-file.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { temporaryFolder } from '../kit.ts';
import { commitOf, tenant } from '../records.ts';

test('disk full: the commit throws, nothing of it is there, and a smaller one still goes through', () => {
  const path = join(temporaryFolder(), 'provisioning.db');
  const file = new ProvisioningFile(path, new Sealer(randomBytes(32)), { maxBytes: 200 * 1024 });
  onTestFinished(() => file.close());
  file.commit(commitOf(0, { putTenants: [tenant('acme')] }));
  const many = Array.from({ length: 1000 }, (_, i) => tenant(`tenant-${i}`));
  expect(() => file.commit(commitOf(1, { putTenants: many, deleteTenants: ['acme'] }))).toThrow(/full/);
  expect(file.load()).toEqual({ version: 1, state: { tenants: [tenant('acme')], trunks: [], certificates: [] } });
  expect(file.commit(commitOf(1, { putTenants: [tenant('umbrella')] }))).toEqual({ outcome: 'committed', version: 2 });
});

test('a document moved to another row does not open', () => {
  const path = join(temporaryFolder(), 'provisioning.db');
  const file = new ProvisioningFile(path, new Sealer(randomBytes(32)));
  onTestFinished(() => file.close());
  file.commit(commitOf(0, { putTenants: [tenant('acme'), tenant('umbrella')] }));
  const other = new DatabaseSync(path);
  other.exec(`UPDATE tenant SET document = (SELECT document FROM tenant WHERE name = 'acme') WHERE name = 'umbrella'`);
  other.close();
  expect(() => file.load()).toThrow(/tenant\/umbrella/);
});
