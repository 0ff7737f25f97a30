import type { Log } from '../../base/log.ts';
import type { MessageLimits } from '../message/index.ts';
import { TransportLayer, type TransportUser } from '../transport/index.ts';
import type { EndpointOptions } from './types.ts';

/** The transports that are sockets. */
export function sockets(
  options: EndpointOptions,
  messageLimits: MessageLimits,
  user: TransportUser,
  log: Log,
): TransportLayer {
  const { scheduler, transportLimits, sources, tls, egress, createSocket } = options;
  return new TransportLayer(
    {
      scheduler,
      messageLimits,
      createSocket,
      ...(transportLimits === undefined ? {} : { limits: transportLimits }),
      ...(sources === undefined ? {} : { sources }),
      ...(tls === undefined ? {} : { tls }),
      ...(egress === undefined ? {} : { egress }),
    },
    user,
    log,
  );
}
