/** Bodies that may be large are read in a thread of their own: reading 6 MB takes seconds, and calls do not wait. */
import type { MessagePort } from 'node:worker_threads';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { type AsideQuestion, askAside } from '../settings/aside.ts';
import { type ApiContext, identityOf } from './context.ts';
import { withoutMarks } from './documents.ts';
import { holdsMoreValues } from './json-values.ts';
import { ownerOf } from './owner-turns.ts';
import { ApiProblem } from './problem.ts';
import { check, checkedWhereRead } from './validation.ts';

/** What a body is: each kind has a reader in the thread. */
export type BodyKind = 'document' | 'tenant' | 'bulk';

export interface BodyInput {
  readonly kind: BodyKind;
  readonly octets: Uint8Array;
}

/** What it says beside the parts that it sends, or what the body is refused for. */
export type BodyAnswer =
  | { readonly rest: unknown }
  | {
      readonly refusal: {
        readonly status: number;
        readonly code: string;
        readonly message: string;
        readonly problems: readonly Problem[];
      };
    };

/** What is read at once, in octets and values: a few milliseconds, less than the thread takes from the processors when it starts. */
const READ_AT_ONCE: Record<BodyKind, readonly [octets: number, values: number]> = {
  document: [16_384, 16_384],
  tenant: [16_384, 16_384],
  bulk: [131_072, 10_000],
};

/**
 * Reads bodies of a kind, and checks them in form; what is refused is an ApiProblem that names every fault.
 *
 * @param gather puts the parts together that the thread sends @param whole makes the body of them, and of what it says beside
 */
export function bodyReader<S extends z.ZodType, Gathered, Rest>(
  kind: BodyKind,
  schema: S,
  gather: (port: MessagePort) => Steps<Gathered>,
  whole: (gathered: Gathered, rest: Rest) => z.output<S>,
) {
  const [mostOctets, mostValues] = READ_AT_ONCE[kind];
  /** On the thread that calls it. */
  const readText = (text: string): z.output<S> => check(schema, withoutMarks(jsonOf(text)));
  /** The octets are used up. */
  const readBody = async (body: unknown, inTurn: Turn): Promise<z.output<S>> => {
    // No body, or one that another parser has read.
    if (!Buffer.isBuffer(body)) return check(schema, withoutMarks(body));
    if (body.length <= mostOctets && !holdsMoreValues(body, mostValues)) return readText(body.toString());
    const { gathered, rest } = await inTurn(() => readAside<Gathered, Rest>(kind, body, gather));
    return whole(gathered, rest);
  };
  return { readText, readBody };
}

/** Does a work when it is its turn. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>;

/** For a route whose body `read` reads and checks, in the turn of who sends it. */
export function bodyReadBy(
  context: Pick<ApiContext, 'bodies'>,
  read: (body: unknown, inTurn: Turn) => Promise<unknown>,
) {
  return {
    preValidation: async (request: FastifyRequest) => {
      request.body = await read(request.body, turnOf(context, request));
    },
    validatorCompiler: checkedWhereRead,
  };
}

/** The turns of who sends a body; of one that has gone meanwhile nothing is read. */
function turnOf({ bodies }: Pick<ApiContext, 'bodies'>, request: FastifyRequest): Turn {
  return (work) =>
    bodies.run(ownerOf(identityOf(request)), () => {
      // Nobody hears the answer.
      if (request.raw.socket.destroyed) throw new ApiProblem(400, 'malformed-request', 'the connection is gone');
      return work();
    });
}

async function readAside<Gathered, Rest>(
  kind: BodyKind,
  body: Buffer,
  gather: (port: MessagePort) => Steps<Gathered>,
): Promise<{ readonly gathered: Gathered; readonly rest: Rest }> {
  // Small buffers share memory with others.
  const octets = body.length === body.buffer.byteLength ? body : new Uint8Array(body);
  const question: AsideQuestion<BodyInput> = {
    thread: 'body-thread',
    importer: import.meta.url,
    input: { kind, octets },
    isServing: true,
    transfer: [octets.buffer as ArrayBuffer],
  };
  const { gathered, rest: answer } = await askAside<BodyInput, BodyAnswer, Gathered>(question, gather);
  if ('rest' in answer) return { gathered, rest: answer.rest as Rest };
  const { status, code, message, problems } = answer.refusal;
  throw new ApiProblem(status, code, message, { problems });
}

/** Has a scope's routes read JSON themselves, from octets. */
export function readJsonAsOctets(scope: FastifyInstance, types = ['application/json']): void {
  scope.removeContentTypeParser(types);
  scope.addContentTypeParser(types, { parseAs: 'buffer' }, async (_request: FastifyRequest, octets: Buffer) => octets);
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
