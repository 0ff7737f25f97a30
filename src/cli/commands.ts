import type { CommandEntry } from './command.ts';

const live = () => import('./live-commands.ts');
const process = () => import('./process-commands.ts');
const provisioning = () => import('./provisioning-commands.ts');

/** Every command, in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'run an engine until it is stopped',
    load: async () => (await process()).start,
  },
  {
    name: 'demo',
    summary: 'start an engine, a carrier and a phone, place a call and show its ladder',
    load: async () => (await process()).demo,
  },
  {
    name: 'status',
    summary: 'how the running engine is doing, on one screen',
    load: async () => (await import('./status-command.ts')).status,
  },
  {
    name: 'reload',
    summary: 'have the running engine read its configuration and provisioning files again, all or nothing',
    load: async () => (await import('./reload-command.ts')).reload,
  },
  {
    name: 'drain',
    summary: 'have the running engine take no new calls, and end with its last one',
    load: async () => (await import('./drain-command.ts')).drain,
  },
  {
    name: 'store',
    summary: 'the store and the nodes on it; bring it back when Redis has lost it',
    load: async () => (await import('./store-command.ts')).store,
  },
  {
    name: 'validate',
    summary: 'check configuration and provisioning files',
    load: async () => (await provisioning()).validate,
  },
  {
    name: 'apply',
    summary: 'create or replace the tenants, trunks and certificates of provisioning files in the running engine',
    load: async () => (await provisioning()).apply,
  },
  {
    name: 'plan',
    summary: 'show which of the latest calls would leave differently after provisioning files, and how',
    load: async () => (await import('./plan-command.ts')).plan,
  },
  {
    name: 'export',
    summary: 'print everything provisioned as YAML, ready for apply, or a spreadsheet, ready for import',
    load: async () => (await provisioning()).exportCommand,
  },
  {
    name: 'import',
    summary: 'create and change the extensions or DIDs of a tenant by a spreadsheet (CSV), after a look at every line',
    load: async () => (await import('./csv-commands.ts')).importCommand,
  },
  {
    name: 'tenants',
    summary: 'list tenants with their domains and how much each has',
    load: async () => (await live()).tenants,
  },
  {
    name: 'trunks',
    summary: 'list trunks and how they are doing',
    load: async () => (await live()).trunks,
  },
  {
    name: 'doctor',
    summary: 'check a trunk from the running node, and say what to do',
    load: async () => (await import('./doctor-command.ts')).doctor,
  },
  {
    name: 'brands',
    summary: 'list the presets of carriers, or show one with its sources',
    load: async () => (await import('./trunk-commands.ts')).brands,
  },
  {
    name: 'certificates',
    summary: 'list, upload and delete certificates: for signed calls, for TLS listeners and for Microsoft Teams',
    load: async () => (await import('./certificates-command.ts')).certificates,
  },
  {
    name: 'transports',
    summary: 'list what the node listens on; add and remove transports while it runs',
    load: async () => (await import('./transports-command.ts')).transports,
  },
  {
    name: 'registrations',
    summary: 'list phones and gateways that are registered',
    load: async () => (await live()).registrations,
  },
  {
    name: 'leases',
    summary: 'list which node registers which trunk',
    load: async () => (await live()).leases,
  },
  {
    name: 'calls',
    summary: 'list calls in progress at all nodes, or those that ended; end one',
    load: async () => (await live()).calls,
  },
  {
    name: 'messages',
    summary: 'list messages from and to WhatsApp, or show one',
    load: async () => (await import('./messages-command.ts')).messages,
  },
  {
    name: 'message',
    summary: 'send a message by WhatsApp',
    load: async () => (await import('./messages-command.ts')).message,
  },
  {
    name: 'trace',
    summary: 'show the latest SIP messages, or draw those of one call, both legs',
    load: async () => (await import('./trace-command.ts')).trace,
  },
  {
    name: 'events',
    summary: 'show events as they happen: calls, registrations, trunks, refusals',
    load: async () => (await import('./events-command.ts')).events,
  },
  {
    name: 'explain',
    summary: 'show the INVITE that a call would send, and why each field is what it is',
    load: async () => (await import('./explain-command.ts')).explain,
  },
  {
    name: 'token',
    summary: 'make, list and revoke tokens for the HTTP interface',
    load: async () => (await import('./token-command.ts')).token,
  },
  {
    name: 'users',
    summary: 'make, list, lock out and delete those who sign in to the console',
    load: async () => (await import('./users-command.ts')).users,
  },
  {
    name: 'console',
    summary: 'print a link that signs in to the console, once',
    load: async () => (await import('./users-command.ts')).consoleLink,
  },
  {
    name: 'hash',
    summary: "hash a password for an extension's or service's ha1",
    load: async () => (await process()).hash,
  },
  {
    name: 'completion',
    summary: 'print what makes bash, zsh or fish complete tandem command lines',
    load: async () => (await import('./completion-command.ts')).completionOf(COMMANDS),
  },
  {
    name: 'version',
    summary: 'print the version',
    load: async () => (await process()).version,
  },
];
