import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadProvisioning } from '../../src/settings/load.ts';
import { folder, run } from '../cli/kit.ts';
import { type Child, startChild } from '../kit/child.ts';
import { type EngineProcess, startEngineProcess } from '../kit/engine-process.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';
import { peerCommand, peersSkipped } from '../kit/peers.ts';

/** docs/media.md, step by step, as an operator follows it; addresses and ports are those of the test. */
const GUIDE = readFileSync('docs/media.md', 'utf8');
const blocks = (language: string) =>
  [...GUIDE.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'gm'))].map(
    ([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
const TOKEN = 'media-guide-admin-token-0123456789abcdef';

describe.skipIf(peersSkipped)('docs/media.md', () => {
  let engine: EngineProcess;
  let relay: Child;
  let ngPort: string;
  let api: string;

  beforeAll(async () => {
    ngPort = String(await freePort());
    engine = await startEngineProcess({ provisioning: {}, environment: { TANDEM_BOOTSTRAP_TOKEN: TOKEN } });
    api = /"api":"(http:[^"]+)"/.exec(engine.child.output())?.[1] ?? '';
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    await relay?.stop();
  });

  const here = (text: string) => text.replaceAll('203.0.113.7', '127.0.0.1').replaceAll('2223', ngPort);
  const isUp = async () => {
    const response = await fetch(`${api}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    return /^tandem_media_relay_up\{[^}]*\} 1$/m.test(await response.text());
  };

  test('steps 2 to 4: the relay is started as it says, named in the configuration, and up after a reload', async () => {
    const [command, ...args] = here(blocks('sh')[0] ?? '')
      .trim()
      .split(' ');
    expect(command).toBe('rtpengine');
    relay = startChild(peerCommand('rtpengine'), args);
    const named = parse(here(blocks('yaml')[0] ?? '')) as object;
    const before = JSON.parse(readFileSync(engine.configFile, 'utf8')) as object;
    writeFileSync(engine.configFile, JSON.stringify({ ...before, ...named }));
    const reloaded = await run(['reload'], { env: { TANDEM_URL: api, TANDEM_TOKEN: TOKEN } });
    expect([reloaded.code, reloaded.err]).toEqual([0, '']);
    await eventually('the relay to be up', isUp);
  }, 30_000);
});

test('the settings of parties are those that a provisioning file takes', () => {
  const file = join(folder({ 'media.yaml': blocks('yaml')[1] ?? '' }), 'media.yaml');
  const { problems, provisioning } = loadProvisioning([file], {});
  expect(problems).toEqual([]);
  expect(provisioning?.trunks[0]?.options).toMatchObject({ media: 'srtp', mediaFallback: 'refuse' });
});
