interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface HotFunction {
  readonly name: string;
  /** Of the time that was spent at all, 0 to 1. */
  readonly share: number;
}

/** Compiling and loading are at the beginning of a run. */
const SKIPPED_SHARE = 0.4;

/** The functions of a `--cpu-prof` file that took most time themselves. */
export function hottestFunctions(profileJson: string, count: number): HotFunction[] {
  return shares(profileJson, count, ({ functionName, url, lineNumber }) => {
    const file = url.split('/').slice(-3).join('/');
    return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
  });
}

/** The same by folder; what the runtime does by itself keeps its own name. */
export function hottestFolders(profileJson: string, count: number): HotFunction[] {
  return shares(
    profileJson,
    count,
    ({ functionName, url }) => folderOf(url) ?? (url === '' ? functionName : 'runtime'),
  );
}

/** The folder below `src/` that a file of the engine is in, the file's own name below `bench/`, or the package; undefined for the runtime's. */
export function folderOf(url: string): string | undefined {
  const [, place, path = ''] = /.*\/(src|bench|node_modules)\/(.+)$/.exec(url) ?? [];
  if (place === undefined) return undefined;
  if (place === 'node_modules') return path.split('/')[0] ?? path;
  return place === 'bench' ? `bench/${path}` : path.split('/').slice(0, -1).join('/') || path;
}

function shares(
  profileJson: string,
  count: number,
  nameOf: (frame: CpuProfile['nodes'][number]['callFrame']) => string,
): HotFunction[] {
  const profile = JSON.parse(profileJson) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const first = Math.floor(profile.samples.length * SKIPPED_SHARE);
  const spent = new Map<string, number>();
  let total = 0;
  for (let index = first; index < profile.samples.length; index++) {
    const name = names.get(profile.samples[index] ?? -1) ?? '';
    const delta = profile.timeDeltas[index] ?? 0;
    if (name === '(idle)') continue;
    spent.set(name, (spent.get(name) ?? 0) + delta);
    total += delta;
  }
  const sorted = [...spent].sort((a, b) => b[1] - a[1]);
  return sorted.slice(0, count).map(([name, time]) => ({ name, share: time / total }));
}
