import { z } from 'zod';
import { isSecretName } from '../observe/index.ts';
import type { AnswerSchema } from './context.ts';

/** The JSON schema of what a schema gives, with every default filled in, without `$schema`. */
export function outputSchemaOf(schema: z.ZodType): AnswerSchema {
  return jsonOf(schema, 'output');
}

/** The same of what it takes, in which a default may be left out. */
export function inputSchemaOf(schema: z.ZodType): AnswerSchema {
  return jsonOf(schema, 'input');
}

/** The JSON schema of a resource as it is answered: {@link outputSchemaOf}, with each secret `x` replaced by the read-only mark `xSet`. */
export function answerSchemaOf(schema: z.ZodType): AnswerSchema {
  return replaceSecrets(outputSchemaOf(schema)) as AnswerSchema;
}

function jsonOf(schema: z.ZodType, io: 'input' | 'output'): AnswerSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return json as AnswerSchema;
}

function replaceSecrets(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(replaceSecrets);
  if (node === null || typeof node !== 'object') return node;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) {
    copy[name] = name === 'properties' ? replaceProperties(value as Record<string, unknown>) : replaceSecrets(value);
  }
  if (Array.isArray(copy['required'])) {
    const properties = (node as { properties?: Record<string, unknown> }).properties ?? {};
    copy['required'] = copy['required'].filter((name) => !isSecret(String(name), properties[String(name)]));
  }
  return copy;
}

/** By its name, or because the schema says so. */
function isSecret(name: string, schema: unknown): boolean {
  return isSecretName(name) || (schema as { writeOnly?: boolean } | undefined)?.writeOnly === true;
}

function replaceProperties(properties: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    if (isSecret(name, value)) {
      copy[`${name}Set`] = {
        type: 'boolean',
        readOnly: true,
        description: `Whether ${name} is set; it is never shown.`,
      };
    } else copy[name] = replaceSecrets(value);
  }
  return copy;
}
