/** How a node is started, and what is there before anything of it. */
import type { WheelScheduler } from '../base/wheel-scheduler.ts';
import type { Workers } from '../engine/admit/dealing.ts';
import type { JsonLogger, Metrics } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { workerSettings } from '../settings/workers.ts';
import type { HubChannel, Stores } from '../store/index.ts';
import { loadSettings } from './configuration.ts';

export interface NodeOptions {
  /** Configuration file; default: TANDEM_CONFIG, else config/tandem.yaml. */
  readonly configFile?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  /** Go through the work of calls before the first one comes, for `timers.warmUpMs` at most; default: false, as tests want it. */
  readonly warmsUp?: boolean;
  /** Refuse new calls while the process has no time left; default: true. Off where it does other work beside, as tests do. */
  readonly guardsLoad?: boolean;
  /** Go on when something throws that nobody catches, or a promise fails that nobody waits for; default: false, as tests want to hear of it. */
  readonly outlivesDefects?: boolean;
  /** For one of several processes that are a node together; default: this process is the node. */
  readonly worker?: WorkerPlace | undefined;
  /** Has the process drain and end, as SIGTERM does; default: this node alone drains and closes. */
  readonly drain?: () => void;
  /** Where log lines go; default: standard output. */
  readonly logStream?: { write(line: string): unknown };
}

/** The place of a worker among the processes of its node. */
export interface WorkerPlace {
  /** The name of the node. */
  readonly node: string;
  readonly workers: Workers;
  /** The way to the process that has the embedded store. */
  readonly hub: HubChannel | undefined;
  /** The socket where the front of the node passes HTTP requests on. */
  readonly httpSocket: string;
  /** Where the node serves HTTP; undefined when it is off. */
  readonly apiAddress: string | undefined;
  readonly ownerToken: string;
}

/** What every part of a node is made with. */
export interface NodeParts {
  readonly options: NodeOptions;
  readonly environment: NodeJS.ProcessEnv;
  readonly settings: NodeSettings;
  readonly scheduler: WheelScheduler;
  readonly log: JsonLogger;
  readonly metrics: Metrics;
  readonly stores: Stores;
  /** What has to be closed at the end, in the opposite order. */
  readonly closers: (() => unknown)[];
}

/** As the files say now. Throws a SettingsError. */
export function settingsOf({ configFile, worker }: NodeOptions, environment: NodeJS.ProcessEnv): NodeSettings {
  const settings = loadSettings(configFile, environment);
  if (worker === undefined) return settings;
  return workerSettings({ ...settings, node: worker.node }, worker.workers.index);
}
