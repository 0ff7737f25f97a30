import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { allAtOnce, type Steps } from '../base/steps.ts';
import { documentLines, readLines } from '../provisioning/directory/document-text.ts';

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/**
 * Encrypts what is kept at rest (AES-256-GCM). Whole documents are sealed rather than their secret fields, so that a field added later
 * cannot be forgotten. The place where a document is kept is authenticated with it: a sealed document moved to another row does not open.
 *
 * Layout: format octet, 12 octets of nonce, 16 of tag, ciphertext.
 */
export class Sealer {
  readonly #key: Uint8Array;

  constructor(storeKey: Uint8Array) {
    this.#key = new Uint8Array(hkdfSync('sha256', storeKey, '', 'tandem store documents', 32));
  }

  seal(place: string, text: string): Buffer {
    return Buffer.concat(allAtOnce(this.sealPieces(place, [text])));
  }

  /** {@link seal} of a text that comes in pieces, in steps: as octets that follow each other, since what is large is not to be copied. */
  *sealPieces(place: string, pieces: Iterable<string>): Steps<Buffer[]> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(place, 'utf8'));
    const body: Buffer[] = [];
    for (const text of gathered(pieces)) {
      body.push(cipher.update(text, 'utf8'));
      yield;
    }
    // The mode has nothing left to give (NIST SP 800-38D), but makes the tag then.
    cipher.final();
    return [Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag()]), ...body];
  }

  /** Throws an Error when it was sealed with another key, for another place, or has been changed. */
  open(place: string, sealed: Uint8Array): string {
    if (sealed.length < HEAD_BYTES || sealed[0] !== FORMAT) throw new Error(`${place}: not a sealed document`);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(1, 1 + NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
    try {
      const text = decipher.update(sealed.subarray(HEAD_BYTES));
      // The mode holds nothing back: this says whether it is what was sealed.
      decipher.final();
      return text.toString('utf8');
    } catch {
      throw new Error(`${place}: sealed with another key, or damaged`);
    }
  }

  sealJson(place: string, value: unknown): Buffer {
    return this.seal(place, JSON.stringify(value));
  }

  /** {@link sealJson} of a tenant or trunk, in steps. */
  sealDocument(place: string, document: object): Steps<Buffer[]> {
    return this.sealPieces(place, joined(documentLines(document)));
  }

  /** What {@link sealDocument} or {@link sealJson} sealed. */
  *openDocument<T>(place: string, sealed: Uint8Array): Steps<T> {
    return yield* readLines<T>(this.open(place, sealed));
  }

  openJson<T>(place: string, sealed: Uint8Array): T {
    return JSON.parse(this.open(place, sealed)) as T;
  }
}

/** Sealed at a time, unless a piece has more. */
const GATHERED_CHARACTERS = 16_384;

/** Short pieces as one. */
function* gathered(pieces: Iterable<string>): Generator<string, void> {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length < GATHERED_CHARACTERS) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function* joined(lines: Iterable<string>): Generator<string, void> {
  let isFirst = true;
  for (const line of lines) {
    yield isFirst ? line : `\n${line}`;
    isFirst = false;
  }
}
