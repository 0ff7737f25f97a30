import { createHash } from 'node:crypto';
import { CONFIG_HELP, CONFIG_OPTION, type Command, flag, JSON_HELP, JSON_OPTION, printJson, text } from './command.ts';
import { UsageError } from './command-error.ts';

export const start: Command = {
  usage: 'tandem start [--config FILE]',
  details:
    'SIGTERM and SIGINT drain: no new calls, calls in progress end or a time limit passes. SIGHUP reads the configuration again, as "tandem reload" does.',
  options: { ...CONFIG_OPTION },
  optionHelp: CONFIG_HELP,
  takesArguments: false,
  async run(context) {
    await context.hooks.start(text(context, 'config'));
    return 0;
  },
};

export const demo: Command = {
  usage: 'tandem demo',
  options: {},
  optionHelp: {},
  takesArguments: false,
  run: (context) => context.hooks.demo(),
};

export const version: Command = {
  usage: 'tandem version',
  options: { ...JSON_OPTION },
  optionHelp: JSON_HELP,
  takesArguments: false,
  async run(context) {
    const { version: tandem } = context.hooks;
    if (flag(context, 'json')) return printJson(context, { tandem, node: process.versions.node });
    context.terminal.out(`tandem ${tandem} (node ${process.versions.node})\n`);
    return 0;
  },
};

/** RFC 7616 §3.4.2: A1 = user ":" realm ":" password, hashed; what `ha1` in provisioning holds. */
export const hash: Command = {
  usage: 'tandem hash --user NUMBER --realm DOMAIN < password',
  details:
    "Reads the password from standard input, where no process listing shows it. The realm is the tenant's domain.",
  options: { ...JSON_OPTION, user: { type: 'string' }, realm: { type: 'string' } },
  optionHelp: {
    json: 'print JSON in place of YAML',
    user: 'number of the extension or service',
    realm: "the tenant's domain",
  },
  takesArguments: false,
  async run(context) {
    const [user, realm] = [text(context, 'user'), text(context, 'realm')];
    if (user === undefined || realm === undefined)
      throw new UsageError('say whose password it is: --user NUMBER --realm DOMAIN');
    const password = (await context.terminal.readInput()).replace(/\r?\n$/, '');
    if (password === '') throw new UsageError('the password is empty; give it on standard input');
    const a1 = Buffer.from(`${user}:${realm}:${password}`, 'utf8');
    const digest = (algorithm: string) => createHash(algorithm).update(a1).digest('hex');
    const ha1 = { md5: digest('md5'), sha256: digest('sha256'), sha512256: digest('sha512-256') };
    if (flag(context, 'json')) return printJson(context, { ha1 });
    context.terminal.out(
      `ha1:\n${Object.entries(ha1)
        .map(([name, value]) => `  ${name}: "${value}"\n`)
        .join('')}`,
    );
    return 0;
  },
};
