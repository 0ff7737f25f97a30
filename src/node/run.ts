/** A node as a process: the signals that an operator sends it, and what a person reads at its start. */
import { SettingsError } from '../base/errors.ts';
import { httpDefaults } from '../settings/exposure.ts';
import { isOfSystem } from './configuration.ts';
import { type RunningNode, startNode } from './node.ts';
import { untilToldToStop } from './signals.ts';
import { version } from './version.ts';

/** Runs a node until it is told to stop: SIGTERM and SIGINT drain (a second one stops at once), SIGHUP reads the files again. */
export async function runNode(configFile: string | undefined): Promise<void> {
  let node: RunningNode;
  try {
    node = await startNode({
      configFile,
      warmsUp: true,
      outlivesDefects: true,
      drain: () => process.kill(process.pid, 'SIGTERM'),
    });
  } catch (error) {
    if (!(error instanceof SettingsError || isOfSystem(error))) throw error;
    process.stderr.write(`${error.message}\n`);
    // Whatever is half open is closed with the process.
    process.exit(1);
  }
  const stopped = untilToldToStop({
    end: (how) => (how === 'drain' ? node.drainAndClose() : node.close()),
    reload: () => {
      // The log says what became of it.
      node.reload().catch(() => {});
    },
  });
  // Log lines are on standard output; what a person reads goes to the other stream.
  process.stderr.write(welcome(node, configFile));
  await stopped;
  process.exit(0);
}

/** What a person sees after the start: where it listens, who may sign in, what to try next. */
export function welcome(node: RunningNode, configFile: string | undefined): string {
  const lines = ['', `tandem ${version} is running`];
  for (const { transport, host, port } of node.listening) lines.push(`  SIP  ${transport.padEnd(4)} ${host}:${port}`);
  if (node.apiAddress !== undefined) {
    const reference = httpDefaults(node.settings).docs ? '/docs' : '';
    lines.push(`  console   ${node.apiAddress}/console`, `  API       ${node.apiAddress}${reference}`);
  }
  const tenant = node.provisioner.directory.tenants.at(0);
  if (tenant?.name === 'demo')
    for (const { number, name, password } of tenant.extensions.slice(0, 5))
      lines.push(`  phone     ${number}@${tenant.domain}  password ${password}  (${name ?? ''})`);
  if (node.firstToken !== undefined) lines.push(`  first system-admin token, printed once: ${node.firstToken}`);
  const isDemo = node.provisioner.directory.extension('demo', '101') !== undefined;
  const usual = tenant === undefined && node.apiAddress !== undefined ? 'console' : 'status';
  const question = isDemo ? 'explain --tenant demo --from 101 --to 914155551212' : usual;
  const where = configFile === undefined ? '' : ` --config ${configFile}`;
  lines.push('', `Try next:  npx tandem ${question}${where}`, '');
  return lines.join('\n');
}
