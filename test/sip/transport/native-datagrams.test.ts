import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type NativeDatagrams,
  nativeDatagrams,
  SLOTS,
  socketName,
} from '../../../src/sip/transport/native-datagrams.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const native = nativeDatagrams() as NativeDatagrams;

describe('datagrams of the kernel', () => {
  test('what does not fit its place is not put there', () => {
    const table = native.newTable();
    const name = socketName([0x7f000001], 5060);
    expect(table.put(SLOTS - 1, Buffer.alloc(65_536), name)).toBe(true);
    expect(table.put(0, Buffer.alloc(65_537), name)).toBe(false);
    expect(table.put(SLOTS, Buffer.from('x'), name)).toBe(false);
    expect(table.put(0, Buffer.from('x'), new Array<number>(9).fill(2))).toBe(false);
  });

  test('what was not received is not there', () => {
    const table = native.newTable();
    const fd = native.open(socketName([0x7f000001], 0), false) as number;
    expect([table.receive(fd), table.octets(0), table.isNamed(0)]).toEqual([0, undefined, false]);
    native.close(fd);
    expect([table.receive(fd), table.octets(0), table.send(fd, 0, 1)]).toEqual([0, undefined, 0]);
  });

  test('an address that is taken is not given twice, whatever the runtime asks for its own sockets', async () => {
    const fd = native.open(socketName([0x7f000001], 0), false) as number;
    const socket = createSocket('udp4');
    socket.bind({ fd });
    const { port } = socket.address();
    native.holdAlone(fd);
    expect(native.open(socketName([0x7f000001], port), false)).toBeUndefined();
    const greedy = createSocket({ type: 'udp4', reuseAddr: true });
    greedy.bind(port, '127.0.0.1');
    expect((await once(greedy, 'error'))[0]).toMatchObject({ code: 'EADDRINUSE' });
    socket.close();
    greedy.close();
  });

  test('where it cannot be had, the reason is given', () => {
    const builtin = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
    expect(nativeDatagrams()).toMatch(/^this runtime \(v[0-9.]+\) has no node:ffi; .*--experimental-ffi/);
    builtin.mockReturnValue({
      dlopen: () => {
        throw new Error('undefined symbol: recvmmsg');
      },
    } as never);
    expect(nativeDatagrams()).toBe('node:ffi does not work: undefined symbol: recvmmsg');
    builtin.mockRestore();
    vi.spyOn(process, 'arch', 'get').mockReturnValue('riscv64');
    expect(nativeDatagrams()).toBe('only on Linux on x64 and arm64, not on linux riscv64');
  });

  test('a kernel that refuses them, or means something else by them, is found out before a socket is opened', () => {
    const ffi = process.getBuiltinModule('node:ffi');
    const unlike = (changes: object) => {
      vi.spyOn(process, 'getBuiltinModule').mockReturnValue({
        ...ffi,
        dlopen: (...args: Parameters<typeof ffi.dlopen>) => {
          const { functions } = ffi.dlopen(...args);
          return { functions: { ...functions, ...changes } };
        },
      } as never);
      return nativeDatagrams();
    };
    const refusal = 'the kernel refuses recvmmsg or sendmmsg, or takes them otherwise';
    expect(unlike({})).toBeTypeOf('object');
    expect(unlike({ recvmmsg: () => -1 })).toBe(refusal);
    expect(unlike({ sendmmsg: () => -1 })).toBe(refusal);
    expect(unlike({ socketpair: () => -1 })).toBe(refusal);
    // It says that they came, and has written nothing.
    expect(unlike({ recvmmsg: () => 2 })).toBe(refusal);
  });
});
