/** Pieces of memory, each of one tenant. */
const PIECES = 32;
/** Of one tenant. */
const MOST_PIECES = PIECES / 8;
/** More messages than would be of this size in a piece are not kept in it. */
const OCTETS_PER_MESSAGE = 160;

/** Where a message went or came from; a transport flow fits as it is. */
export interface TraceFlow {
  readonly transport: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** A message as it was recorded. */
export interface RecordedMessage {
  /** The later, the higher. */
  readonly number: number;
  readonly flow: TraceFlow;
  readonly atMs: number;
  readonly isSent: boolean;
  readonly sipCallId: string;
  readonly octets: Buffer;
}

/** One of a call that is in the ring no more. */
interface OldMessage<Link> extends RecordedMessage {
  readonly link: Link;
}

interface MemoryPiece {
  readonly octets: Buffer;
  tenant: string;
  used: number;
  numbers: number[];
}

/**
 * Messages of tenants' calls for longer than all others: where the traffic of one tenant, or of strangers, has pushed them out of the
 * ring, the latest of each tenant are here. Whoever has its part gives up its own oldest; else whoever has most does.
 */
export class TraceShares<Link> {
  readonly #octetsOfPiece: number;
  /** In the order in which they were begun. */
  #pieces: readonly MemoryPiece[] = [];
  readonly #messages = new Map<number, OldMessage<Link>>();

  /** @param octets of all pieces; each is taken when it is needed */
  constructor(octets: number) {
    this.#octetsOfPiece = Math.floor(octets / PIECES);
  }

  /** @param message of a later number than all before; its octets are copied, as many as a piece has @param link what it is known to be of */
  keep(tenant: string, message: RecordedMessage, link: Link): void {
    const length = Math.min(message.octets.length, this.#octetsOfPiece);
    let piece = this.#pieces.findLast((each) => each.tenant === tenant);
    if (piece === undefined || this.#isFull(piece, length)) piece = this.#begin(tenant);
    const octets = piece.octets.subarray(piece.used, piece.used + length);
    message.octets.copy(octets);
    piece.used += length;
    piece.numbers.push(message.number);
    this.#messages.set(message.number, { ...message, octets, link });
  }

  get(number: number): OldMessage<Link> | undefined {
    return this.#messages.get(number);
  }

  /** Oldest first. */
  all(): readonly OldMessage<Link>[] {
    return [...this.#messages.values()];
  }

  #isFull({ used, numbers }: MemoryPiece, length: number): boolean {
    const isCrowded = numbers.length * OCTETS_PER_MESSAGE >= this.#octetsOfPiece;
    return isCrowded || used + length > this.#octetsOfPiece;
  }

  #begin(tenant: string): MemoryPiece {
    const piece = this.#free(tenant) ?? {
      octets: Buffer.allocUnsafeSlow(this.#octetsOfPiece),
      tenant,
      used: 0,
      numbers: [],
    };
    for (const number of piece.numbers) this.#messages.delete(number);
    Object.assign(piece, { tenant, used: 0, numbers: [] });
    this.#pieces = [...this.#pieces.filter((each) => each !== piece), piece];
    return piece;
  }

  /** The piece that is given up; undefined: there is room for another one. */
  #free(tenant: string): MemoryPiece | undefined {
    const pieces = new Map<string, MemoryPiece[]>();
    for (const each of this.#pieces) pieces.set(each.tenant, [...(pieces.get(each.tenant) ?? []), each]);
    const own = pieces.get(tenant) ?? [];
    if (own.length >= MOST_PIECES) return own[0];
    if (this.#pieces.length < PIECES) return undefined;
    return [...pieces.values()].reduce((most, of) => (of.length > most.length ? of : most), own)[0];
  }
}
