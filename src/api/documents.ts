import { createHmac } from 'node:crypto';
import { isObject } from '../base/json-object.ts';
import { isPrivateKey, isSecretName } from '../observe/index.ts';
import { ApiProblem } from './problem.ts';

/** Resources as JSON documents: without secrets when they go out, with the stored ones when they come back. */
export type Document = Readonly<Record<string, unknown>>;

const SET_SUFFIX = 'Set';
/** A document that holds one of these needs no other. */
const SIGN_IN_SECRETS = ['password', 'ha1'];

/** The value with each secret `x` replaced by `xSet: true`; of what has none nothing is copied, since an export is of everything. */
export function withoutSecrets<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  let copy: Record<string, unknown> | undefined;
  for (const name in value) {
    const field = value[name];
    const isSecret = !Array.isArray(value) && (isSecretName(name) || isPrivateKey(field));
    const kept = isSecret ? undefined : withoutSecrets(field);
    if (!isSecret && kept === field && copy === undefined) continue;
    copy ??= before(name, value);
    if (!isSecret) copy[name] = kept;
    else if (field !== undefined && field !== null) copy[`${name}${SET_SUFFIX}`] = true;
  }
  if (copy === undefined) return value;
  return (Array.isArray(value) ? Object.values(copy) : copy) as T;
}

/** The fields before one of this name. */
function before(end: string, value: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name in value) {
    if (name === end) break;
    fields[name] = value[name as keyof typeof value];
  }
  return fields;
}

/** No document is nested deeper; whoever sends such a one wants the stack. */
const DEEPEST = 64;

/** Takes the `…Set` marks out again, so that what was read can be written back. */
export function withoutMarks(value: unknown, depth = 0): unknown {
  if (depth > DEEPEST) throw new ApiProblem(400, 'malformed-json', `the body is nested deeper than ${DEEPEST} levels`);
  if (Array.isArray(value)) return value.map((item) => withoutMarks(item, depth + 1));
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === 'boolean' && isMark(name)) continue;
    define(copy, name, withoutMarks(field, depth + 1));
  }
  return copy;
}

/** `passwordSet`; `keySet` of a certificate's private key. */
function isMark(name: string): boolean {
  const field = name.slice(0, -SET_SUFFIX.length);
  return name.endsWith(SET_SUFFIX) && (field === 'key' || isSecretName(field));
}

/**
 * A replacement that says nothing of a secret keeps the stored one: nobody has to know a password to change a name. The replacement itself
 * when there is nothing to keep.
 */
export function withStoredSecrets<T>(replacement: T, stored: unknown): T {
  if (!isObject(replacement) || !isObject(stored)) return replacement;
  const signsIn = SIGN_IN_SECRETS.some((name) => replacement[name] !== undefined);
  let copy: Record<string, unknown> | undefined;
  for (const name in stored) {
    const [field, written] = [stored[name], replacement[name]];
    let kept = field;
    if (isSecretName(name) || isPrivateKey(field)) {
      if (written !== undefined || (signsIn && SIGN_IN_SECRETS.includes(name))) continue;
    } else {
      kept = Object.hasOwn(replacement, name) ? withStoredSecrets(written, field) : written;
      if (kept === written) continue;
    }
    copy ??= { ...replacement };
    copy[name] = kept;
  }
  return (copy as T | undefined) ?? replacement;
}

/** JSON Merge Patch (RFC 7396): null removes, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else define(merged, name, mergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value));
  }
  return merged;
}

/** `__proto__` is a name like any other; assignment would set the prototype, and is ten times as fast for all others. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * A document's entity tag. It changes with every field, secrets included; it is keyed, so that it is no oracle for guessing one.
 * Nodes that share a store share the key.
 */
export function entityTag(document: unknown, key: Buffer): string {
  const mac = createHmac('sha256', key).update(JSON.stringify(document)).digest('base64url');
  return `"${mac.slice(0, 27)}"`;
}

/**
 * RFC 9110 §13.1.1: the change is made only to the version that the client has seen, and to none that is gone.
 *
 * @param current undefined while there is none
 */
export function requireMatch(ifMatch: string | undefined, current: string | undefined): void {
  if (ifMatch === undefined) return;
  if (current === undefined) throw new ApiProblem(412, 'changed-meanwhile', 'the resource does not exist any more');
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (tags.includes('*') || tags.includes(current)) return;
  throw new ApiProblem(412, 'changed-meanwhile', 'the resource has changed since it was read; read it again', {
    headers: { etag: current },
  });
}
