/** How the engine is doing: the node that answers, the others on its store, its event loop, memory and sockets. */
import { useEffect, useState } from 'preact/hooks';
import { node } from '../client/resources.ts';
import type { NodeView, StoreStatus } from '../client/types.ts';
import { useQuery } from '../client/use-query.ts';
import { known, number, percent, relative, t, time } from '../text/index.ts';
import { Chart } from '../ui/chart.tsx';
import { Fact, Figure } from '../ui/facts.tsx';
import { FaultSummary, faultsOf } from '../ui/form.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';

const REFRESH_MS = 3000;
const KEPT = 40;
const MEGABYTE = 1_000_000;

interface Sample {
  readonly at: string;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function Health() {
  const { data, error } = useQuery('node', node.get, REFRESH_MS);
  const store = useQuery('store', node.store, REFRESH_MS);
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    if (data === undefined) return;
    const { p99Ms, maxMs } = data.eventLoop;
    setSamples((before) => [...before, { at: new Date().toISOString(), p99Ms, maxMs }].slice(-KEPT));
  }, [data]);
  const fault = error ?? store.error;
  return (
    <Page title={t('health.title')} text={t('health.text')}>
      {fault === undefined ? null : <FaultSummary faults={faultsOf(fault)} title={t('table.failed')} />}
      {data === undefined ? null : (
        <div class="stack">
          {data.reasons.length === 0 ? null : (
            <Note kind="warn">
              <ul>
                {data.reasons.map((reason) => (
                  <li key={reason}>{known(`ready.${reason}`, reason)}</li>
                ))}
              </ul>
            </Note>
          )}
          <dl class="figures">
            <Figure name={t('charts.calls')} value={number(data.calls)} />
            <Figure name={t('registrations.title')} value={number(data.registrations)} />
            <Figure name={t('health.trunks')} value={`${number(data.trunks.online)} / ${number(data.trunks.total)}`} />
            <Figure name={t('health.busy')} value={percent(data.eventLoop.utilization)} />
          </dl>
          <Chart
            title={t('health.loop')}
            text={t('health.loopText')}
            at={samples.map(({ at }) => at)}
            kind="area"
            top={10}
            format={(value) => `${number(value)} ms`}
            series={[
              { name: t('health.p99'), tone: 'accent', values: samples.map(({ p99Ms }) => p99Ms) },
              { name: t('health.max'), tone: 'warn', values: samples.map(({ maxMs }) => maxMs) },
            ]}
          />
          <div class="cards">
            <ThisNode node={data} />
            <Sockets node={data} />
            <Store store={store.data} />
            {data.mediaRelays.length === 0 ? null : <Relays relays={data.mediaRelays} />}
          </div>
        </div>
      )}
    </Page>
  );
}

function ThisNode({ node: { node: name, version, startedAt, ready, memory, waiting, overload } }: { node: NodeView }) {
  const octets = (value: number) => t('health.megabytes', { count: number(Math.round(value / MEGABYTE)) });
  return (
    <section class="card">
      <h2>{t('health.node')}</h2>
      <dl class="facts">
        <Fact name={t('health.name')}>{name}</Fact>
        <Fact name={t('health.takesCalls')}>
          <State tone={ready ? 'good' : 'bad'}>{t(ready ? 'health.ready' : 'health.notReady')}</State>
        </Fact>
        <Fact name={t('health.version')}>{version}</Fact>
        <Fact name={t('health.started')}>
          {relative(startedAt)} ({time(startedAt)})
        </Fact>
        <Fact name={t('health.memory')}>{octets(memory.rssOctets)}</Fact>
        <Fact name={t('health.heap')}>
          {octets(memory.heapUsedOctets)} / {octets(memory.heapLimitOctets)}
        </Fact>
        <Fact name={t('health.waiting')}>{number(waiting)}</Fact>
        <Fact name={t('health.overload')}>
          <State tone={overload.active ? 'bad' : 'good'}>
            {t(overload.active ? 'health.overloaded' : 'health.none')}
          </State>
          {overload.since === undefined ? null : (
            <span class="fact-line">
              {t('health.overloadSince', { when: time(overload.since), count: number(overload.refused) })}
            </span>
          )}
        </Fact>
      </dl>
    </section>
  );
}

function Sockets({ node: { sockets } }: { node: NodeView }) {
  return (
    <section class="card">
      <h2>{t('health.sockets')}</h2>
      <dl class="facts">
        <Fact name={t('health.listening')}>
          {sockets.listening.map(({ transport, host, port }) => (
            <span class="mono fact-line" key={`${transport}${host}${port}`}>
              {transport.toUpperCase()} {host.includes(':') ? `[${host}]` : host}:{port}
            </span>
          ))}
        </Fact>
        <Fact name={t('health.open')}>{number(sockets.open)}</Fact>
        <Fact name={t('health.accepted')}>{number(sockets.accepted)}</Fact>
        <Fact name={t('health.opened')}>{number(sockets.opened)}</Fact>
        <Fact name={t('health.refused')}>{number(sockets.refused)}</Fact>
        <Fact name={t('health.failed')}>{number(sockets.failed)}</Fact>
      </dl>
    </section>
  );
}

function Store({ store }: { store: StoreStatus | undefined }) {
  if (store === undefined) return null;
  const { kind, problems, clockOffsetMs, nodes } = store;
  return (
    <section class="card">
      <h2>{t('health.store')}</h2>
      <dl class="facts">
        <Fact name={t('service.kind')}>{t(`store.${kind}`)}</Fact>
        <Fact name={t('fact.state')}>
          {problems.length === 0 ? (
            <State tone="good">{t('health.well')}</State>
          ) : (
            problems.map((problem) => (
              <State tone="bad" key={problem}>
                {known(`ready.${problem}`, problem)}
              </State>
            ))
          )}
        </Fact>
        {kind === 'redis' ? <Fact name={t('health.clock')}>{number(clockOffsetMs)} ms</Fact> : null}
        {nodes.map(({ node: name, version }, index) => (
          <Fact name={index === 0 ? t('health.nodes') : ''} key={name}>
            {name}{' '}
            {version === undefined ? '' : <span class="soft">{t('health.copy', { version: number(version) })}</span>}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Relays({ relays }: { relays: NodeView['mediaRelays'] }) {
  return (
    <section class="card">
      <h2>{t('health.relays')}</h2>
      <dl class="facts">
        {relays.map(({ url, state, sessions }) => (
          <Fact name={url} key={url}>
            <State tone={state === 'up' ? 'good' : 'bad'}>{known(`relay.${state}`, state)}</State>{' '}
            {t('health.sessions', { count: number(sessions) })}
          </Fact>
        ))}
      </dl>
    </section>
  );
}
