import { z } from 'zod';
import { isSecretName } from '../observe/index.ts';
import type { AnswerSchema } from './context.ts';

/**
 * The JSON schema of a resource as it is answered: as it is written, with every default filled in and each secret `x` replaced by the
 * read-only mark `xSet`.
 */
export function answerSchemaOf(schema: z.ZodType): AnswerSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any', reused: 'inline' });
  return replaceSecrets(json) as AnswerSchema;
}

function replaceSecrets(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(replaceSecrets);
  if (node === null || typeof node !== 'object') return node;
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) {
    copy[name] = name === 'properties' ? replaceProperties(value as Record<string, unknown>) : replaceSecrets(value);
  }
  if (Array.isArray(copy['required'])) {
    copy['required'] = copy['required'].filter((name) => !isSecretName(String(name)));
  }
  return copy;
}

function replaceProperties(properties: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    if (isSecretName(name)) {
      copy[`${name}Set`] = {
        type: 'boolean',
        readOnly: true,
        description: `Whether ${name} is set; it is never shown.`,
      };
    } else copy[name] = replaceSecrets(value);
  }
  return copy;
}
