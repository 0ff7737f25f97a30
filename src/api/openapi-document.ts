/**
 * Makes the OpenAPI document out of what the routes say: shapes that bear a name become `components.schemas`, operations get their
 * descriptions and examples, and what the engine sends by itself (events, webhooks) is described beside them. Loaded when the document is
 * first asked for, and with it all that only the document needs.
 */
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { EVENT_FACTS } from '../observe/event-facts.ts';
import { outputSchemaOf } from './answer-schema.ts';
import { callRecordAnswer } from './answers/calls.ts';
import { webhookPayload } from './answers/events.ts';
import { ANSWERS, type AnswerName } from './answers/index.ts';
import type { AnswerSchema } from './context.ts';
import { EXAMPLES, PARAMETER_EXAMPLES, TEXT_EXAMPLES } from './examples.ts';
import { MAKE, NAME } from './openapi.ts';
import { describeOperation } from './operations.ts';

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

/** Makes the shapes that routes name, each once in a document. */
export class Shapes {
  /** By name; undefined for one of `answers/`. */
  readonly #made = new Map<string, (() => AnswerSchema) | undefined>();

  /**
   * A copy of what a route says of its answers. A shape is there in full where its name comes first, and by its name alone after that.
   *
   * @throws when two shapes bear one name
   */
  expand<T>(value: T): T {
    return this.#expand(value) as T;
  }

  #expand(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#expand(item));
    if (value === null || typeof value !== 'object') return value;
    const { [MAKE]: make, ...fields } = value as Json & { readonly [MAKE]?: () => AnswerSchema };
    const { [NAME]: name } = fields;
    const isReference = typeof name === 'string' && Object.keys(fields).length === 1;
    return isReference
      ? { [NAME]: name, ...this.#make(name, make) }
      : Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, this.#expand(field)]));
  }

  #make(name: string, make: (() => AnswerSchema) | undefined): AnswerSchema {
    if (this.#made.has(name)) {
      const known = this.#made.get(name);
      if (make !== known && !isDeepStrictEqual(make?.(), known?.())) throw twoShapes(name);
      return {};
    }
    this.#made.set(name, make);
    return make === undefined ? outputSchemaOf(ANSWERS[name as AnswerName]) : this.expand(make());
  }
}

function twoShapes(name: string): Error {
  return new Error(`two shapes are called ${name} in the OpenAPI document`);
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
  // By its name alone: it is made elsewhere.
  if (Object.keys(copy).length > 0) {
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(copy)) throw twoShapes(name);
    schemas[name] = copy;
  }
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
  const topics: Record<string, z.ZodType> = { ...EVENT_FACTS, 'call-record': callRecordAnswer };
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
