import { seededRandom } from '../kit/simulated-link.ts';

const FRAGMENTS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\r\n\r\n',
  ' ',
  '\t',
  ';',
  ',',
  '"',
  '\\',
  '<',
  '>',
  ':',
  '%00',
  '%',
  '=',
  '\u00ff',
  'é',
  ';__proto__=1',
  '__proto__: x\r\n',
  'Content-Length: 10\r\n',
  'l: 5\r\n',
  ';tag=x;tag=y',
  ';received=1.2.3.4;rport=99999',
  '99999999999999999999',
  '-1',
  'sip:',
  '[::1',
  ' SIP/2.0\r\n',
  'Via: SIP/2.0/UDP x;branch=\r\n',
  'constructor',
  ';maddr=224.0.0.1',
  '(((((',
];

/** Makes broken messages of good ones; the same seed makes the same messages. */
export class Mutator {
  readonly #corpus: readonly string[];
  readonly #random: () => number;

  constructor(corpus: readonly string[], seed: number) {
    this.#corpus = corpus;
    this.#random = seededRandom(seed);
  }

  next(): string {
    return this.broken(this.#pick(this.#corpus));
  }

  /** The message, broken at one to four places. */
  broken(message: string): string {
    let text = message;
    const rounds = 1 + this.#below(4);
    for (let round = 0; round < rounds; round++) text = this.#mutate(text);
    return text.slice(0, 60_000);
  }

  #mutate(text: string): string {
    const at = this.#below(text.length + 1);
    const length = this.#below(24);
    switch (this.#below(8)) {
      case 0:
        return text.slice(0, at) + String.fromCharCode(this.#below(256)) + text.slice(at + 1);
      case 1:
        return text.slice(0, at) + text.slice(at + length);
      case 2:
        return text.slice(0, at) + text.slice(at, at + length).repeat(1 + this.#below(40)) + text.slice(at + length);
      case 3:
      case 4:
        return text.slice(0, at) + this.#pick(FRAGMENTS) + text.slice(at);
      case 5: {
        const other = this.#pick(this.#corpus);
        return text.slice(0, at) + other.slice(this.#below(other.length));
      }
      case 6:
        return this.#swapLines(text);
      default:
        return text.slice(0, at);
    }
  }

  #swapLines(text: string): string {
    const lines = text.split('\r\n');
    const first = this.#below(lines.length);
    const second = this.#below(lines.length);
    [lines[first], lines[second]] = [lines[second] as string, lines[first] as string];
    return lines.join('\r\n');
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)] as Value;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
