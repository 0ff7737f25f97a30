/** SRTP as SDES describes it (RFC 3711, RFC 4568): AES_CM_128_HMAC_SHA1_80, one stream, no MKI. Written without the engine's code, which has none. */
import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto';

const TAG_OCTETS = 10;
const HEADER_OCTETS = 12;

/** One direction: the session keys of a master key and salt, and how often the sequence number has gone round. */
export class SrtpStream {
  readonly #cipherKey: Buffer;
  readonly #authKey: Buffer;
  readonly #salt: Buffer;
  #rollover = 0;
  #last: number | undefined;

  /** @param keyAndSalt 30 octets in base64, as `inline:` has them. */
  constructor(keyAndSalt: string) {
    const octets = Buffer.from(keyAndSalt, 'base64');
    const [key, salt] = [octets.subarray(0, 16), octets.subarray(16, 30)];
    this.#cipherKey = derive(key, salt, 0, 16);
    this.#authKey = derive(key, salt, 1, 20);
    this.#salt = derive(key, salt, 2, 14);
  }

  protect(packet: Buffer): Buffer {
    const index = this.#indexOf(packet);
    const sealed = Buffer.concat([packet.subarray(0, headerOf(packet)), this.#crypt(packet, index)]);
    return Buffer.concat([sealed, this.#tag(sealed)]);
  }

  /** The packet in the clear; undefined when it was not made with this key. */
  unprotect(packet: Buffer): Buffer | undefined {
    if (packet.length < HEADER_OCTETS + TAG_OCTETS) return undefined;
    const sealed = packet.subarray(0, packet.length - TAG_OCTETS);
    const index = this.#indexOf(sealed);
    if (!timingSafeEqual(this.#tag(sealed), packet.subarray(packet.length - TAG_OCTETS))) return undefined;
    return Buffer.concat([sealed.subarray(0, headerOf(sealed)), this.#crypt(sealed, index)]);
  }

  /** RFC 3711 §3.3.1, for packets in order. */
  #indexOf(packet: Buffer): bigint {
    const sequence = packet.readUInt16BE(2);
    if (this.#last !== undefined && sequence < this.#last - 0x8000) this.#rollover++;
    this.#last = sequence;
    return BigInt(this.#rollover) * 65_536n + BigInt(sequence);
  }

  /** §4.1.1: counter mode, its vector made of salt, SSRC and index. */
  #crypt(packet: Buffer, index: bigint): Buffer {
    const vector = Buffer.alloc(16);
    this.#salt.copy(vector);
    for (let at = 0; at < 4; at++) xorAt(vector, 4 + at, packet[8 + at] ?? 0);
    for (let at = 0; at < 6; at++) xorAt(vector, 8 + at, Number((index >> BigInt(8 * (5 - at))) & 0xffn));
    const cipher = createCipheriv('aes-128-ctr', this.#cipherKey, vector);
    return Buffer.concat([cipher.update(packet.subarray(headerOf(packet))), cipher.final()]);
  }

  #tag(sealed: Buffer): Buffer {
    const rollover = Buffer.alloc(4);
    rollover.writeUInt32BE(this.#rollover);
    return createHmac('sha1', this.#authKey).update(sealed).update(rollover).digest().subarray(0, TAG_OCTETS);
  }
}

/** §4.3.1, with a key derivation rate of 0. */
function derive(key: Buffer, salt: Buffer, label: number, length: number): Buffer {
  const vector = Buffer.alloc(16);
  salt.copy(vector);
  xorAt(vector, 7, label);
  const cipher = createCipheriv('aes-128-ctr', key, vector);
  return cipher.update(Buffer.alloc(length));
}

function xorAt(buffer: Buffer, at: number, value: number): void {
  buffer[at] = (buffer[at] ?? 0) ^ value;
}

/** RFC 3550 §5.1: the fixed header and the contributing sources; no extension is expected here. */
function headerOf(packet: Buffer): number {
  return HEADER_OCTETS + 4 * ((packet[0] ?? 0) & 0x0f);
}
