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
  const profile = JSON.parse(profileJson) as CpuProfile;
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').slice(-3).join('/');
      return [id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`];
    }),
  );
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
