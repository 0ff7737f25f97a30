import { paint, type Terminal } from './terminal.ts';

/** What to do about what `/readyz` and the store say is wrong; what ends by itself has no advice. */
const ADVICE: Readonly<Record<string, string>> = {
  'store-unreachable':
    'start Redis again, or look at what is between it and this node; calls go on meanwhile, changes wait',
  'store-replaced':
    'Redis is empty, or has another store: "tandem store restore" writes this node\'s copy into it, or stop the nodes and bring back its backup',
  'store-too-new': 'start the newer program here too, or go back with the backup or export made before the upgrade',
  'store-not-writable': 'let the user of the engine write to the folder of the store (store.path)',
  'disk-full': 'make room on the disk of the store (store.path)',
  'node-name-in-use': 'give one of the two nodes another name (node), and start it again',
  'clock-off': 'set the clocks of this machine and of Redis (NTP)',
  'transport-not-open': '"tandem transports" says which and why; it is tried again every 30 s',
  'udp-batching-off': 'the log says why (udp-batching-off); calls go on',
  'worker-silent': 'the log says which; it is started again by itself',
};

/** One line each, behind what is wrong. */
export function adviceOn(terminal: Terminal, problems: readonly string[]): string[] {
  return problems.flatMap((problem) => {
    const advice = ADVICE[problem];
    return advice === undefined ? [] : [`    ${paint(terminal, 'dim', '->')} ${problem}: ${advice}`];
  });
}
