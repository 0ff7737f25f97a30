import { PeerError } from '../../base/errors.ts';

/** How media flows, seen from the side that wrote the description (RFC 3264 §5.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

const DIRECTIONS: readonly string[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

/** Most lines of one description. */
const MAX_LINES = 2_000;

/** One m= section. */
export interface Media {
  /** `audio`, `video`, `image` … as written. */
  readonly kind: string;
  /** 0: the stream is refused or ended (RFC 3264 §6). */
  readonly port: number;
  /** E.g. `RTP/AVP`, `udptl`. */
  readonly protocol: string;
  readonly formats: readonly string[];
  /** The stream's own direction, else the session's, else sendrecv. */
  readonly direction: Direction;
  /** The address of the stream's c= line, else of the session's; undefined when neither is there. */
  readonly address: string | undefined;
}

/**
 * A session description (RFC 8866) as its lines. Media is none of our business, so whatever is not edited stays octet for octet: order,
 * unknown lines, line ends. Reading is lenient where that cannot do harm; writing refuses line ends inside a value.
 */
export class SessionDescription {
  /** Each line with its own line end. */
  readonly #lines: string[];
  /** Index of each m= line. */
  readonly #mediaLines: number[] = [];

  /** Throws PeerError SIP_PEER_SDP (488) for what is no session description. */
  constructor(text: string) {
    this.#lines = splitLines(text);
    if (!this.#lines[0]?.startsWith('v=')) throw broken('no v= line at the start');
    for (let index = 0; index < this.#lines.length; index++) {
      const line = this.#lines[index] as string;
      // RFC 8866 §5: one letter, an equals sign, a value.
      if (line.charCodeAt(1) !== 0x3d) throw broken('a line that is not <type>=<value>');
      if (line.startsWith('m=')) this.#mediaLines.push(index);
    }
  }

  /** The m= sections in order. Throws PeerError SIP_PEER_SDP for a malformed m= line. */
  media(): Media[] {
    const session = this.#sectionFacts(0, this.#mediaLines[0] ?? this.#lines.length);
    return this.#mediaLines.map((start, index) => {
      const own = this.#sectionFacts(start + 1, this.#mediaLines[index + 1] ?? this.#lines.length);
      return {
        ...parseMediaLine(value(this.#lines[start] as string)),
        direction: own.direction ?? session.direction ?? 'sendrecv',
        address: own.address ?? session.address,
      };
    });
  }

  /** True when the writer holds the call: every live audio stream of it sends nothing here (RFC 3264 §8.4), or has the null address of RFC 2543. */
  isHold(): boolean {
    const live = this.media().filter((media) => media.kind === 'audio' && media.port !== 0);
    return (
      live.length > 0 &&
      live.every(
        (media) => media.direction === 'sendonly' || media.direction === 'inactive' || media.address === '0.0.0.0',
      )
    );
  }

  /** True when a live stream is T.38 (`m=image <port> udptl t38`, ITU-T T.38 annex D). */
  isFax(): boolean {
    return this.media().some(
      (media) =>
        media.kind === 'image' && media.port !== 0 && media.formats.some((format) => format.toLowerCase() === 't38'),
    );
  }

  /** The version in the o= line (RFC 8866 §5.2), digits as written; undefined when there is no readable o= line. */
  version(): string | undefined {
    const origin = this.#lines.find((line) => line.startsWith('o='));
    return origin === undefined ? undefined : value(origin).split(' ')[2];
  }

  /** Raises the o= version by one, as RFC 3264 §8 asks of whoever changes a description. */
  raiseVersion(): void {
    const index = this.#lines.findIndex((line) => line.startsWith('o='));
    const parts = index < 0 ? [] : value(this.#lines[index] as string).split(' ');
    if (parts.length !== 6 || !isDigits(parts[2] as string)) throw broken('no o= line of six fields');
    parts[2] = String(BigInt(parts[2] as string) + 1n);
    this.#setValue(index, parts.join(' '));
  }

  /** Sets the direction of every stream: the direction lines that are there change, streams without one get one. */
  setDirection(direction: Direction): void {
    for (let index = 0; index < this.#lines.length; index++) {
      if (directionOf(this.#lines[index] as string) !== undefined) this.#setValue(index, direction);
    }
    for (let media = this.#mediaLines.length - 1; media >= 0; media--) {
      const start = this.#mediaLines[media] as number;
      const end = this.#mediaLines[media + 1] ?? this.#lines.length;
      if (this.#sectionFacts(start, end).direction === undefined) this.#insert(end, `a=${direction}`);
    }
  }

  /** Replaces the address of every c= line and of the o= line; an IPv6 address changes `IP4` to `IP6` and the other way round. */
  setAddress(address: string): void {
    const family = address.includes(':') ? 'IP6' : 'IP4';
    for (let index = 0; index < this.#lines.length; index++) {
      const line = this.#lines[index] as string;
      const isConnection = line.startsWith('c=');
      if (!isConnection && !line.startsWith('o=')) continue;
      const parts = value(line).split(' ');
      if (parts.length !== (isConnection ? 3 : 6)) throw broken(`a malformed ${line.slice(0, 2)} line`);
      parts[parts.length - 2] = family;
      parts[parts.length - 1] = address;
      this.#setValue(index, parts.join(' '));
    }
  }

  toString(): string {
    return this.#lines.join('');
  }

  #sectionFacts(start: number, end: number): { direction?: Direction; address?: string } {
    const facts: { direction?: Direction; address?: string } = {};
    for (let index = start; index < end; index++) {
      const line = this.#lines[index] as string;
      const direction = directionOf(line);
      if (direction !== undefined) facts.direction ??= direction;
      else if (line.startsWith('c=')) facts.address ??= addressOf(line);
    }
    return facts;
  }

  #setValue(index: number, text: string): void {
    const line = this.#lines[index] as string;
    this.#lines[index] = line.slice(0, 2) + checked(text) + line.slice(contentEnd(line));
  }

  /** Adds a line before `index`; the line end is that of the first line. */
  #insert(index: number, text: string): void {
    const first = this.#lines[0] as string;
    const lineEnd = first.slice(contentEnd(first)) || '\r\n';
    const before = this.#lines[index - 1] as string;
    if (contentEnd(before) === before.length) this.#lines[index - 1] = before + lineEnd;
    this.#lines.splice(index, 0, text + lineEnd);
    for (let media = 0; media < this.#mediaLines.length; media++) {
      if ((this.#mediaLines[media] as number) >= index)
        this.#mediaLines[media] = (this.#mediaLines[media] as number) + 1;
    }
  }
}

/** RFC 8866 §5: lines end with CRLF; a lone LF is read too. */
function splitLines(text: string): string[] {
  const lines: string[] = [];
  for (let start = 0; start < text.length; ) {
    const lf = text.indexOf('\n', start);
    const end = lf < 0 ? text.length : lf + 1;
    if (lines.length >= MAX_LINES) throw broken(`more than ${MAX_LINES} lines`);
    lines.push(text.slice(start, end));
    start = end;
  }
  return lines;
}

function contentEnd(line: string): number {
  let end = line.length;
  while (end > 0 && (line.charCodeAt(end - 1) === 0x0a || line.charCodeAt(end - 1) === 0x0d)) end--;
  return end;
}

function value(line: string): string {
  return line.slice(2, contentEnd(line));
}

function directionOf(line: string): Direction | undefined {
  if (!line.startsWith('a=')) return undefined;
  const name = value(line);
  return DIRECTIONS.includes(name) ? (name as Direction) : undefined;
}

/** `c=IN IP4 192.0.2.1` or `…/ttl`. */
function addressOf(line: string): string {
  return value(line).split(' ')[2]?.split('/')[0] ?? '';
}

/** `m=<media> <port>[/<count>] <proto> <fmt> …` (RFC 8866 §5.14). */
function parseMediaLine(text: string): Pick<Media, 'kind' | 'port' | 'protocol' | 'formats'> {
  const [kind, portText, protocol, ...formats] = text.split(' ').filter((part) => part !== '');
  const digits = portText?.split('/')[0] ?? '';
  const port = isDigits(digits) ? Number(digits) : -1;
  if (kind === undefined || protocol === undefined || formats.length === 0 || port < 0 || port > 65_535)
    throw broken('a malformed m= line');
  return { kind, port, protocol, formats };
}

function isDigits(text: string): boolean {
  if (text.length === 0 || text.length > 20) return false;
  for (let index = 0; index < text.length; index++)
    if (text.charCodeAt(index) < 0x30 || text.charCodeAt(index) > 0x39) return false;
  return true;
}

function checked(text: string): string {
  if (text.includes('\r') || text.includes('\n') || text.includes('\0'))
    throw new TypeError('a line end inside an SDP value');
  return text;
}

function broken(found: string): PeerError {
  return new PeerError('SIP_PEER_SDP', `session description: found ${found}`, 488);
}
