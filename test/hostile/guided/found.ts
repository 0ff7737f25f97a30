import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const fileOf = (reader: string) => new URL(`../../data/guided/${reader}.json`, import.meta.url);

/** The inputs by which guided runs reached what no earlier input had reached. */
export function foundInputs(reader: string): readonly string[] {
  const file = fileOf(reader);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : [];
}

export function keepInputs(reader: string, inputs: readonly string[]): void {
  writeFileSync(fileOf(reader), `${JSON.stringify(inputs, undefined, 1)}\n`);
}
