import type { Problem } from '../base/errors.ts';
import { type Provisioning, provisioningSchema } from '../provisioning/trunk-settings/schema.ts';
/** Provisioning documents as bodies. A large one is read in a thread of its own: reading 6 MB takes seconds, and calls do not wait. */
import { readAside } from '../settings/aside.ts';
import { withoutMarks } from './documents.ts';
import { ApiProblem } from './problem.ts';
import { check } from './validation.ts';

/** That it was read, or what it is refused for. */
export type DocumentAnswer =
  | 'read'
  | {
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly problems: readonly Problem[];
    };

/** What is read at once, in octets: a few milliseconds. */
const READ_AT_ONCE = 16_384;

/** A document's body, read and checked in form; throws an ApiProblem that names every fault. The octets are used up. */
export async function documentOf(body: unknown): Promise<Provisioning> {
  // No body, or one that another parser has read.
  if (!Buffer.isBuffer(body)) return check(provisioningSchema, withoutMarks(body));
  if (body.length <= READ_AT_ONCE) return readDocument(body.toString());
  // Small buffers share memory with others.
  const octets = body.length === body.buffer.byteLength ? body : new Uint8Array(body);
  const transfer = [octets.buffer as ArrayBuffer];
  const { provisioning, rest } = await readAside<Uint8Array, DocumentAnswer>(
    'document-thread',
    import.meta.url,
    octets,
    { transfer },
  );
  if (rest !== 'read') throw new ApiProblem(rest.status, rest.code, rest.message, { problems: rest.problems });
  return provisioning;
}

/** The same on the thread that calls it. */
export function readDocument(text: string): Provisioning {
  return check(provisioningSchema, withoutMarks(jsonOf(text)));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text, withoutPrototypes);
  } catch {
    throw new ApiProblem(400, 'malformed-json', 'the body is not valid JSON');
  }
}

/** What would reach an object's prototype is no JSON here, as with every other body. */
function withoutPrototypes(this: unknown, key: string, value: unknown): unknown {
  const isPrototype =
    key === '__proto__' ||
    (key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'));
  if (isPrototype) throw new SyntaxError(`${key} is no field`);
  return value;
}
