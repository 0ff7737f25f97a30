/** Secrets outside of the files: `password: { env: NAME }` and `password: { file: PATH }`, and the same of other secrets. */
import { readFileSync } from 'node:fs';
import type { Segment } from './schema-problems.ts';

export interface SecretProblem {
  readonly segments: readonly Segment[];
  readonly message: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const SECRET_FIELDS = new Set(['password', 'secret', 'clientSecret', 'accessToken', 'appSecret', 'verifyToken']);
/** Of `certificates`: the chain is no secret, but stands in a file beside its key. */
const CERTIFICATE_FIELDS = new Set(['key', 'chain']);
/** Stands in for a secret that could not be had, so that only its own problem is reported. */
const PLACEHOLDER = 'unresolved';

/** A copy of `value` in which every secret is text, and what could not be had. */
export function resolveSecrets(
  value: unknown,
  environment: Environment,
): { readonly value: unknown; readonly problems: readonly SecretProblem[] } {
  const problems: SecretProblem[] = [];
  return { value: walk(value, [], environment, problems), problems };
}

function walk(
  value: unknown,
  segments: readonly Segment[],
  environment: Environment,
  problems: SecretProblem[],
): unknown {
  if (Array.isArray(value)) return value.map((item, index) => walk(item, [...segments, index], environment, problems));
  if (typeof value !== 'object' || value === null) return value;
  const copy: [string, unknown][] = [];
  for (const [key, child] of Object.entries(value)) {
    const path = [...segments, key];
    const mayBeElsewhere = SECRET_FIELDS.has(key) || (segments[0] === 'certificates' && CERTIFICATE_FIELDS.has(key));
    const reference = mayBeElsewhere ? secretReference(child) : undefined;
    copy.push([
      key,
      reference === undefined
        ? walk(child, path, environment, problems)
        : fetchSecret(reference, path, environment, problems),
    ]);
  }
  // Made from entries, so that a key such as __proto__ stays an ordinary field and is refused as unknown.
  return Object.fromEntries(copy);
}

type Reference = { readonly env: string } | { readonly file: string };

function secretReference(value: unknown): Reference | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return undefined;
  const { env, file } = value as { env?: unknown; file?: unknown };
  if (typeof env === 'string') return { env };
  return typeof file === 'string' ? { file } : undefined;
}

function fetchSecret(
  reference: Reference,
  segments: readonly Segment[],
  environment: Environment,
  problems: SecretProblem[],
): string {
  const fail = (message: string) => {
    problems.push({ segments, message });
    return PLACEHOLDER;
  };
  if ('env' in reference) {
    const secret = environment[reference.env];
    return secret === undefined || secret === ''
      ? fail(`the environment variable ${reference.env} is not set`)
      : secret;
  }
  try {
    const secret = readFileSync(reference.file, 'utf8').replace(/\r?\n$/, '');
    return secret === '' ? fail(`the file ${reference.file} is empty`) : secret;
  } catch (error) {
    return fail(
      `the file ${reference.file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`,
    );
  }
}
