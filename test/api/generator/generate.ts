/** A package of its own, since the generator works with an older TypeScript than the project. */
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';

/** The TypeScript source of a client's types for an OpenAPI document. */
export async function clientOf(document: unknown): Promise<string> {
  return astToString(await openapiTS(document as OpenAPI3));
}

/** The compiler that the generated types are written for. */
export const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
