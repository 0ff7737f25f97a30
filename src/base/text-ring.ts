/** Texts are written one behind the other into pieces of memory of at most this size; the first ones are smaller, each twice as large as the one before. */
const MOST_PIECE_OCTETS = 1 << 18;
const FIRST_PIECE_OCTETS = 1 << 12;
/** The oldest texts go by the piece: of so few that are full the rest stays. */
const FEWEST_PIECES = 8;
const FIRST_PLACES = 64;
/** In UTF-8, of a code unit. */
const MOST_OCTETS_A_UNIT = 3;

interface Piece {
  readonly octets: Buffer;
  /** Octets written. */
  used: number;
  /** Number of the text after the last one in it. */
  end: number;
}

/**
 * The latest texts, numbered as they came: of more than so many, or of more than so many octets, the oldest go first. They are octets
 * outside of the heap, in memory that is used again and again: however many are kept, they are no work for the garbage collector.
 */
export class TextRing {
  readonly #mostTexts: number;
  readonly #mostOctets: number;
  readonly #pieceOctets: number;
  /** The oldest first. */
  #pieces: Piece[] = [];
  #spare: Piece | undefined = undefined;
  /** Of all pieces, the spare one too. */
  #octets = 0;
  #nextPieceOctets = FIRST_PIECE_OCTETS;
  // Text n is at place n modulo their number: its piece, where it begins there and where it ends.
  #pieceOf: (Piece | undefined)[] = new Array<Piece | undefined>(FIRST_PLACES).fill(undefined);
  #begins = new Uint32Array(FIRST_PLACES);
  #ends = new Uint32Array(FIRST_PLACES);
  #first = 0;
  #next = 0;

  /**
   * @param mostOctets that all pieces of memory take together, the one for what comes next included: 32 KB or more, else a piece (4 KB)
   *   may be all that is kept. A text that is longer is kept until the next comes
   */
  constructor(mostTexts: number, mostOctets: number) {
    this.#mostTexts = Math.max(1, mostTexts);
    this.#mostOctets = mostOctets;
    const part = Math.floor(mostOctets / FEWEST_PIECES);
    this.#pieceOctets = Math.min(Math.max(part, FIRST_PIECE_OCTETS), MOST_PIECE_OCTETS);
  }

  /** Number of the oldest that is kept; {@link next} when none is. */
  get first(): number {
    return this.#first;
  }

  /** Number that the next one gets. */
  get next(): number {
    return this.#next;
  }

  /**
   * Gives the text's number. What is no Unicode (half of a surrogate pair) does not come back as it was. Throws where there is no memory
   * for it: it has no number then, and the oldest that were to make room for it may be gone; all others are kept still.
   */
  add(text: string): number {
    if (this.#next - this.#first === this.#mostTexts) this.#endFirst();
    if (this.#next - this.#first === this.#begins.length) this.#widen();
    const piece = this.#roomFor(text);
    const number = this.#next++;
    const place = number % this.#begins.length;
    this.#pieceOf[place] = piece;
    this.#begins[place] = piece.used;
    piece.used += piece.octets.write(text, piece.used);
    this.#ends[place] = piece.used;
    piece.end = this.#next;
    return number;
  }

  /** Undefined for one that is not kept. */
  text(number: number): string | undefined {
    if (number < this.#first || number >= this.#next) return undefined;
    const place = number % this.#begins.length;
    return this.#pieceOf[place]?.octets.toString('utf8', this.#begins[place], this.#ends[place]);
  }

  /** How many of memory a text has; 0 of one that is not kept. */
  octets(number: number): number {
    if (number < this.#first || number >= this.#next) return 0;
    const place = number % this.#begins.length;
    return (this.#ends[place] as number) - (this.#begins[place] as number);
  }

  /** Those before this number go. */
  endBefore(number: number): void {
    while (this.#first < Math.min(number, this.#next)) this.#endFirst();
  }

  #endFirst(): void {
    this.#pieceOf[this.#first % this.#begins.length] = undefined;
    this.#first++;
    const [oldest] = this.#pieces;
    if (oldest === undefined || oldest.end > this.#first) return;
    this.#pieces.shift();
    // The small ones of the beginning go, and one that was made for a long text.
    if (oldest.octets.length === this.#pieceOctets && this.#spare === undefined) this.#spare = oldest;
    else this.#octets -= oldest.octets.length;
    oldest.used = 0;
  }

  #roomFor(text: string): Piece {
    const last = this.#pieces.at(-1);
    const free = last === undefined ? 0 : last.octets.length - last.used;
    if (last !== undefined && MOST_OCTETS_A_UNIT * text.length <= free) return last;
    const needed = Buffer.byteLength(text);
    if (last !== undefined && needed <= free) return last;
    const newOctets = Math.max(this.#nextPieceOctets, needed);
    const isLong = needed > this.#pieceOctets;
    // It has no room in the spare piece, which is in its way.
    if (isLong) this.#endSpare();
    while (this.#pieces.length > 0 && this.#octets + (this.#spare === undefined ? newOctets : 0) > this.#mostOctets) {
      this.#endFirst();
      if (isLong) this.#endSpare();
    }
    const piece = this.#takeSpare() ?? this.#newPiece(newOctets);
    piece.end = this.#next;
    this.#pieces.push(piece);
    return piece;
  }

  #takeSpare(): Piece | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  #endSpare(): void {
    this.#octets -= this.#takeSpare()?.octets.length ?? 0;
  }

  #newPiece(octets: number): Piece {
    const piece = { octets: Buffer.allocUnsafeSlow(octets), used: 0, end: this.#next };
    this.#octets += octets;
    this.#nextPieceOctets = Math.min(2 * this.#nextPieceOctets, this.#pieceOctets);
    return piece;
  }

  #widen(): void {
    const places = Math.min(2 * this.#begins.length, this.#mostTexts);
    const [pieceOf, begins, ends] = [this.#pieceOf, this.#begins, this.#ends];
    const wider = {
      pieceOf: new Array<Piece | undefined>(places).fill(undefined),
      begins: new Uint32Array(places),
      ends: new Uint32Array(places),
    };
    for (let number = this.#first; number < this.#next; number++) {
      const [from, to] = [number % begins.length, number % places];
      wider.pieceOf[to] = pieceOf[from];
      wider.begins[to] = begins[from] as number;
      wider.ends[to] = ends[from] as number;
    }
    // All of them, or none where there is no memory for one.
    this.#pieceOf = wider.pieceOf;
    this.#begins = wider.begins;
    this.#ends = wider.ends;
  }
}
