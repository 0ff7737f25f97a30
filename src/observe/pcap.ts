/**
 * Writes traced messages as a capture file that tshark, Wireshark and sngrep read: classic pcap with raw IP packets, one a message.
 * The engine keeps messages, not packets: a message over TCP or TLS is shown as one TCP segment in clear text, with the sequence
 * numbers that its connection would have had.
 */
import type { TraceMessage } from './call-facts.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
/** LINKTYPE_RAW: the packet begins with its IPv4 or IPv6 header. */
const LINKTYPE_RAW = 101;
const MAX_PACKET = 65_535;
const [PROTOCOL_TCP, PROTOCOL_UDP] = [6, 17];
const TCP_PSH_ACK = 0x18;

interface Endpoint {
  readonly address: Buffer;
  readonly port: number;
}

/** The capture file of these messages, in their order. */
export function pcapOf(messages: readonly TraceMessage[]): Buffer {
  const parts = [fileHeader()];
  const sequences = new Map<string, number>();
  for (const message of messages) {
    const packet = packetOf(message, sequences);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(Math.floor(message.atMs / 1000), 0);
    header.writeUInt32LE(Math.floor((message.atMs % 1000) * 1000), 4);
    header.writeUInt32LE(packet.length, 8);
    header.writeUInt32LE(packet.length, 12);
    parts.push(header, packet);
  }
  return Buffer.concat(parts);
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(MAX_PACKET, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  return header;
}

/** The message as it was on the wire, but for masked secrets. */
export function octetsOf({ octets, text }: TraceMessage): Buffer {
  return octets === undefined ? Buffer.from(text, 'utf8') : Buffer.from(octets, 'latin1');
}

function packetOf(message: TraceMessage, sequences: Map<string, number>): Buffer {
  const [local, remote] = [endpointOf(message.local), endpointOf(message.remote)];
  const [source, destination] = message.direction === 'sent' ? [local, remote] : [remote, local];
  const payload = octetsOf(message).subarray(0, MAX_PACKET - 60);
  const isUdp = message.transport.toLowerCase() === 'udp';
  const body = isUdp ? udp(source, destination, payload) : tcp(source, destination, payload, sequences);
  return ip(source, destination, isUdp ? PROTOCOL_UDP : PROTOCOL_TCP, body);
}

function udp(source: Endpoint, destination: Endpoint, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(source.port, 0);
  header.writeUInt16BE(destination.port, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  const packet = Buffer.concat([header, payload]);
  packet.writeUInt16BE(transportChecksum(source, destination, PROTOCOL_UDP, packet) || 0xffff, 6);
  return packet;
}

function tcp(source: Endpoint, destination: Endpoint, payload: Buffer, sequences: Map<string, number>): Buffer {
  const [there, back] = [keyOf(source, destination), keyOf(destination, source)];
  const sequence = sequences.get(there) ?? 1;
  sequences.set(there, (sequence + payload.length) % 2 ** 32);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(source.port, 0);
  header.writeUInt16BE(destination.port, 2);
  header.writeUInt32BE(sequence, 4);
  header.writeUInt32BE(sequences.get(back) ?? 1, 8);
  header.writeUInt8(5 << 4, 12);
  header.writeUInt8(TCP_PSH_ACK, 13);
  header.writeUInt16BE(0xffff, 14);
  const packet = Buffer.concat([header, payload]);
  packet.writeUInt16BE(transportChecksum(source, destination, PROTOCOL_TCP, packet), 16);
  return packet;
}

function keyOf(source: Endpoint, destination: Endpoint): string {
  return `${source.address.toString('hex')}:${source.port}>${destination.address.toString('hex')}:${destination.port}`;
}

function ip(source: Endpoint, destination: Endpoint, protocol: number, body: Buffer): Buffer {
  if (source.address.length === 16) {
    const header = Buffer.alloc(40);
    header.writeUInt8(0x60, 0);
    header.writeUInt16BE(body.length, 4);
    header.writeUInt8(protocol, 6);
    header.writeUInt8(64, 7);
    source.address.copy(header, 8);
    destination.address.copy(header, 24);
    return Buffer.concat([header, body]);
  }
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + body.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  source.address.copy(header, 12);
  destination.address.copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, body]);
}

/** RFC 768, RFC 9293 §3.1, RFC 8200 §8.1: the sum covers a header of addresses, protocol and length too. */
function transportChecksum(source: Endpoint, destination: Endpoint, protocol: number, packet: Buffer): number {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(packet.length, 0);
  lengths.writeUInt32BE(protocol, 4);
  return checksum(Buffer.concat([source.address, destination.address, lengths, packet]));
}

/** RFC 1071. */
function checksum(octets: Buffer): number {
  let sum = 0;
  for (let index = 0; index < octets.length; index += 2)
    sum += index + 1 < octets.length ? octets.readUInt16BE(index) : octets.readUInt8(index) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** `address:port` or `[address]:port` as octets. */
function endpointOf(hostPort: string): Endpoint {
  const colon = hostPort.lastIndexOf(':');
  const host = hostPort.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(hostPort.slice(colon + 1));
  return { address: host.includes(':') ? ipv6Octets(host) : Buffer.from(host.split('.').map(Number)), port };
}

function ipv6Octets(text: string): Buffer {
  const [bare = ''] = text.split('%');
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare);
  const [, head = '', a = '0', b = '0', c = '0', d = '0'] = mapped ?? [];
  const group = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16);
  const plain = mapped === null ? bare : `${head}${group(a, b)}:${group(c, d)}`;
  const [left = '', right] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((value) => Number.parseInt(value, 16)));
  const [before, after] = [groups(left), right === undefined ? [] : groups(right)];
  const all = [...before, ...new Array(Math.max(8 - before.length - after.length, 0)).fill(0), ...after];
  const octets = Buffer.alloc(16);
  all.slice(0, 8).forEach((value, index) => {
    octets.writeUInt16BE(value & 0xffff, index * 2);
  });
  return octets;
}
