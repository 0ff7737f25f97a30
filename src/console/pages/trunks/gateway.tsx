/** What is entered at the gateway, or told the provider, that signs in here. */
import { transports } from '../../client/resources.ts';
import type { TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';
import { Fact } from '../../ui/facts.tsx';
import { PartUnread } from '../../ui/unread.tsx';

export function Gateway({ trunk: { host, transport = 'udp', credentials } }: { readonly trunk: TrunkView }) {
  const { data, error } = useQuery('listeners', () => transports.list({ limit: 1000 }));
  const fitting = data?.items.filter((listener) => listener.transport === transport);
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(', ') || '—';
  return (
    <section class="card stack" aria-label={t('gateway.title')} aria-busy={data === undefined && error === undefined}>
      <h2>{t('gateway.title')}</h2>
      <p class="soft">{t('gateway.text')}</p>
      <dl class="facts">
        <Fact name={t('gateway.domain')} mono>
          {host}
        </Fact>
        <Fact name={t('gateway.proxy')} mono>
          {fitting && several(fitting.map((listener) => listener.publicHost ?? listener.host))}
        </Fact>
        <Fact name={t('gateway.port')} mono>
          {fitting &&
            `${several(fitting.map(({ publicPort, port }) => publicPort ?? port))} (${transport.toUpperCase()})`}
        </Fact>
        <Fact name={t('gateway.user')} mono>
          {credentials?.authName ?? credentials?.username ?? '—'}
        </Fact>
        <Fact name={t('field.password')}>{t('gateway.password')}</Fact>
      </dl>
      {fitting === undefined ? <PartUnread error={error} /> : null}
    </section>
  );
}
