/**
 * Makes the OpenAPI document out of what the routes say: shapes that bear a name become `components.schemas`, operations get their
 * descriptions and examples, and what the engine sends by itself (events, webhooks) is described beside them.
 */
import { z } from 'zod';
import { answerSchemaOf, inputSchemaOf, outputSchemaOf } from './answer-schema.ts';
import { callRecordAnswer } from './answers/calls.ts';
import { eventAnswers, webhookPayload } from './answers/events.ts';
import type { AnswerSchema } from './context.ts';
import { EXAMPLES, PARAMETER_EXAMPLES, TEXT_EXAMPLES } from './examples.ts';
import { describeOperation } from './operations.ts';

const NAME = 'x-schema';

const MANAGED_BY = {
  type: 'string',
  readOnly: true,
  description:
    'The provisioning file that holds it: only there it is changed. Left out: the HTTP interface changes it.',
};

/** An answer's shape under a name of its own in the document. */
export function named(name: string, schema: AnswerSchema | z.ZodType): AnswerSchema {
  return { [NAME]: name, ...(schema instanceof z.ZodType ? outputSchemaOf(schema) : schema) };
}

/** A provisioned resource as it is answered, its secrets replaced by marks. */
export function resource(name: string, schema: z.ZodType): AnswerSchema {
  return named(name, answerSchemaOf(schema));
}

/** One that a provisioning file may own, which the answer then says. */
export function managedResource(name: string, schema: z.ZodType): AnswerSchema {
  return named(name, withManagedBy(answerSchemaOf(schema)));
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
  const shape = shapeOfObject(inputSchemaOf(schema));
  const properties = Object.fromEntries(
    Object.entries(shape).map(([field, value]) => [field, { anyOf: [value, { type: 'null' }] }]),
  );
  return patchBody.meta({
    [NAME]: `${name}Patch`,
    type: 'object',
    properties,
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

type Json = Record<string, unknown>;

interface Operation extends Json {
  readonly operationId: string;
  readonly tags?: readonly string[];
}

/** The finished document. */
export function finishDocument(document: Json): Json {
  const schemas: Json = {};
  const lifted = lift(document, schemas) as Json;
  const paths = lifted['paths'] as Record<string, Record<string, Operation>>;
  for (const methods of Object.values(paths)) for (const operation of Object.values(methods)) finish(operation);
  const webhooks = webhooksOf(schemas);
  const components = { ...((lifted['components'] as Json | undefined) ?? {}), schemas: sorted(schemas) };
  for (const [name, schema] of Object.entries(schemas))
    if (EXAMPLES[name] !== undefined) (schema as Json)['examples'] = [EXAMPLES[name]];
  return { ...lifted, components, webhooks };
}

/** A copy in which every named shape is a reference; the shapes are collected in `schemas`. */
function lift(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => lift(item, schemas));
  if (value === null || typeof value !== 'object') return value;
  const { [NAME]: name, ...fields } = value as Json;
  const copy = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, lift(field, schemas)]));
  if (typeof name !== 'string') return copy;
  if (copy['propertyNames'] === undefined) delete copy['propertyNames'];
  const known = schemas[name];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(copy))
    throw new Error(`two shapes are called ${name} in the OpenAPI document`);
  schemas[name] = copy;
  return { $ref: `#/components/schemas/${name}` };
}

function finish(operation: Operation): void {
  Object.assign(operation, { description: describeOperation(operation.operationId) });
  for (const parameter of (operation['parameters'] ?? []) as Json[]) {
    const byTag = PARAMETER_EXAMPLES[operation.tags?.[0] ?? ''] ?? {};
    const example = byTag[String(parameter['name'])] ?? PARAMETER_EXAMPLES['']?.[String(parameter['name'])];
    if (parameter['in'] === 'path' && example !== undefined) parameter['example'] = example;
  }
  const parts = [operation['requestBody'], ...Object.values((operation['responses'] ?? {}) as Json)] as (
    | Json
    | undefined
  )[];
  for (const part of parts) {
    for (const [type, media] of Object.entries((part?.['content'] ?? {}) as Record<string, Json>)) {
      const example = type.startsWith('text/')
        ? TEXT_EXAMPLES[operation.operationId]
        : exampleOf(media['schema'] as Json);
      if (example !== undefined) media['example'] = example;
    }
  }
}

function exampleOf(schema: Json | undefined): unknown {
  if (schema === undefined) return undefined;
  const reference = schema['$ref'];
  if (typeof reference === 'string') return EXAMPLES[reference.slice(reference.lastIndexOf('/') + 1)];
  const properties = schema['properties'] as Record<string, Json> | undefined;
  const item = exampleOf(properties?.['items']?.['items'] as Json | undefined);
  return item === undefined ? undefined : { items: [item], total: 1, offset: 0, limit: 100 };
}

/** What the engine posts, one entry a topic; the data of each is what the stream of events sends too. */
function webhooksOf(schemas: Json): Json {
  const topics: Record<string, z.ZodType> = { ...eventAnswers, 'call-record': callRecordAnswer };
  const entries = Object.entries(topics).map(([topic, data]) => {
    const name = topic.replace(/(^|-)([a-z])/g, (_match, _dash, letter: string) => letter.toUpperCase());
    const dataName = topic === 'call-record' ? 'CallRecord' : `${name}Event`;
    schemas[dataName] ??= { ...outputSchemaOf(data) };
    const payload = outputSchemaOf(webhookPayload(topic, data)) as { properties: Json };
    schemas[`${name}Delivery`] = {
      ...payload,
      properties: { ...payload.properties, data: { $ref: `#/components/schemas/${dataName}` } },
    };
    const operation = {
      operationId: `deliver${name}`,
      tags: ['webhooks'],
      summary: `Event ${topic}`,
      description: 'Posted in order, signed in `Tandem-Signature`, tried again until a 2xx answers.',
      requestBody: {
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}Delivery` } } },
      },
      responses: { '200': { description: 'Any 2xx: delivered' } },
    };
    return [topic, { post: operation }];
  });
  return Object.fromEntries(entries);
}

function sorted(schemas: Json): Json {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}
