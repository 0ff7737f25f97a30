import type { CommandEntry } from './command.ts';

const live = () => import('./live-commands.ts');
const process = () => import('./process-commands.ts');
const provisioning = () => import('./provisioning-commands.ts');

const command = (name: string, summary: string, load: CommandEntry['load']): CommandEntry => ({ name, summary, load });

/** Every command, in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  command('start', 'run an engine until it is stopped', async () => (await process()).start),
  command(
    'demo',
    'start an engine, a carrier and a phone, place a call and show its ladder',
    async () => (await process()).demo,
  ),
  command(
    'status',
    'how the running engine is doing, on one screen',
    async () => (await import('./status-command.ts')).status,
  ),
  command(
    'reload',
    'have the running engine read its configuration and provisioning files again, all or nothing',
    async () => (await import('./reload-command.ts')).reload,
  ),
  command(
    'drain',
    'have the running engine take no new calls, and end with its last one',
    async () => (await import('./drain-command.ts')).drain,
  ),
  command(
    'store',
    'the store and the nodes on it; bring it back when Redis has lost it',
    async () => (await import('./store-command.ts')).store,
  ),
  command('validate', 'check configuration and provisioning files', async () => (await provisioning()).validate),
  command(
    'apply',
    'create or replace the tenants, trunks and certificates of provisioning files in the running engine',
    async () => (await provisioning()).apply,
  ),
  command(
    'plan',
    'show which of the latest calls would leave differently after provisioning files, and how',
    async () => (await import('./plan-command.ts')).plan,
  ),
  command(
    'export',
    'print everything provisioned as YAML, ready for apply, or a spreadsheet, ready for import',
    async () => (await provisioning()).exportCommand,
  ),
  command(
    'import',
    'create and change the extensions or DIDs of a tenant by a spreadsheet (CSV), after a look at every line',
    async () => (await import('./csv-commands.ts')).importCommand,
  ),
  command('tenants', 'list tenants with their domains and how much each has', async () => (await live()).tenants),
  command('trunks', 'list trunks and how they are doing', async () => (await live()).trunks),
  command(
    'doctor',
    'check a trunk from the running node, and say what to do',
    async () => (await import('./doctor-command.ts')).doctor,
  ),
  command(
    'brands',
    'list the presets of carriers, or show one with its sources',
    async () => (await import('./trunk-commands.ts')).brands,
  ),
  command(
    'certificates',
    'list, upload and delete certificates: for signed calls, for TLS listeners and for Microsoft Teams',
    async () => (await import('./certificates-command.ts')).certificates,
  ),
  command(
    'transports',
    'list what the node listens on; add and remove transports while it runs',
    async () => (await import('./transports-command.ts')).transports,
  ),
  command('registrations', 'list phones and gateways that are registered', async () => (await live()).registrations),
  command('leases', 'list which node registers which trunk', async () => (await live()).leases),
  command(
    'calls',
    'list calls in progress at all nodes, or those that ended; end one',
    async () => (await live()).calls,
  ),
  command(
    'messages',
    'list messages from and to WhatsApp, or show one',
    async () => (await import('./messages-command.ts')).messages,
  ),
  command('message', 'send a message by WhatsApp', async () => (await import('./messages-command.ts')).message),
  command(
    'trace',
    'show the latest SIP messages, or draw those of one call, both legs',
    async () => (await import('./trace-command.ts')).trace,
  ),
  command(
    'events',
    'show events as they happen: calls, registrations, trunks, refusals',
    async () => (await import('./events-command.ts')).events,
  ),
  command(
    'explain',
    'show the INVITE that a call would send, and why each field is what it is',
    async () => (await import('./explain-command.ts')).explain,
  ),
  command(
    'token',
    'make, list and revoke tokens for the HTTP interface',
    async () => (await import('./token-command.ts')).token,
  ),
  command(
    'users',
    'make, list, lock out and delete those who sign in to the console',
    async () => (await import('./users-command.ts')).users,
  ),
  command(
    'console',
    'print a link that signs in to the console, once',
    async () => (await import('./users-command.ts')).consoleLink,
  ),
  command('hash', "hash a password for an extension's or service's ha1", async () => (await process()).hash),
  command('completion', 'print what makes bash, zsh or fish complete tandem command lines', async () =>
    (await import('./completion-command.ts')).completionOf(COMMANDS),
  ),
  command('version', 'print the version', async () => (await process()).version),
];
