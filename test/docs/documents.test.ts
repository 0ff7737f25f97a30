import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/tandem.ts';
import { validateFiles } from '../../src/settings/load.ts';
import { formatProblem } from '../../src/settings/yaml-file.ts';

const DOCUMENTS = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md'), ...globSync('src/**/README.md')];
const GUIDES = DOCUMENTS.filter((file) => !file.startsWith('src/'));

const read = (file: string) => readFileSync(file, 'utf8');
const withoutBlocks = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

/** The anchors that a renderer gives the headings of a document. */
function anchorsOf(file: string): string[] {
  return [...withoutBlocks(read(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function blocksOf(file: string, language: string): string[] {
  return [...read(file).matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(([, found, text = '']) =>
    found === language ? [text] : [],
  );
}

describe('links', () => {
  test.each(DOCUMENTS)('%s: every relative link leads somewhere', (file) => {
    const links = [...withoutBlocks(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    for (const link of links.filter((target) => !/^[a-z]+:/.test(target))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      expect(existsSync(target), `${file}: ${link}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(target), `${file}: ${link}`).toContain(anchor);
    }
  });
});

describe('commands', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

  test.each(GUIDES)('%s: every npm script exists', (file) => {
    for (const [, name = ''] of read(file).matchAll(/npm run ([a-z:-]+)/g)) expect(scripts, name).toContain(name);
  });

  test('the README begins with the two commands', () => {
    expect(blocksOf('README.md', 'sh')[0]).toBe('npm ci && npm start\nnpm ci && npm test\n');
  });

  test.each(GUIDES)('%s: every tandem command and option exists', async (file) => {
    for (const [, name = '', rest = ''] of read(file).matchAll(/(?:npx tandem|`tandem) ([a-z]+)([^\n`]*)/g)) {
      let help = '';
      const terminal = {
        out: (text: string) => {
          help += text;
        },
        err: () => {},
        colour: false,
        env: {},
        readInput: async () => '',
      };
      const hooks = { start: async () => {}, demo: async () => 0, version: '' };
      expect(await runCli([name, '--help'], hooks, terminal), `${file}: tandem ${name}`).toBe(0);
      for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(help, `tandem ${name} ${option}`).toContain(option);
    }
  });
});

describe('YAML', () => {
  /** What stands at the top of configuration and provisioning files; other blocks show a part of one. */
  const TOP = ['node', 'listen', 'store', 'provisioning', 'api', 'tenants', 'trunks'];
  const isWhole = (block: string) => Object.keys(parse(block) as object).some((key) => TOP.includes(key));
  const examples = GUIDES.flatMap((file) =>
    blocksOf(file, 'yaml').map((block, index) => [`${file} ${index + 1}`, block, file] as const),
  );

  /** What `tandem validate` says of blocks as files of one installation; secrets from the environment are there. */
  function problemsOf(blocks: readonly string[]): string[] {
    const secrets = [...blocks.join('\n').matchAll(/\{ env: ([A-Z0-9_]+) \}/g)].map(([, name = '']) => [
      name,
      'secret',
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'tandem-docs-'));
    try {
      const files = blocks.map((block, index) => {
        const path = join(folder, `${index}.yaml`);
        writeFileSync(path, block);
        return path;
      });
      // The certificates of the guide's machine are not here.
      const problems = validateFiles(files, Object.fromEntries(secrets));
      return problems.filter(({ path }) => !/\.(certificate|key|ca)$/.test(path)).map(formatProblem);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test.each(examples)('example %s is valid', (_, block, file) => {
    if (!isWhole(block)) return;
    const alone = problemsOf([block]);
    // A step of a guide may stand on the steps before it.
    const earlier = blocksOf(file, 'yaml').filter((other) => other !== block && isWhole(other));
    expect(alone.length === 0 ? alone : problemsOf([...earlier, block])).toEqual([]);
  });

  test('most are whole files', () => {
    const whole = examples.filter(([, block]) => isWhole(block));
    expect(whole.length).toBeGreaterThan(15);
  });
});

test('README.md: every RFC that it calls supported is one that the code or its tests go by', () => {
  const readme = read('README.md');
  const table = readme.slice(readme.indexOf('## What is supported'), readme.indexOf('\nNot supported:'));
  const claimed = [...table.matchAll(/\|([0-9, §.–]+)\|$/gm)].flatMap(
    ([, cell = '']) => cell.match(/\b[0-9]{4}\b/g) ?? [],
  );
  expect(new Set(claimed).size).toBeGreaterThan(30);
  const code = [...globSync('src/**/*.ts'), ...globSync('test/**/*.ts')].map(read).join('\n');
  // RFC 7616 §3.3, or a list: RFC 1035, 5452, 7766.
  for (const number of claimed)
    expect(code, number).toMatch(new RegExp(`RFC (?:[0-9]{4}(?: §[0-9.]+)?,? (?:and |or )?)*(?:RFC )?${number}\\b`));
});

describe('docs/operations.md', () => {
  const text = read('docs/operations.md');
  const sources = globSync('src/**/*.ts').map(read).join('\n');
  const listed = (section: string) => {
    const from = text.indexOf(`\n## ${section}\n`);
    return [...text.slice(from, text.indexOf('\n## ', from + 4)).matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
  };

  test('lists every metric of the engine, and no other', () => {
    const exported = [...sources.matchAll(/'(tandem_[a-z_]+|uncaught_exceptions_total)'/g)].map(([, name]) => name);
    expect(listed('Metrics').sort()).toEqual([...new Set(exported)].sort());
  });

  test('lists every event that is logged at info or above, and no other', () => {
    // Told to log and events at once, the level comes first.
    const calls = /(?:[lL]og\.(?:info|warn|error)\(|#tell\([^;]*?(?:'(?:info|warn|error)'|level),)\s*'([a-z-]+)'/g;
    const logged = [...sources.matchAll(calls)].map(([, name]) => name);
    const outbound = /events: [\s\S]*?kind: z\.enum\(\[([^\]]*)\]/.exec(read('src/outbound/explanation.ts'))?.[1] ?? '';
    const routeEvents = [...outbound.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name);
    expect(routeEvents).toContain('caller-id-rejected');
    expect(listed('Logs').sort()).toEqual([...new Set([...logged, ...routeEvents, 'log-lines-suppressed'])].sort());
  });
});
