/** One call, while it goes on and after. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { calls } from '../client/resources.ts';
import { mayChange } from '../client/session.ts';
import type { LiveCall } from '../client/types.ts';
import { useQuery } from '../client/use-query.ts';
import { Link } from '../router.tsx';
import { t, time } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import { Unread } from '../ui/unread.tsx';
import { CallTrace } from './call-trace.tsx';
import { CALL_TONES, EndCall, Lasting } from './calls.tsx';

const REFRESH_MS = 1000;

export function CallPage({ id }: { readonly id: string }) {
  const [over, setOver] = useState(false);
  const found = useQuery(`call ${id}`, () => calls.get(id), over ? undefined : REFRESH_MS);
  const [ending, setEnding] = useState(false);
  const { data: call, error } = found;
  const isOver = error?.status === 404;
  useEffect(() => setOver(isOver), [isOver]);
  const up = { to: '/calls', label: t('calls.title') };
  if (call === undefined && error !== undefined && !isOver) {
    return <Unread title={t('calls.title')} up={up} error={error} />;
  }
  return (
    <Page
      title={call === undefined ? t('call.title') : `${call.from} → ${call.to}`}
      up={up}
      actions={
        call !== undefined && !isOver && mayChange() ? (
          <Button label={t('calls.end')} kind="danger-quiet" onClick={() => setEnding(true)} />
        ) : undefined
      }
    >
      <div class="stack">
        <div role="status">
          {isOver ? (
            <Note kind="info">
              {t('call.over')} <Link to={`/records/${encodeURIComponent(id)}`}>{t('call.record')}</Link>
            </Note>
          ) : null}
        </div>
        {call === undefined ? null : <Facts call={call} isOver={isOver} />}
        <CallTrace id={id} isLive={!isOver} />
      </div>
      {ending && call !== undefined ? (
        <EndCall call={call} onClose={() => setEnding(false)} onDone={found.reload} />
      ) : null}
    </Page>
  );
}

function Facts({ call, isOver }: { call: LiveCall; isOver: boolean }) {
  return (
    <section class="card">
      <dl class="facts-row">
        <RowFact name={t('fact.state')}>
          {isOver ? (
            <State tone="none">{t('call.ended')}</State>
          ) : (
            <State tone={CALL_TONES[call.state]}>{t(`call.${call.state}`)}</State>
          )}
        </RowFact>
        {isOver ? null : (
          <RowFact name={t('calls.lasts')}>
            <Lasting since={call.answeredAt ?? call.startedAt} />
          </RowFact>
        )}
        <RowFact name={t('fact.direction')}>{t(`direction.${call.direction}`)}</RowFact>
        <RowFact name={t('fact.trunk')}>{call.trunk ?? '—'}</RowFact>
        <RowFact name={t('provisioning.tenant')}>{call.tenant ?? '—'}</RowFact>
        <RowFact name={t('call.began')}>{time(call.startedAt)}</RowFact>
      </dl>
    </section>
  );
}

function RowFact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="break">{children}</dd>
    </div>
  );
}
