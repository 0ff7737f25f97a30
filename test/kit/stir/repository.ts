import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { type Child, startChild } from '../child.ts';
import { StirCertificate, type StirWorld } from './authority.ts';

/** The ports that certificates may be fetched from are two, so each repository has an address of its own. */
const PORT = 8443;

export interface TestRepository {
  readonly folder: string;
  url(name: string): string;
  write(name: string, text: string): void;
  /** How often a file was asked for. */
  asked(name: string): number;
  /** Settings of a node that believes the authority and may fetch from here. */
  stir(more?: Partial<NonNullable<NodeSettingsInput['stir']>['fetch']>): NonNullable<NodeSettingsInput['stir']>;
  stop(): Promise<void>;
}

/** A certificate repository, its own HTTPS process with a CA made here, which serves what is written to its folder. */
export async function startRepository(authority: StirWorld): Promise<TestRepository> {
  const octet = (from: number, count: number) => from + Math.floor(Math.random() * count);
  const host = `127.${octet(40, 100)}.${octet(1, 250)}.${octet(1, 250)}`;
  const folder = mkdtempSync(join(tmpdir(), 'tandem-stir-'));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const root = StirCertificate.root({ commonName: 'Repository root' });
  const tls = root.issue({ commonName: host, hosts: [host] });
  write('tls.pem', tls.chainPem);
  write('tls.key', tls.keyPem);
  write('tls-root.pem', root.pem);
  write('anchors.pem', authority.root.pem);
  const script = fileURLToPath(new URL('./repository-process.ts', import.meta.url));
  const child: Child = startChild(process.execPath, [script, host, String(PORT), folder]);
  await child.waitFor(/serving/);
  return {
    folder,
    write,
    url: (name) => `https://${host}:${PORT}/${name}`,
    asked: (name) =>
      child
        .output()
        .split('\n')
        .filter((line) => line === `GET /${name}`).length,
    stir: (more) => ({
      trustAnchors: [join(folder, 'anchors.pem')],
      fetch: { allow: [`${host}/32`], authorities: [join(folder, 'tls-root.pem')], ...more },
    }),
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
