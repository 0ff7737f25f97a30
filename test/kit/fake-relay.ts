import { type BencodedFields, bdecode, bencode } from '../../src/media/bencode.ts';
import type { OpenDatagrams } from '../../src/media/index.ts';
import type { VirtualScheduler } from './virtual-scheduler.ts';

const DELAY_MS = 2;

/**
 * rtpengine as far as its ng protocol goes, on virtual time: a description comes back with the address of the relay in it. One that has
 * been here before is an error, and so is a session that is not there.
 */
export class FakeRelays {
  /** `port command from>to` of each request that was answered, pings aside. */
  readonly told: string[] = [];
  /** The requests themselves. */
  readonly requests: BencodedFields[] = [];
  /** Ports of relays that hear nothing. */
  readonly dead = new Set<number>();
  /** Sessions by port. */
  readonly sessions = new Map<number, Set<string>>();
  /** Swallows an answer when it says so. */
  loses: (request: BencodedFields) => boolean = () => false;
  readonly #scheduler: VirtualScheduler;
  readonly #answers = new Map<string, string>();

  constructor(scheduler: VirtualScheduler) {
    this.#scheduler = scheduler;
  }

  readonly open: OpenDatagrams = (_host, port, receive) => ({
    send: (octets) => {
      this.#scheduler.after(DELAY_MS, () => {
        if (!this.dead.has(port)) this.#hear(port, octets, receive);
      });
    },
    close: () => {},
  });

  count(command: string): number {
    return this.requests.filter((request) => request['command'] === command).length;
  }

  #hear(port: number, octets: string, receive: (octets: string) => void): void {
    const space = octets.indexOf(' ');
    const cookie = octets.slice(0, space);
    const request = bdecode(octets.slice(space + 1)) as BencodedFields;
    // A request that comes again gets the same answer.
    const answer = this.#answers.get(cookie) ?? `${cookie} ${bencode(this.#answer(port, request))}`;
    this.#answers.set(cookie, answer);
    if (!this.loses(request)) receive(answer);
  }

  #answer(port: number, request: BencodedFields): BencodedFields {
    const { command, 'call-id': callId, 'from-tag': from, 'to-tag': to, sdp } = request;
    if (command === 'ping') return { result: 'pong' };
    this.requests.push(request);
    this.told.push(`${port} ${command}${from === undefined ? '' : ` ${from}>${to ?? ''}`}`);
    const sessions = this.sessions.get(port) ?? new Set<string>();
    this.sessions.set(port, sessions);
    const name = String(callId);
    if (command === 'offer') sessions.add(name);
    else if (!sessions.has(name)) return { result: 'error', 'error-reason': 'Unknown call-id' };
    if (command === 'delete') sessions.delete(name);
    if (command === 'delete' || command === 'query') return { result: 'ok', tags: { near: PARTY, far: PARTY } };
    if (String(sdp).includes(`IP4 ${addressOf(port)}`)) return { result: 'error', 'error-reason': 'been here before' };
    return { result: 'ok', sdp: relayed(String(sdp), port) };
  }
}

const PARTY = { medias: [{ streams: [{ flags: ['RTP'], stats: { packets: 50, bytes: 8600 } }] }] };

function addressOf(port: number): string {
  return `198.51.100.${port % 256}`;
}

/** A description as it comes from the relay at this port. */
export function relayed(sdp: string, port = 1): string {
  return sdp.replace(/c=IN IP4 \S+/, `c=IN IP4 ${addressOf(port)}`);
}
