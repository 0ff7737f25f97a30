/** What routes say of their bodies and answers for the OpenAPI document: names of shapes, and how those are made once it is asked for. */
import { z } from 'zod';
import { answerSchemaOf, inputSchemaOf } from './answer-schema.ts';
import type { AnswerName } from './answers/index.ts';
import type { AnswerSchema } from './context.ts';

/** The key of a shape's name. */
export const NAME = 'x-schema';
/** The key of the function that makes a shape which is not one of `answers/`. */
export const MAKE = 'x-make';

const MANAGED_BY = {
  type: 'string',
  readOnly: true,
  description:
    'The provisioning file that holds it: only there it is changed. Left out: the HTTP interface changes it.',
};

/** An answer's shape by its name. */
export function named(name: AnswerName): AnswerSchema {
  return { [NAME]: name };
}

/** A shape under a name of its own, made when the document is. */
export function made(name: string, make: () => AnswerSchema): AnswerSchema {
  return { [NAME]: name, [MAKE]: make };
}

/** A provisioned resource as it is answered, its secrets replaced by marks. */
export function resource(name: string, schema: z.ZodType): AnswerSchema {
  return made(name, () => answerSchemaOf(schema));
}

/** One that a provisioning file may own, which the answer then says. */
export function managedResource(name: string, schema: z.ZodType): AnswerSchema {
  return made(name, () => withManagedBy(answerSchemaOf(schema)));
}

/** Each alternative of a union is closed by itself. */
function withManagedBy(shape: AnswerSchema): AnswerSchema {
  const { oneOf, anyOf, properties } = shape as Record<string, AnswerSchema[] & object>;
  if (oneOf !== undefined) return { ...shape, oneOf: oneOf.map(withManagedBy) };
  if (anyOf !== undefined) return { ...shape, anyOf: anyOf.map(withManagedBy) };
  return { ...shape, properties: { ...properties, managedBy: MANAGED_BY } };
}

/** A request body under a name of its own. */
export function body<T extends z.ZodType>(name: string, schema: T): T {
  return schema.meta({ [NAME]: name });
}

const patchBody = z.record(z.string(), z.unknown());

/** A JSON Merge Patch (RFC 7396) of a resource: any of its fields, null to remove one. The fields are checked once they are merged. */
export function patchOf(name: string, schema: z.ZodType): typeof patchBody {
  return patchBody.meta({
    [NAME]: `${name}Patch`,
    type: 'object',
    // Read when the document is made.
    get properties() {
      const shape = shapeOfObject(inputSchemaOf(schema));
      return Object.fromEntries(
        Object.entries(shape).map(([field, value]) => [field, { anyOf: [value, { type: 'null' }] }]),
      );
    },
    propertyNames: undefined,
    additionalProperties: false,
    description: 'JSON Merge Patch (RFC 7396): null removes a field.',
  });
}

/** The properties of an object, or of all alternatives of a union together. */
function shapeOfObject(json: Record<string, unknown>): Record<string, unknown> {
  const alternatives = (json['oneOf'] ?? json['anyOf']) as Record<string, unknown>[] | undefined;
  if (alternatives === undefined) return (json['properties'] ?? {}) as Record<string, unknown>;
  return Object.assign({}, ...alternatives.map(shapeOfObject), { kind: { type: 'string' } });
}
