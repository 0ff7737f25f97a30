/** What is entered at the gateway, or told the provider, that signs in here. */
import { transports } from '../../client/resources.ts';
import type { TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';

export function Gateway({ trunk: { host, transport = 'udp', credentials } }: { readonly trunk: TrunkView }) {
  const listeners = useQuery('listeners', () => transports.list({ limit: 1000 })).data?.items ?? [];
  const fitting = listeners.filter((listener) => listener.transport === transport);
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(', ') || '—';
  return (
    <section class="card stack" aria-label={t('gateway.title')}>
      <h2>{t('gateway.title')}</h2>
      <p class="soft">{t('gateway.text')}</p>
      <dl class="facts">
        <dt>{t('gateway.domain')}</dt>
        <dd class="mono break">{host}</dd>
        <dt>{t('gateway.proxy')}</dt>
        <dd class="mono break">{several(fitting.map((listener) => listener.publicHost ?? listener.host))}</dd>
        <dt>{t('gateway.port')}</dt>
        <dd class="mono">
          {several(fitting.map(({ publicPort, port }) => publicPort ?? port))} ({transport.toUpperCase()})
        </dd>
        <dt>{t('gateway.user')}</dt>
        <dd class="mono break">{credentials?.authName ?? credentials?.username ?? '—'}</dd>
        <dt>{t('wizard.password')}</dt>
        <dd>{t('gateway.password')}</dd>
      </dl>
    </section>
  );
}
