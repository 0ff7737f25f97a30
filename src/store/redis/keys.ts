/** Version of the layout below; a store with a greater one is refused. */
export const SCHEMA = 1;

/**
 * Names of everything kept in Redis. All carry one hash tag, so that in a Cluster they live on one member and a script can change
 * several of them as one.
 *
 * | name | what |
 * |---|---|
 * | `meta` | hash: `schema`, `id` of the store, `version` of the provisioning, `commit` (that and the token of its last change), `place` (last one given), `bindings`, `tallies`, `records` (sequences), `bindings-token`, `tallies-token`, `records-token` (of the last write of each), `key-check`, `nonce-secret` |
 * | `tenants`, `trunks`, `certificates` | hash: name → sealed document; `…:order`: sorted set, in the order first written |
 * | `events` | stream, id = version: what each commit changed |
 * | `bindings` | hash: AOR → JSON; `bindings:expiry`: sorted set by time of expiry; `bindings:events`: stream, id = sequence; `bindings:removed`: hash: AOR → JSON of what was taken away |
 * | `sign-ins` | sorted set by time: user and address |
 * | `trunk-addresses` | sorted set by since when: trunk and address that its names resolve to |
 * | `tokens`, `users`, `webhooks` | hash: id → sealed document |
 * | `tallies` | hash: count of a period → total; `tallies:order`: sorted set by sequence of the last change; `tallies:ends`: sorted set by when it is needed no longer; `tallies:batches`: hash: node and process → number of the last batch it has added, and when; `tallies:tokens`: hash: sequence → token, of the last 1,000 writes |
 * | `messages` | hash: id → JSON with a sealed document; `messages:due`, `:due:TENANT`, `:created`, `:listed`, `:listed:TENANT`, `:waiting:TENANT/NUMBER`, `:heard`: sorted sets by time; `:due-tenants`: set; `:remote`: hash: id at WhatsApp → id |
 * | `calls:NODE` | hash: id → JSON of a call of that node that rings or is answered; `calls:NODE:taken`: set: ids of those that others have taken from it; `calls:alive`: hash: node → when it last wrote, and as which process; `calls:whole`: hash: process → until when all that it had is here; `calls:over`: sorted set by time: ended calls that another process had begun; `calls:order`: hash: `NODE process` → its process, the generation of that, how often it has asked, and for calls of others; `NODE gone` → since when it was not there, until it is forgotten |
 * | `lease:NAME` | hash with expiry: `holder`, `fence`; `fences`: hash: name → last fence given |
 * | `nodes` | hash: name → time and what the node tells the others |
 * | `restoring` | text with expiry: token of a node that writes its copy into an empty Redis |
 * | `changes` | channel: something changed, look |
 * | `ask:NODE`, `answer:NODE` | channels: sealed questions to a node, and sealed answers to what it has asked |
 */
export class Keys {
  readonly meta: string;
  readonly tenants: string;
  readonly trunks: string;
  readonly certificates: string;
  readonly events: string;
  readonly bindings: string;
  readonly bindingExpiry: string;
  readonly bindingEvents: string;
  readonly bindingRemovals: string;
  readonly signIns: string;
  readonly claims: string;
  readonly tallies: string;
  readonly tallyOrder: string;
  readonly tallyEnds: string;
  readonly tallyBatches: string;
  readonly tallyTokens: string;
  readonly tokens: string;
  readonly users: string;
  readonly webhooks: string;
  readonly messages: string;
  readonly callsAlive: string;
  readonly callsWhole: string;
  readonly callsOver: string;
  readonly callsOrder: string;
  readonly fences: string;
  readonly nodes: string;
  readonly channel: string;
  readonly #base: string;

  constructor(prefix: string) {
    const tag = prefix.replace(/[{}]/g, '').replace(/:+$/, '');
    this.#base = `${prefix.replace(/[{}]/g, '')}{${tag === '' ? 'tandem' : tag}}:`;
    this.meta = this.named('meta');
    this.tenants = this.named('tenants');
    this.trunks = this.named('trunks');
    this.certificates = this.named('certificates');
    this.events = this.named('events');
    this.bindings = this.named('bindings');
    this.bindingExpiry = this.named('bindings:expiry');
    this.bindingEvents = this.named('bindings:events');
    this.bindingRemovals = this.named('bindings:removed');
    this.signIns = this.named('sign-ins');
    this.claims = this.named('trunk-addresses');
    this.tallies = this.named('tallies');
    this.tallyOrder = this.named('tallies:order');
    this.tallyEnds = this.named('tallies:ends');
    this.tallyBatches = this.named('tallies:batches');
    this.tallyTokens = this.named('tallies:tokens');
    this.tokens = this.named('tokens');
    this.users = this.named('users');
    this.webhooks = this.named('webhooks');
    this.messages = this.named('messages');
    this.callsAlive = this.named('calls:alive');
    this.callsWhole = this.named('calls:whole');
    this.callsOver = this.named('calls:over');
    this.callsOrder = this.named('calls:order');
    this.fences = this.named('fences');
    this.nodes = this.named('nodes');
    this.channel = this.named('changes');
  }

  /** Of what is provisioned. */
  orderOf(kind: 'tenants' | 'trunks' | 'certificates'): string {
    return this.named(`${kind}:order`);
  }

  callsOf(node: string): string {
    return this.named(`calls:${node}`);
  }

  takenOf(node: string): string {
    return this.named(`calls:${node}:taken`);
  }

  named(name: string): string {
    return this.#base + name;
  }
}
