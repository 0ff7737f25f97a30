/** Times one input in a process of its own, where nothing was measured before. stdin: JSON. Prints why it is too slow, or nothing. */
import { readFileSync } from 'node:fs';
import { slowness } from './linear.ts';
import { readers } from './readers.ts';

const { name, input, at, length, mostMs } = JSON.parse(readFileSync(0, 'utf8')) as {
  name: string;
  input: string;
  at: number;
  length: number;
  mostMs: number;
};
const reader = readers.find((each) => each.name === name);
if (reader === undefined) throw new Error(`there is no reader ${name}`);
process.stdout.write(slowness(reader, input, at, length, mostMs) ?? '');
