import { createHash } from 'node:crypto';
import { type Command, ENGINE_OPTIONS, option, toggle } from './command.ts';
import { UsageError } from './command-error.ts';

export const start: Command = {
  usage: 'tandem start [--config FILE]',
  details:
    'SIGTERM and SIGINT drain: no new calls, calls in progress end or a time limit passes. SIGHUP reads the configuration again, as "tandem reload" does.',
  options: { config: ENGINE_OPTIONS.config },
  async run(context) {
    await context.hooks.start(context.text('config'));
    return 0;
  },
};

export const demo: Command = {
  usage: 'tandem demo',
  options: {},
  run: (context) => context.hooks.demo(),
};

export const version: Command = {
  usage: 'tandem version',
  options: { json: ENGINE_OPTIONS.json },
  async run(context) {
    const { version: tandem } = context.hooks;
    return context.printAnswer(
      { tandem, node: process.versions.node },
      ({ node }) => `tandem ${tandem} (node ${node})`,
    );
  },
};

/** RFC 7616 §3.4.2: A1 = user ":" realm ":" password, hashed; what `ha1` in provisioning holds. */
export const hash: Command = {
  usage: 'tandem hash --user NUMBER --realm DOMAIN < password',
  details:
    "Reads the password from standard input, where no process listing shows it. The realm is the tenant's domain.",
  options: {
    json: toggle('print JSON in place of YAML'),
    user: option('number of the extension or service'),
    realm: option("the tenant's domain"),
  },
  async run(context) {
    const [user, realm] = [context.text('user'), context.text('realm')];
    if (user === undefined || realm === undefined)
      throw new UsageError('say whose password it is: --user NUMBER --realm DOMAIN');
    const password = await context.readPassword();
    const a1 = Buffer.from(`${user}:${realm}:${password}`, 'utf8');
    const digest = (algorithm: string) => createHash(algorithm).update(a1).digest('hex');
    const ha1 = { md5: digest('md5'), sha256: digest('sha256'), sha512256: digest('sha512-256') };
    const lines = Object.entries(ha1).map(([name, value]) => `  ${name}: "${value}"`);
    return context.printAnswer({ ha1 }, () => ['ha1:', ...lines].join('\n'));
  },
};
