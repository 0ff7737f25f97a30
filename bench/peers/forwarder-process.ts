/**
 * The transport layer without an engine on it: passes each text of a phone on to the carrier and each of the carrier's to the phone,
 * unread. argv: PORT CARRIER_PORT [batched].
 */
import { silentLog } from '../../src/base/log.ts';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { DatagramBatching, type Flow, TransportLayer } from '../../src/sip/transport/index.ts';

const [port, carrierPort] = process.argv.slice(2).map(Number) as [number, number];
const host = '127.0.0.1';
const batching = process.argv[4] === 'batched' ? new DatagramBatching(silentLog) : undefined;
if (batching?.offBecause !== undefined) throw new Error(batching.offBecause);
const { udpGatherMs } = nodeSchema.parse({ listen: [{ transport: 'udp', host, port }] }).limits;

let phone: Flow | undefined;
const transports = new TransportLayer(
  { scheduler: new WheelScheduler(), limits: { udpGatherMs }, createSocket: batching?.createSocket },
  {
    onMessage(text, flow) {
      if (flow.remotePort === carrierPort) {
        phone?.send(text);
      } else {
        phone = flow;
        carrier.send(text);
      }
    },
    onFlowClosed() {},
    onFlowFailed() {},
  },
  silentLog,
);
await transports.open([{ transport: 'udp', host, port }]);
const carrier = transports.flowTo({ transport: 'udp', address: host, port: carrierPort });
console.log('ready');
