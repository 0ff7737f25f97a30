import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  HTTPMethods,
  RouteHandlerMethod,
  RouteShorthandOptions,
} from 'fastify';
import type { z } from 'zod';
import { defined } from '../base/defined.ts';
import type { Access, Across, AnswerSchema } from './context.ts';
import { OPERATIONS, type OperationRow } from './operation-table.ts';

type Tables = typeof OPERATIONS;
export type OperationId = { [Tag in keyof Tables]: keyof Tables[Tag] }[keyof Tables];

const ROWS: ReadonlyMap<string, OperationRow> = new Map(
  Object.entries(OPERATIONS).flatMap(([tag, operations]) =>
    Object.entries(operations).map(([id, [at, summary]]) => [id, { id, tag, at, summary }] as const),
  ),
);

/** What an operation takes and answers; the rest is as the server has it. */
interface OperationParts<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>
  extends Pick<
    RouteShorthandOptions,
    'bodyLimit' | 'exposeHeadRoute' | 'onRequest' | 'preValidation' | 'validatorCompiler'
  > {
  readonly access?: Access;
  /** How the answer is made of those of all nodes; it has a query field `node`. Default: the node that is asked answers alone. */
  readonly across?: Across;
  /** Open to those who may only read, though it is no GET. */
  readonly readOnly?: boolean;
  /** False: asked as often as anybody likes. */
  readonly rateLimit?: false;
  readonly params?: P;
  readonly querystring?: Q;
  readonly body?: B;
  /** Media types of the body, where they are not those of JSON. */
  readonly consumes?: readonly string[];
  /** The success answers by status. */
  readonly answers?: Readonly<Record<number, AnswerSchema>>;
}

type Asked<P, Q, B> = FastifyRequest<{ Params: z.output<P>; Querystring: z.output<Q>; Body: z.output<B> }>;

/** Adds an operation to the interface, and to its document. Who may call it: every token, sorted out by its handler, unless `access` says otherwise. */
export function operation<
  P extends z.ZodType = z.ZodUnknown,
  Q extends z.ZodType = z.ZodUnknown,
  B extends z.ZodType = z.ZodUnknown,
>(app: FastifyInstance, which: OperationId | OperationRow, parts: OperationParts<P, Q, B>) {
  const { id, tag, at, summary } = typeof which === 'string' ? (ROWS.get(which) as OperationRow) : which;
  const { access = 'any', readOnly = false, across, rateLimit, params, querystring, body, consumes, ...rest } = parts;
  const { answers = {}, ...options } = rest;
  const [method = '', url = ''] = at.split(' ');
  const schema: FastifySchema = {
    operationId: id,
    tags: [tag],
    summary,
    ...(access === 'public' ? { security: [] } : {}),
    ...defined({ params, querystring, body, consumes }),
  };
  // Beside the schema, not in it: nothing is checked or written by them.
  const config = { access, readOnly, answers: { ...answers, default: PROBLEM }, ...defined({ across, rateLimit }) };
  return {
    by: (handler: (this: FastifyInstance, request: Asked<P, Q, B>, reply: FastifyReply) => unknown): void => {
      app.route({
        ...options,
        method: method as HTTPMethods,
        url,
        schema,
        config,
        handler: handler as RouteHandlerMethod,
      });
    },
  };
}

const PROBLEM: AnswerSchema = {
  description: 'Problem details (RFC 9457); `code` is stable',
  content: {
    'application/problem+json': {
      schema: {
        'x-schema': 'Problem',
        type: 'object',
        required: ['type', 'title', 'status', 'code', 'detail'],
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          code: { type: 'string' },
          detail: { type: 'string' },
          path: { type: 'string', description: 'The first faulty field' },
          errors: {
            type: 'array',
            items: {
              type: 'object',
              required: ['code', 'path', 'message'],
              properties: { code: { type: 'string' }, path: { type: 'string' }, message: { type: 'string' } },
            },
          },
        },
      },
    },
  },
};
