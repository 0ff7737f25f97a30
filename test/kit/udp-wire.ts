import { createSocket, type Socket } from 'node:dgram';

export interface WireAddress {
  readonly host: string;
  readonly port: number;
}

/** A datagram as it crossed the wire; latin1. */
export interface WireMessage {
  readonly from: 'near' | 'far';
  readonly text: string;
  readonly dropped: boolean;
}

export interface UdpWireOptions {
  /** Where datagrams of the near side go. */
  readonly far: WireAddress;
  /** Loopback address of the wire itself. Default 127.0.0.1. */
  readonly host?: string;
  /** True: this datagram is lost. Default: nothing is. */
  readonly drop?: (text: string, from: 'near' | 'far') => boolean;
}

/**
 * A piece of wire between one peer (near) and another (far): what comes to `port` from anybody but the far side goes to the far side,
 * whose answers go back to the near peer heard last. Keeps every datagram, and loses those it is told to lose.
 */
export interface UdpWire {
  readonly port: number;
  readonly messages: readonly WireMessage[];
  close(): Promise<void>;
}

export async function openUdpWire({ far, host = '127.0.0.1', drop = () => false }: UdpWireOptions): Promise<UdpWire> {
  const socket: Socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const messages: WireMessage[] = [];
  let near: WireAddress | undefined;
  socket.on('message', (octets, source) => {
    const from = source.port === far.port && source.address === far.host ? 'far' : 'near';
    if (from === 'near') near = { host: source.address, port: source.port };
    const text = octets.toString('latin1');
    const dropped = drop(text, from);
    messages.push({ from, text, dropped });
    const to = from === 'near' ? far : near;
    if (!dropped && to !== undefined) socket.send(octets, to.port, to.host);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, host, resolve);
  });
  return {
    port: socket.address().port,
    messages,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
