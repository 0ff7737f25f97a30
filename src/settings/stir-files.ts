/** The files that `stir` of a configuration names: read whole, or refused with everything that is wrong. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadTrust, type Trust } from '../stir/index.ts';
import type { CredentialProblem } from './credential-files.ts';
import { whyUnreadable } from './credential-files.ts';
import type { NodeSettings } from './node-schema.ts';
import { formatPath, type Segment } from './schema-problems.ts';

/** What files say of who may sign callers' identities. */
export interface StirFiles {
  readonly trust: Trust;
  /** PEM of further authorities for https. */
  readonly authorities: readonly string[];
}

/** What the files hold, or what is wrong with them. */
export function readStirFiles({ stir }: NodeSettings): StirFiles | readonly CredentialProblem[] {
  const problems: CredentialProblem[] = [];
  const report = (segments: readonly Segment[], message: string) =>
    void problems.push({ code: 'file-unusable', path: formatPath(segments), message, segments });
  const trust = loadTrust(stir, readOctets);
  if (!('anchors' in trust)) for (const { segments, message } of trust) report(segments, message);
  const authorities = stir.fetch.authorities.map((file, index) => {
    try {
      const text = readOctets(file).toString('latin1');
      new X509Certificate(text);
      return text;
    } catch (error) {
      const why = isUnreadable(error) ? error.message : 'holds no certificate in PEM';
      report(['stir', 'fetch', 'authorities', index], `${file}: ${why}`);
      return '';
    }
  });
  return 'anchors' in trust && problems.length === 0 ? { trust, authorities } : problems;
}

class UnreadableFile extends Error {}

function isUnreadable(error: unknown): error is UnreadableFile {
  return error instanceof UnreadableFile;
}

function readOctets(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UnreadableFile(whyUnreadable((error as NodeJS.ErrnoException).code));
  }
}
