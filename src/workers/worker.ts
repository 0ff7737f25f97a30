/** One worker: a process that serves its share of a node, under the supervisor that started it. */
import { SettingsError } from '../base/errors.ts';
import type { Workers } from '../engine/admit/dealing.ts';
import { isOfSystem } from '../node/configuration.ts';
import { type RunningNode, startNode } from '../node/node.ts';
import { welcome } from '../node/run.ts';
import { ownPortOf } from '../settings/workers.ts';
import type { FromHub, HubChannel } from '../store/index.ts';
import type { TrunkNews } from '../trunks/sharing.ts';
import { HandOver } from './hand-over.ts';
import type { Beginning, FromWorker, ToWorker } from './protocol.ts';

/** The supervisor, as a worker reaches it. */
export interface Supervising {
  /** False: it is gone. */
  send(message: FromWorker): boolean;
  onMessage(listener: (message: ToWorker | undefined) => void): void;
}

/**
 * Serves until it is told to end; then the process may end. Rejects with what kept it from starting, of which the supervisor knows. What the
 * supervisor says is heard from the call on.
 */
export async function runWorker(beginning: Beginning, supervisor: Supervising): Promise<void> {
  const { worker: index, count } = beginning;
  const handOver = new HandOver(Buffer.from(beginning.handOverKey, 'base64'));
  const toTrunks: ((news: TrunkNews) => void)[] = [];
  const workers: Workers = {
    index,
    count,
    ownPort: (port) => ownPortOf(index, port),
    allPorts: (port) => Array.from({ length: count }, (_, worker) => ownPortOf(worker, port)),
    give: (worker, dealt) => handOver.give(worker, dealt),
    onGiven: (take) => handOver.onGiven(take),
    trunks: {
      isFirst: () => handOver.isFirst(index),
      tell: (news) => supervisor.send({ kind: 'trunk-news', news }),
    },
    onNews: (take) => toTrunks.push(take),
  };
  const toHub: ((message: FromHub | undefined) => void)[] = [];
  const hub: HubChannel = {
    send: (order) => supervisor.send(order),
    onMessage: (listener) => toHub.push(listener),
  };
  const ended = Promise.withResolvers<void>();
  let node: RunningNode | undefined;
  let isEnding = false;
  /** While it starts it has nothing to end yet. */
  let told: 'drain' | 'close' | undefined;
  const end = (how: 'drain' | 'close') => {
    told = how;
    if (node === undefined || (isEnding && how === 'drain')) return;
    isEnding = true;
    (how === 'drain' ? node.drainAndClose() : node.close()).then(ended.resolve, ended.reject);
  };
  supervisor.onMessage((message) => {
    switch (message?.kind) {
      case undefined:
      case 'answer':
      case 'notice':
        for (const listener of toHub) listener(message);
        break;
      case 'siblings':
        handOver.siblings = message.ports;
        break;
      case 'trunk-news':
        for (const take of toTrunks) take(message.news);
        break;
      case 'reload':
        // The log says what became of it.
        node?.reload().catch(() => {});
        break;
      case 'drain':
      case 'close':
        end(message.kind);
        break;
      default:
    }
  });
  process.on('SIGTERM', () => end('drain'));
  await handOver.open();
  try {
    node = await start(beginning, workers, beginning.hasHub ? hub : undefined);
  } catch (error) {
    if (error instanceof SettingsError || isOfSystem(error)) {
      const problems = error instanceof SettingsError ? error.problems : [];
      supervisor.send({ kind: 'failed', message: error.message, problems });
    }
    throw error;
  }
  supervisor.send({ kind: 'takes', port: handOver.port });
  const listening = node.listening.map(({ transport, host, port }) => `${transport}:${host}:${port}`);
  const shared = node.settings.listen.map((each) => ({ ...each, id: '' }));
  supervisor.send({ kind: 'ready', welcome: welcome({ ...node, listening: shared }, beginning.configFile), listening });
  if (told !== undefined && !isEnding) end(told);
  await ended.promise;
  await handOver.close();
}

function start(beginning: Beginning, workers: Workers, hub: HubChannel | undefined): Promise<RunningNode> {
  const { configFile, node, httpSocket, apiAddress, ownerToken, warmsUp } = beginning;
  return startNode({
    configFile,
    warmsUp,
    outlivesDefects: true,
    worker: { node, workers, hub, httpSocket, apiAddress, ownerToken },
    drain: () => process.kill(process.ppid, 'SIGTERM'),
  });
}
