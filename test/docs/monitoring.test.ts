import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../src/observe/metrics.ts';
import { mergedMetrics } from '../../src/workers/metrics.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}

const RULES = 'config/prometheus/tandem.rules.yaml';
const dashboard = JSON.parse(readFileSync('config/grafana/tandem.json', 'utf8')) as Dashboard;
const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const graphs = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = [
  ...graphs.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => [title, expr, legendFormat] as const),
  ),
  ...rules.map(
    ({ alert, expr, annotations }) => [alert, expr, `${annotations.summary} ${annotations.description}`] as const,
  ),
];

const sources = globSync('src/**/*.ts')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');
const operations = readFileSync('docs/operations.md', 'utf8');
/** The labels of each metric, as the table of docs/operations.md says them. */
const documented = new Map(
  [...operations.matchAll(/^\| ((?:`(?:tandem_|uncaught_)[^|]*))\|/gm)].map(([, cell = '']) => {
    const [name = '', ...labels] = [...cell.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
    return [name, labels];
  }),
);

/** The labels that the engine gives a metric. */
function labelsInSource(name: string): string[] | undefined {
  const text = `(?:'[^']*'|"[^"]*")`;
  const counted = new RegExp(`'${name}',\\s*${text},\\s*(?:'(\\w+)'|\\[([^\\]]*)\\])`).exec(sources);
  const made = new RegExp(`name: '${name}',[^}]*?labelNames: \\[([^\\]]*)\\]`).exec(sources);
  const found = counted?.[1] === undefined ? (counted?.[2] ?? made?.[1]) : `'${counted[1]}'`;
  if (found !== undefined) return [...found.matchAll(/'(\w+)'/g)].map(([, label = '']) => label);
  return new RegExp(`readGauge\\(\\s*'${name}'`).test(sources) ? [] : undefined;
}

/** The labels in the samples of metrics that are text of their own, and of workers. */
async function samplesOfAll(): Promise<ReadonlyMap<string, readonly string[]>> {
  const metrics = new Metrics({ processMetrics: false });
  metrics.countCallStarted('outbound');
  metrics.countTrunkAttempt('1', 200);
  const datacentres = [{ target: 'sip.example.com', state: 'up' }];
  metrics.readTrunks(() => [{ id: '1', name: 'a', state: 'online', activeCalls: 0, datacentres }]);
  const text = mergedMetrics(new Map([[1, await metrics.render()]]), new Map([[1, true]]));
  metrics.close();
  return new Map(
    [...text.matchAll(/^(\w+?)(?:_bucket)?\{([^}]*)\}/gm)].map(([, name = '', pairs = '']) => {
      const labels = [...pairs.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
      return [name, labels.filter((label) => label !== 'le' && (label !== 'worker' || labels.length === 1))];
    }),
  );
}

/** Those that Prometheus gives by itself, and a supervisor of workers. */
const ALWAYS = ['instance', 'job', 'worker'];

function labelsOf(metric: string, library: ReadonlySet<string>): readonly string[] | undefined {
  if (metric === 'up' || library.has(metric)) return ALWAYS;
  const [, family = metric, part] = /^(.*)_(bucket|sum|count)$/.exec(metric) ?? [];
  const labels = documented.get(metric) ?? documented.get(family);
  return labels && [...ALWAYS, ...labels, ...(part === 'bucket' ? ['le'] : [])];
}

describe('the dashboard and the alert rules', () => {
  const metrics = new Metrics();
  const library = new Set(
    metrics.registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => /^(process|nodejs)_/.test(name)),
  );
  metrics.close();

  test.each(queries)('%s: its metrics are the engine’s, and so are their labels', (_, expr, text) => {
    const used = [...expr.matchAll(/\b((?:tandem|process|nodejs|uncaught)_\w+|up)\b(?:\{([^}]*)\})?/g)];
    expect(used.length).toBeGreaterThan(0);
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].map(([, list = '']) => list.split(/,\s*/));
    for (const [, metric = '', selector = ''] of used) {
      const known = labelsOf(metric, library);
      expect(known, metric).toBeDefined();
      for (const [, label] of selector.matchAll(/(\w+)(?==~|!~|!=|=)/g)) expect(known, metric).toContain(label);
      for (const label of grouped.flat()) expect(known, metric).toContain(label);
    }
    const kept = grouped[0] ?? ALWAYS;
    for (const [, label] of text.matchAll(/\{\{ ?(?:\$labels\.)?(\w+) ?\}\}/g)) expect(kept, text).toContain(label);
  });

  test('labels are those that the table of docs/operations.md says', async () => {
    const samples = await samplesOfAll();
    for (const [name, labels] of documented) {
      const made = labelsInSource(name) ?? samples.get(name);
      expect(made, `what makes ${name}`).toBeDefined();
      expect(labels, name).toEqual(made);
    }
  });

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
  test.skipIf(!hasPromtool)('are what promtool takes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-rules-'));
    try {
      const file = join(folder, 'panels.json');
      const recorded = queries.map(([, expr], index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.+'),
      }));
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }));
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', RULES, file], { encoding: 'utf8' });
      expect(status, stdout + stderr).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the dashboard', () => {
  test('can be loaded into any Grafana since version 10: its data source is a variable', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource' }),
    );
    expect(graphs.length).toBeGreaterThan(20);
    for (const { title, datasource, targets = [] } of graphs) {
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].filter(
        (each) => each !== undefined,
      ))
        expect(uid, title).toMatch(/^\$\{datasource\}$/);
    }
  });

  test('has a place of its own for each panel', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
    );
    expect(new Set(taken).size).toBe(taken.length);
    for (const { gridPos, title } of dashboard.panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  });
});

test('docs/operations.md names both', () => {
  expect(operations).toContain('../config/grafana/tandem.json');
  expect(operations).toContain(`../${RULES}`);
});
