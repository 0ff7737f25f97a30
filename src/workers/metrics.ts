/** Metrics of several workers as one text: each sample with the number of its worker. */

const UP = 'tandem_worker_up';
const UP_HEAD = [
  `# HELP ${UP} Whether the worker has answered: 0 for one that is silent, whose samples are missing.`,
  `# TYPE ${UP} gauge`,
];

interface Family {
  /** `# HELP` and `# TYPE`, of the worker that was asked first. */
  readonly head: string[];
  readonly samples: string[];
}

/**
 * @param texts by the number of the worker, in the text format of Prometheus
 * @param up whether each worker has answered
 */
export function mergedMetrics(texts: ReadonlyMap<number, string>, up: ReadonlyMap<number, boolean>): string {
  const families = new Map<string, Family>();
  for (const [worker, text] of texts) {
    let family: Family | undefined;
    let isNew = false;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('# HELP ') || line.startsWith('# TYPE ')) {
        const name = line.split(' ', 3)[2] ?? '';
        if (line.startsWith('# HELP ') || family === undefined) isNew = !families.has(name);
        family = families.get(name) ?? { head: [], samples: [] };
        families.set(name, family);
        if (isNew) family.head.push(line);
      } else if (!line.startsWith('#')) {
        family?.samples.push(labelled(line, worker));
      }
    }
  }
  const lines = Array.from(families.values(), ({ head, samples }) => [...head, ...samples].join('\n'));
  const answered = Array.from(up, ([worker, isUp]) => `${UP}{worker="${worker}"} ${isUp ? 1 : 0}`);
  return `${[...lines, ...UP_HEAD, ...answered].join('\n')}\n`;
}

/** `name{a="b"} 1` and `name 1` with `worker` before the other labels. */
function labelled(line: string, worker: number): string {
  const brace = line.indexOf('{');
  const space = line.indexOf(' ');
  if (brace !== -1 && brace < space) {
    const rest = line.slice(brace + 1);
    return `${line.slice(0, brace)}{worker="${worker}"${rest.startsWith('}') ? '' : ','}${rest}`;
  }
  return `${line.slice(0, space)}{worker="${worker}"}${line.slice(space)}`;
}
