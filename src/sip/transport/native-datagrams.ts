/**
 * Datagrams by recvmmsg and sendmmsg, many with one call of the kernel, through `node:ffi`. All that touches memory by its address is in
 * this file:
 *
 * - Addresses are taken of ArrayBuffers alone, which V8 keeps outside its heap and never moves. They are neither resized nor transferred,
 *   and live as long as the table that they are part of; its methods are the only way to have the kernel use them.
 * - The kernel writes while a call lasts and never after it: nothing here is asynchronous.
 * - Each datagram has room for the largest there is (RFC 768), each address for the largest of its family. Lengths that the kernel gives
 *   are compared with that room before anything is read.
 * - The forms of `msghdr`, `iovec` and `sockaddr` are those of Linux on 64-bit little-endian machines, with glibc and musl. Anything else
 *   is refused, and before a socket is opened two datagrams go through two tables and are compared.
 */
import { endianness } from 'node:os';
import { markAsUntransferable } from 'node:worker_threads';

/** Datagrams in one call of the kernel. */
export const SLOTS = 64;
/** More than a datagram can have: the length field of UDP has 16 bits. */
const SLOT_OCTETS = 65_536;
const HEADER_WORDS = 16;
const VECTOR_WORDS = 4;
/** A `sockaddr_in6` has seven. */
export const NAME_WORDS = 8;
const WORD_OCTETS = 4;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const SOCKADDR_IN_OCTETS = 16;
const SOCKADDR_IN6_OCTETS = 28;

/** What is called of libc. */
const SIGNATURES = {
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  socketpair: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer'] },
  setsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'] },
  bind: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
  close: { return: 'i32', arguments: ['i32'] },
  recvmmsg: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32', 'pointer'] },
  sendmmsg: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32'] },
} as const;

type Ffi = typeof import('node:ffi');
/** Held by whoever calls its functions: they end with it. */
type Library = ReturnType<typeof load>;

/** A `sockaddr` as 32-bit words, as they are in memory. */
export type SocketName = readonly number[];

export function nameOctets(name: SocketName): number {
  return ((name[0] as number) & 0xffff) === AF_INET6 ? SOCKADDR_IN6_OCTETS : SOCKADDR_IN_OCTETS;
}

/** The name of an address and port. `words` of the address in network order: one for IPv4, four for IPv6. */
export function socketName(words: readonly number[], port: number, scope = 0): SocketName {
  const isIpv4 = words.length === 1;
  const first = ((isIpv4 ? AF_INET : AF_INET6) | (swap16(port) << 16)) >>> 0;
  const swapped = words.map(swap32);
  return isIpv4 ? [first, ...swapped, 0, 0] : [first, 0, ...swapped, scope];
}

/** The words of the address, in network order. */
export function addressOfName(name: SocketName): readonly number[] {
  return (((name[0] as number) & 0xffff) === AF_INET6 ? name.slice(2, 6) : name.slice(1, 2)).map(swap32);
}

