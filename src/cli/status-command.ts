import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import { adviceOn } from './problem-advice.ts';
import { paint, printable } from './terminal.ts';

interface TrunkRow {
  readonly name: string;
  readonly status: Answer<'TrunkStatus'>;
}

/** Trunks in trouble that are named; the rest is counted. */
const NAMED_TRUNKS = 10;

export const status: Command = {
  usage: 'tandem status',
  details:
    'Of the node that is asked: whether it takes calls, and what is wrong; of all nodes that it sees: calls and registrations. Exit code 0 when new calls are taken, 1 when not.',
  options: ENGINE_OPTIONS,
  async run(context) {
    const api = context.api();
    const { version } = await api.get<{ version: string }>('/healthz');
    const readiness = await api.probe<Answer<'Readiness'>>('/readyz');
    // Told to system admins.
    const { node, overload } = await api.probe<Partial<Answer<'Node'>>>('/api/v1/node');
    const { kind, nodes = [] } = await api.probe<Partial<Answer<'Store'>>>('/api/v1/store');
    const names = kind === 'redis' ? nodes.map((one) => one.node).toSorted() : [];
    const trunks = await api.list<TrunkRow>('/api/v1/trunks', {});
    const [tenants, registrations, calls] = await Promise.all(
      ['tenants', 'registrations', 'calls'].map((name) => api.total(`/api/v1/${name}`)),
    );
    const states = Object.groupBy(trunks, (trunk) => trunk.status.state);
    const counts = Object.fromEntries(Object.entries(states).map(([state, rows]) => [state, rows?.length ?? 0]));
    const ready = readiness.status === 'ready';
    const facts = { version, url: api.url, ready, reasons: readiness.reasons, tenants, registrations, calls };
    if (context.flag('json')) {
      const ofSystem = { ...(node !== undefined && { node }), ...(kind === 'redis' && { nodes: names }) };
      context.printJson({ ...facts, ...ofSystem, trunks: counts, ...(overload !== undefined && { overload }) });
      return ready ? 0 : 1;
    }
    const { terminal } = context;
    const why = readiness.reasons.length === 0 ? '' : `: ${readiness.reasons.join(', ')}`;
    const inStates = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
    const lines = [
      `tandem ${version}${node === undefined ? '' : `, node ${printable(node)},`} at ${api.url}`,
      `  ${paint(terminal, ready ? 'green' : 'red', ready ? 'ready' : 'not ready')}${why}`,
      ...adviceOn(terminal, readiness.reasons),
      ...(overload?.active === true
        ? [`  ${paint(terminal, 'red', 'overload')} since ${overload.since}: ${overload.refused} new requests refused`]
        : []),
      ...(names.length === 0 ? [] : [`  nodes              ${names.length} (${printable(names.join(', '))})`]),
      `  calls in progress  ${calls}`,
      `  registrations      ${registrations}`,
      `  tenants            ${tenants}`,
      `  trunks             ${trunks.length}${inStates.length === 0 ? '' : ` (${inStates.join(', ')})`}`,
    ];
    const troubled = trunks.filter(({ status: { state } }) => state === 'offline' || state === 'rejected');
    for (const {
      name,
      status: { state, reason = '' },
    } of troubled.slice(0, NAMED_TRUNKS))
      lines.push(`    ${paint(terminal, 'red', state)} ${printable(`${name} ${reason}`)}`);
    if (troubled.length > NAMED_TRUNKS)
      lines.push(`    and ${troubled.length - NAMED_TRUNKS} more: tandem trunks --state offline`);
    terminal.out(`${lines.join('\n')}\n`);
    return ready ? 0 : 1;
  },
};
