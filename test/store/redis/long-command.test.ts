import { Command } from 'ioredis';
import { expect, test } from 'vitest';
import { type Argument, ArgumentWriter, LongCommand } from '../../../src/store/redis/long-command.ts';

const FIRST = ['0a1b', 2, '{tandem}:meta', '{tandem}:events', 'größer', ''] as const;

const blocksOf = (args: readonly Argument[]) => {
  const writer = new ArgumentWriter();
  for (const arg of args) writer.add(arg);
  return writer.end();
};

/** What the client gives the socket, one after the other. */
function writesOf(more: readonly Argument[]): Buffer[] {
  const writes: Buffer[] = [];
  const socket = { write: (octets: string | Buffer) => writes.push(Buffer.from(octets as string)) };
  socket.write(new LongCommand('EVALSHA', FIRST, blocksOf(more)).toWritable(socket));
  return writes;
}

/** Documents as they are sealed: no text. */
const documents = (count: number, octets: number) =>
  Array.from({ length: count }, (_, index) => Buffer.alloc(octets, 0x80 + (index % 128)));

test.each<[string, readonly Argument[]]>([
  ['none', []],
  ['numbers, names and an empty one', [0, 3, 'acme', '', 'größer', Buffer.alloc(0)]],
  ['many short ones', documents(1_000, 300).flatMap((document, index) => [`t${index}`, document])],
  ['a long one among short ones', [1, 'acme', Buffer.alloc(1_000_000, 0xff), 0, 'last']],
  ['some in several parts', [2, 'acme', documents(3, 20_000), 'umbrella', documents(5, 100), 0]],
  ['a long one at the end', ['acme', Buffer.alloc(65_536, 0xff)]],
])('arguments are written as the client itself would: %s', (_, more) => {
  const whole = more.map((arg) => (Array.isArray(arg) ? Buffer.concat(arg) : arg) as string | number | Buffer);
  const command = new Command('EVALSHA', [...FIRST, ...whole]);
  command.stringifyArguments();
  expect(Buffer.concat(writesOf(more)).equals(Buffer.from(command.toWritable({}) as string))).toBe(true);
});

test('6 MB of short documents are no more than 128 KB at a time, and long ones are not copied', () => {
  const long = documents(100, 30_000);
  const { blocks } = blocksOf([...documents(1_000, 6_000), ...long, long]);
  expect(Math.max(...blocks.map(({ length }) => length))).toBeLessThan(131_072);
  expect(blocks.filter((block) => long.some((document) => document === block))).toHaveLength(200);
});
