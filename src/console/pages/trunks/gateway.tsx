/** What is entered at the gateway, or told the provider, that signs in here. */
import { transports } from '../../client/resources.ts';
import type { TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';
import { FaultSummary, faultsOf } from '../../ui/form.tsx';
import { Skeleton } from '../../ui/unread.tsx';

export function Gateway({ trunk: { host, transport = 'udp', credentials } }: { readonly trunk: TrunkView }) {
  const { data, error } = useQuery('listeners', () => transports.list({ limit: 1000 }));
  const fitting = data?.items.filter((listener) => listener.transport === transport);
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(', ') || '—';
  return (
    <section class="card stack" aria-label={t('gateway.title')} aria-busy={data === undefined && error === undefined}>
      <h2>{t('gateway.title')}</h2>
      <p class="soft">{t('gateway.text')}</p>
      <dl class="facts">
        <dt>{t('gateway.domain')}</dt>
        <dd class="mono break">{host}</dd>
        {fitting === undefined ? null : (
          <>
            <dt>{t('gateway.proxy')}</dt>
            <dd class="mono break">{several(fitting.map((listener) => listener.publicHost ?? listener.host))}</dd>
            <dt>{t('gateway.port')}</dt>
            <dd class="mono">
              {several(fitting.map(({ publicPort, port }) => publicPort ?? port))} ({transport.toUpperCase()})
            </dd>
          </>
        )}
        <dt>{t('gateway.user')}</dt>
        <dd class="mono break">{credentials?.authName ?? credentials?.username ?? '—'}</dd>
        <dt>{t('wizard.password')}</dt>
        <dd>{t('gateway.password')}</dd>
      </dl>
      {fitting === undefined && error === undefined ? <Skeleton /> : null}
      {fitting === undefined && error !== undefined ? (
        <FaultSummary faults={faultsOf(error)} title={t('table.failed')} />
      ) : null}
    </section>
  );
}
