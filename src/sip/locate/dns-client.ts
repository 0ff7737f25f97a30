import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import packet from 'dns-packet';
import type { DnsPort, DnsRecord, DnsRecordType, DnsReply } from './dns-port.ts';

const TRY_TIMEOUT_MS = 1500;
const ROUNDS = 2;
/** EDNS0 payload that crosses the Internet unfragmented (the DNS flag day figure). */
const UDP_PAYLOAD_OCTETS = 1232;
const EDNS = { type: 'OPT', name: '.', udpPayloadSize: UDP_PAYLOAD_OCTETS, flags: 0, options: [] } as never;
/** Records of one reply that are looked at; a larger set is cut, whoever sent it. */
const MAX_RECORDS = 100;
const MAX_TCP_REPLY_OCTETS = 65_535;

export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

/** The name servers of /etc/resolv.conf; loopback when there are none, as the C library does. */
export function systemDnsServers(path = '/etc/resolv.conf'): DnsServer[] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // No resolver file: the default below.
  }
  const servers: DnsServer[] = [];
  for (const line of text.split('\n')) {
    const [keyword, address] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && address !== undefined && isIP(address) !== 0) servers.push({ address, port: 53 });
  }
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: 53 }];
}

function toRecord(answer: packet.Answer): DnsRecord | undefined {
  const name = answer.name.toLowerCase();
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { type: answer.type, name, ttlSeconds: answer.ttl ?? 0, address: answer.data };
    case 'CNAME':
      return { type: 'CNAME', name, ttlSeconds: answer.ttl ?? 0, target: answer.data.toLowerCase() };
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return { type: 'SRV', name, ttlSeconds: answer.ttl ?? 0, priority, weight, port, target: target.toLowerCase() };
    }
    case 'NAPTR': {
      const { order, preference, flags, services, regexp, replacement } = answer.data;
      const target = replacement.toLowerCase();
      return { type: 'NAPTR', name, ttlSeconds: answer.ttl ?? 0, order, preference, flags, services, regexp, target };
    }
    default:
      return undefined;
  }
}

/** RFC 2308 §5: a negative answer lives as long as the SOA's TTL and its minimum field allow. */
function negativeTtlSeconds(reply: packet.DecodedPacket): number | undefined {
  for (const authority of reply.authorities ?? []) {
    if (authority.type === 'SOA') return Math.min(authority.ttl ?? 0, authority.data.minimum ?? 0);
  }
  return undefined;
}

/** What servers that do not know EDNS say to it (RFC 6891 §7). */
const KNOWS_NO_EDNS: ReadonlySet<string> = new Set(['FORMERR', 'NOTIMP']);

function rcodeOf(reply: packet.DecodedPacket): string {
  return (reply as { rcode?: string }).rcode ?? 'NOERROR';
}

function readReply(octets: Buffer, id: number, name: string, type: DnsRecordType): packet.DecodedPacket | undefined {
  let reply: packet.DecodedPacket;
  try {
    reply = packet.decode(octets);
  } catch {
    return undefined;
  }
  const question = reply.questions?.[0];
  // A reply to another question, or one that somebody guessed, is none of ours (RFC 5452 §9.1).
  if (reply.type !== 'response' || reply.id !== id) return undefined;
  // Who cannot read a question need not repeat it.
  if (question === undefined && KNOWS_NO_EDNS.has(rcodeOf(reply))) return reply;
  if (question === undefined || question.type !== type || question.name.toLowerCase() !== name) return undefined;
  return reply;
}

class DnsFailure extends Error {}

/**
 * A stub resolver over UDP, with TCP when an answer is cut (RFC 7766). Each try uses a socket of its own, so that its source port is
 * as random as the operating system makes it (RFC 5452). Servers are tried in turn, two rounds of 1.5 s,
 * the second without EDNS, to which some say nothing, or SERVFAIL.
 */
export class DnsClient implements DnsPort {
  readonly #servers: readonly DnsServer[];
  readonly #tryTimeoutMs: number;

  constructor(servers: readonly DnsServer[] = systemDnsServers(), tryTimeoutMs = TRY_TIMEOUT_MS) {
    this.#servers = servers;
    this.#tryTimeoutMs = tryTimeoutMs;
  }