export function portOfName(first: number): number {
  return swap16(first >>> 16);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

function swap32(value: number): number {
  return ((swap16(value & 0xffff) << 16) | swap16(value >>> 16)) >>> 0;
}

/** Room for {@link SLOTS} datagrams with their addresses, in the form that the kernel reads and writes. */
class DatagramTable {
  readonly #data = Buffer.from(pinned(SLOTS * SLOT_OCTETS));
  readonly #headers = new Uint32Array(pinned(SLOTS * HEADER_WORDS * WORD_OCTETS));
  readonly #vectors = new Uint32Array(pinned(SLOTS * VECTOR_WORDS * WORD_OCTETS));
  /** {@link NAME_WORDS} a datagram. */
  readonly names = new Uint32Array(pinned(SLOTS * NAME_WORDS * WORD_OCTETS));
  readonly #libc: Library;
  readonly #pointer: bigint;
  #received = SLOTS;

  constructor(ffi: Ffi, libc: Library) {
    this.#libc = libc;
    const headers = new BigUint64Array(this.#headers.buffer);
    const vectors = new BigUint64Array(this.#vectors.buffer);
    const data = ffi.getRawPointer(this.#data.buffer);
    const names = ffi.getRawPointer(this.names.buffer);
    const vector = ffi.getRawPointer(this.#vectors.buffer);
    for (let slot = 0; slot < SLOTS; slot++) {
      // struct mmsghdr: msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen, msg_flags; msg_len.
      headers[slot * 8] = names + BigInt(slot * NAME_WORDS * WORD_OCTETS);
      headers[slot * 8 + 2] = vector + BigInt(slot * VECTOR_WORDS * WORD_OCTETS);
      headers[slot * 8 + 3] = 1n;
      // struct iovec: iov_base, iov_len.
      vectors[slot * 2] = data + BigInt(slot * SLOT_OCTETS);
    }
    this.#pointer = ffi.getRawPointer(this.#headers.buffer);
  }

  /** Reads what waits in a socket, as much as there is room for. Returns how many datagrams; 0 when none waits or it was refused. */
  receive(fd: number): number {
    for (let slot = 0; slot < this.#received; slot++) {
      this.#headers[slot * HEADER_WORDS + 2] = NAME_WORDS * WORD_OCTETS;
      this.#vectors[slot * VECTOR_WORDS + 2] = SLOT_OCTETS;
    }
    const count = this.#libc.functions.recvmmsg(fd, this.#pointer, SLOTS, MSG_DONTWAIT, 0n);
    this.#received = Math.min(Math.max(count, 0), SLOTS);
    return this.#received;
  }

  /** A copy of a received datagram; undefined for what cannot have come over UDP. */
  octets(slot: number): Buffer | undefined {
    const length = this.#headers[slot * HEADER_WORDS + 14] as number;
    if (slot >= this.#received || length > SLOT_OCTETS) return undefined;
    const octets = Buffer.allocUnsafe(length);
    this.#data.copy(octets, 0, slot * SLOT_OCTETS, slot * SLOT_OCTETS + length);
    return octets;
  }

  /** Whether the kernel has written a whole address of that family. */
  isNamed(slot: number): boolean {
    const length = this.#headers[slot * HEADER_WORDS + 2] as number;
    const family = (this.names[slot * NAME_WORDS] as number) & 0xffff;
    if (family === AF_INET) return length === SOCKADDR_IN_OCTETS;
    return family === AF_INET6 && length === SOCKADDR_IN6_OCTETS;
  }

  /** Puts a datagram into its place. False: it has no room. */
  put(slot: number, octets: Buffer, name: SocketName): boolean {
    if (slot >= SLOTS || octets.length > SLOT_OCTETS || name.length > NAME_WORDS) return false;
    octets.copy(this.#data, slot * SLOT_OCTETS);
    this.#vectors[slot * VECTOR_WORDS + 2] = octets.length;
    for (let word = 0; word < name.length; word++) this.names[slot * NAME_WORDS + word] = name[word] as number;
    this.#headers[slot * HEADER_WORDS + 2] = name.length === 0 ? 0 : nameOctets(name);
    return true;
  }

  /** A copy of what was put there. */
  kept(slot: number): Buffer {
    const length = Math.min(this.#vectors[slot * VECTOR_WORDS + 2] as number, SLOT_OCTETS);
    return Buffer.from(this.#data.subarray(slot * SLOT_OCTETS, slot * SLOT_OCTETS + length));
  }

  /** Sends from one place to before another. Returns how many left: fewer when the next one was refused or has to wait. */
  send(fd: number, from: number, to: number): number {
    const count = this.#libc.functions.sendmmsg(
      fd,
      this.#pointer + BigInt(from * HEADER_WORDS * WORD_OCTETS),
      Math.min(to, SLOTS) - from,
      MSG_DONTWAIT,
    );
    return Math.max(count, 0);
  }
}

export type { DatagramTable };

/** Memory that stays where it is. */
function pinned(octets: number): ArrayBuffer {
  const buffer = new ArrayBuffer(octets);
  markAsUntransferable(buffer);
  return buffer;
}

export interface NativeDatagrams {
  newTable(): DatagramTable;
  /** A bound datagram socket, to be closed by whoever takes it. Undefined: the kernel refused; the runtime's own socket says why. */
  open(name: SocketName, reusePort: boolean): number | undefined;
  /** No other socket may take the same address, whatever the runtime has asked for. */
  holdAlone(fd: number): void;
  close(fd: number): void;
}

/** @returns why it cannot be had here, in words. */
export function nativeDatagrams(): NativeDatagrams | string {
  const { platform, arch, version } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64') || endianness() !== 'LE')
    return `only on Linux on x64 and arm64, not on ${platform} ${arch}`;
  try {
    const ffi = process.getBuiltinModule('node:ffi') as Ffi | undefined;
    if (ffi === undefined)
      return `this runtime (${version}) has no node:ffi; Node from 26.1 on has it, some of them with NODE_OPTIONS=--experimental-ffi`;
    const native = new LinuxDatagrams(ffi, load(ffi));
    return native.isSound() ? native : 'the kernel refuses recvmmsg or sendmmsg, or takes them otherwise';
  } catch (error) {
    return `node:ffi does not work: ${(error as Error).message}`;
  }
}

function load(ffi: Ffi) {
  return ffi.dlopen(null, SIGNATURES);
}

class LinuxDatagrams implements NativeDatagrams {
  readonly #ffi: Ffi;
  readonly #libc: Library;
  readonly #scratch = new Uint32Array(pinned(NAME_WORDS * WORD_OCTETS));
  readonly #pointer: bigint;

  constructor(ffi: Ffi, libc: Library) {
    this.#ffi = ffi;
    this.#libc = libc;
    this.#pointer = ffi.getRawPointer(this.#scratch.buffer);
  }

  newTable(): DatagramTable {
    return new DatagramTable(this.#ffi, this.#libc);
  }

  open(name: SocketName, reusePort: boolean): number | undefined {
    const isIpv6 = nameOctets(name) === SOCKADDR_IN6_OCTETS;
    const fd = this.#libc.functions.socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    if (
      (isIpv6 && !this.#set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
      (reusePort && !this.#set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
      !this.#bind(fd, name)
    ) {
      this.close(fd);
      return undefined;
    }
    return fd;
  }

  holdAlone(fd: number): void {
    this.#set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  }

  close(fd: number): void {
    this.#libc.functions.close(fd);
  }

  /** Whether two datagrams come through two tables as they were. */
  isSound(): boolean {
    if (this.#libc.functions.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, this.#pointer) < 0)
      return false;
    const [near = -1, far = -1] = this.#scratch;
    try {
      const texts = [Buffer.from('one'), Buffer.alloc(1_500, 'second ')];
      const sent = this.newTable();
      texts.forEach((octets, slot) => {
        sent.put(slot, octets, []);
      });
      const received = this.newTable();
      return (
        received.receive(far) === 0 &&
        sent.send(near, 0, texts.length) === texts.length &&
        received.receive(far) === texts.length &&
        texts.every((octets, slot) => received.octets(slot)?.equals(octets) === true)
      );
    } finally {
      this.close(near);
      this.close(far);
    }
  }

  #set(fd: number, level: number, option: number, value: number): boolean {
    this.#scratch[0] = value;
    return this.#libc.functions.setsockopt(fd, level, option, this.#pointer, WORD_OCTETS) === 0;
  }

  #bind(fd: number, name: SocketName): boolean {
    this.#scratch.set(name);
    return this.#libc.functions.bind(fd, this.#pointer, nameOctets(name)) === 0;
  }
}
