/**
 * A command of many megabytes. The client's own would copy all its arguments into one buffer, in one turn of the loop, whose memory is new to
 * the process then: 25 ms for 6 MB. This one has them in blocks that were put together in steps, and gives the socket one after the other.
 */
import { Command } from 'ioredis';

/** A list is the octets of one argument, one after the other. */
export type Argument = string | number | Buffer | readonly Buffer[];

/** Arguments as Redis reads them. */
export interface ArgumentBlocks {
  readonly count: number;
  readonly blocks: readonly Buffer[];
}

const BLOCK_OCTETS = 65_536;
/** What has so many is not copied into a block. */
const OWN_BLOCK_OCTETS = 8_192;
const LINE_END = Buffer.from('\r\n');

/** Writes arguments as the bulk strings of RESP; long ones stay where they are. */
export class ArgumentWriter {
  readonly #blocks: Buffer[] = [];
  #count = 0;
  /** Of the next block. */
  #waiting: Buffer[] = [];
  #octets = 0;

  add(arg: Argument): void {
    this.#count++;
    const parts = partsOf(arg);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    for (const part of [Buffer.from(`$${length}\r\n`), ...parts, LINE_END]) this.#add(part);
  }

  end(): ArgumentBlocks {
    this.#endBlock();
    return { count: this.#count, blocks: this.#blocks };
  }

  #add(part: Buffer): void {
    if (part.length >= OWN_BLOCK_OCTETS) {
      this.#endBlock();
      this.#blocks.push(part);
      return;
    }
    this.#waiting.push(part);
    this.#octets += part.length;
    if (this.#octets >= BLOCK_OCTETS) this.#endBlock();
  }

  #endBlock(): void {
    if (this.#octets > 0) this.#blocks.push(Buffer.concat(this.#waiting, this.#octets));
    [this.#waiting, this.#octets] = [[], 0];
  }
}

function partsOf(arg: Argument): readonly Buffer[] {
  if (typeof arg === 'string' || typeof arg === 'number') return [Buffer.from(String(arg))];
  return Buffer.isBuffer(arg) ? [arg] : arg;
}

export class LongCommand extends Command {
  readonly #more: ArgumentBlocks;

  /** Its reply is in Buffers. `args` are the first ones, the keys among them. */
  constructor(name: string, args: readonly (string | number)[], more: ArgumentBlocks) {
    super(name, [...args], { replyEncoding: null });
    this.#more = more;
  }

  /** Called by the client, which then writes to the socket what this returns. */
  override toWritable(socket: { write(octets: string | Buffer): unknown }): string | Buffer {
    const { count, blocks } = this.#more;
    const head = [this.name, ...this.args].map((arg) => {
      const text = String(arg);
      return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
    });
    socket.write(`*${head.length + count}\r\n${head.join('')}`);
    for (const block of blocks.slice(0, -1)) socket.write(block);
    return blocks.at(-1) ?? '';
  }
}