  async query(name: string, type: DnsRecordType): Promise<DnsReply> {
    const asked = name.toLowerCase();
    let lastError = 'no name server is configured';
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of this.#servers) {
        try {
          return await this.#ask(server, asked, type, round === 0 ? [EDNS] : []);
        } catch (error) {
          if (!(error instanceof DnsFailure)) throw error;
          lastError = `${server.address}: ${error.message}`;
        }
      }
    }
    return { status: 'failed', reason: lastError };
  }

  /** Over UDP, and over TCP where the answer is cut. */
  async #reply(server: DnsServer, name: string, type: DnsRecordType, additionals: never[]) {
    const id = randomInt(65_536);
    const flags = packet.RECURSION_DESIRED;
    const question = packet.encode({ type: 'query', id, flags, questions: [{ type, name }], additionals });
    const reply = await this.#overUdp(server, question, id, name, type);
    return reply.flag_tc ? this.#overTcp(server, question, id, name, type) : reply;
  }

  async #ask(server: DnsServer, name: string, type: DnsRecordType, additionals: never[]): Promise<DnsReply> {
    let reply = await this.#reply(server, name, type, additionals);
    // RFC 6891 §6.2.2: it is asked as before EDNS, which old routers and the firewalls in front of some servers refuse.
    if (additionals.length > 0 && KNOWS_NO_EDNS.has(rcodeOf(reply))) reply = await this.#reply(server, name, type, []);
    const code = rcodeOf(reply);
    if (code !== 'NOERROR' && code !== 'NXDOMAIN') throw new DnsFailure(code);
    const records: DnsRecord[] = [];
    for (const answer of (reply.answers ?? []).slice(0, MAX_RECORDS)) {
      const record = toRecord(answer);
      if (record !== undefined) records.push(record);
    }
    const negative = negativeTtlSeconds(reply);
    return { status: 'answered', records, ...(negative === undefined ? {} : { negativeTtlSeconds: negative }) };
  }

  #overUdp(server: DnsServer, question: Buffer, id: number, name: string, type: DnsRecordType) {
    return new Promise<packet.DecodedPacket>((resolve, reject) => {
      const socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4');
      const finish = (result: packet.DecodedPacket | DnsFailure) => {
        clearTimeout(timeout);
        socket.close();
        if (result instanceof DnsFailure) reject(result);
        else resolve(result);
      };
      const timeout = setTimeout(() => finish(new DnsFailure('no answer')), this.#tryTimeoutMs);
      socket.once('error', (error) => finish(new DnsFailure(error.message)));
      socket.on('message', (octets) => {
        const reply = readReply(octets, id, name, type);
        if (reply !== undefined) finish(reply);
      });
      // Not as the callback of connect, which is also called, with the error, where no way leads to the server.
      socket.once('connect', () => socket.send(question));
      socket.connect(server.port, server.address);
    });
  }

  #overTcp(server: DnsServer, question: Buffer, id: number, name: string, type: DnsRecordType) {
    return new Promise<packet.DecodedPacket>((resolve, reject) => {
      const socket = connect(server.port, server.address);
      let received = Buffer.alloc(0);
      const finish = (result: packet.DecodedPacket | DnsFailure) => {
        clearTimeout(timeout);
        socket.destroy();
        if (result instanceof DnsFailure) reject(result);
        else resolve(result);
      };
      const timeout = setTimeout(() => finish(new DnsFailure('no answer over TCP')), this.#tryTimeoutMs);
      socket.once('error', (error) => finish(new DnsFailure(error.message)));
      socket.once('connect', () => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(question.length);
        socket.write(Buffer.concat([length, question]));
      });
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2) return;
        const length = received.readUInt16BE(0);
        if (received.length < Math.min(length + 2, MAX_TCP_REPLY_OCTETS)) return;
        const reply = readReply(received.subarray(2, length + 2), id, name, type);
        finish(reply ?? new DnsFailure('an unreadable answer over TCP'));
      });
      socket.once('close', () => finish(new DnsFailure('connection closed')));
    });
  }
}
