/** A refusal made of a request that is not parsed, for the time when there is none: ranges of what was received, put together anew. */
import { fnv1aOctets } from '../../base/fnv.ts';
import { withoutZone } from '../../base/network.ts';
import type { MessageLimits } from '../message/index.ts';
import { type StatelessTags, TAG_LENGTH } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';
import { UnreadRequest } from './unread-request.ts';

/** Refusals are written one behind the other; what was sent of one such piece of memory may still wait in the socket. */
const SLAB_OCTETS = 65_536;
/** What an answer has beyond the octets of its request. */
const MOST_ADDED_OCTETS = 512;
/** Spread, so that those refused together do not return together (RFC 3261 §21.5.4), and the same for each copy of a request. */
const RETRY_SECONDS = 4;

const STATUS_AND_VIA = ascii('SIP/2.0 503 Service Unavailable\r\nVia: ');
const NEXT_VIA = ascii('\r\nVia: ');
const FROM = ascii('\r\nFrom: ');
const TO = ascii('\r\nTo: ');
const TAG = ascii(';tag=');
const CALL_ID = ascii('\r\nCall-ID: ');
const CSEQ = ascii('\r\nCSeq: ');
const RETRY_AFTER = ascii('\r\nRetry-After: ');
const END = ascii('\r\nContent-Length: 0\r\n\r\n');
const RECEIVED = ascii(';received=');
const DIGIT_0 = 0x30;
const EQUALS = 0x3d;

/** Reads and refuses; what is known of the latest request stands in {@link request}. */
export class EarlyRefusals {
  readonly request: UnreadRequest;
  readonly #tags: StatelessTags;
  #slab = Buffer.alloc(0);
  #at = 0;

  constructor(limits: MessageLimits, tags: StatelessTags) {
    this.request = new UnreadRequest(limits);
    this.#tags = tags;
  }

  /** False when the request is written in any way but the usual, or its answer takes another way: then it is read, and refused for what it is. */
  reads(octets: Buffer, flow: Flow): boolean {
    const { request } = this;
    if (!request.read(octets)) return false;
    // Without rport the answer goes to the port in Via, which is another flow's (RFC 3261 §18.2.2).
    if (request.rportEnd >= 0 || flow.transport !== 'udp') return true;
    return (request.port < 0 ? 5060 : request.port) === flow.remotePort;
  }

  /**
   * The 503 to the latest request. Its fields are copied octet for octet (§8.2.6.2); `received` and `rport` are noted as for any answer
   * (§18.2.1, RFC 3581 §4).
   */
  render(flow: Flow): Buffer {
    const { request } = this;
    if (this.#slab.length - this.#at < request.octets.length + MOST_ADDED_OCTETS) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_OCTETS);
      this.#at = 0;
    }
    const start = this.#at;
    this.#put(STATUS_AND_VIA);
    this.#putTopVia(flow);
    for (let via = 1; via < request.viaCount; via++) {
      this.#put(NEXT_VIA);
      this.#copy(request.vias[2 * via] as number, request.vias[2 * via + 1] as number);
    }
    this.#put(FROM);
    this.#copy(request.fromStart, request.fromEnd);
    this.#put(TO);
    this.#copy(request.toStart, request.toEnd);
    this.#put(TAG);
    const drawn = this.#putTag();
    this.#put(CALL_ID);
    this.#copy(request.callIdStart, request.callIdEnd);
    this.#put(CSEQ);
    this.#copy(request.cseqStart, request.cseqEnd);
    this.#put(RETRY_AFTER);
    this.#slab[this.#at++] = DIGIT_0 + 1 + (drawn % RETRY_SECONDS);
    this.#put(END);
    return this.#slab.subarray(start, this.#at);
  }

  #putTopVia(flow: Flow): void {
    const { request } = this;
    const source = withoutZone(flow.remoteAddress);
    const [start, end] = [request.vias[0] as number, request.vias[1] as number];
    if (request.rportEnd >= 0) {
      this.#copy(start, request.rportEnd);
      this.#slab[this.#at++] = EQUALS;
      this.#putText(String(flow.remotePort));
      this.#put(RECEIVED);
      this.#putText(source);
      this.#copy(request.rportEnd, end);
      return;
    }
    this.#copy(start, end);
    if (request.isText(request.hostStart, request.hostEnd, source)) return;
    this.#put(RECEIVED);
    this.#putText(source);
  }

  /** Gives a number that is the same for each copy of the request, and spread. */
  #putTag(): number {
    const { octets, vias, callIdStart, callIdEnd } = this.request;
    const via = fnv1aOctets(octets, vias[0], vias[1]);
    const drawn = this.#tags.writeUnread(via, fnv1aOctets(octets, callIdStart, callIdEnd), this.#slab, this.#at);
    this.#at += TAG_LENGTH;
    return drawn;
  }

  #copy(start: number, end: number): void {
    const { octets } = this.request;
    const slab = this.#slab;
    let to = this.#at;
    for (let at = start; at < end; at++) slab[to++] = octets[at] as number;
    this.#at = to;
  }

  #put(octets: Uint8Array): void {
    const slab = this.#slab;
    let to = this.#at;
    for (let at = 0; at < octets.length; at++) slab[to++] = octets[at] as number;
    this.#at = to;
  }

  #putText(text: string): void {
    for (let at = 0; at < text.length; at++) this.#slab[this.#at++] = text.charCodeAt(at);
  }
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
