/** Which of the latest calls would leave differently after a change, and how. */
import type { PlanView } from '../client/types.ts';
import { number, reasonInWords, t } from '../text/index.ts';
import { Note } from './note.tsx';
import { When } from './state.tsx';

type Call = PlanView['calls'][number];

export function PlanResult({
  found: { created, updated, unchanged, callsPlayed, callsChanged, calls },
}: {
  found: PlanView;
}) {
  return (
    <div class="stack" aria-live="polite">
      <Note kind={callsChanged === 0 ? 'good' : 'warn'}>
        <p>
          <strong>
            {callsChanged === 0
              ? t('plan.none')
              : t('plan.result', { changed: number(callsChanged), played: number(callsPlayed) })}
          </strong>
        </p>
        <p>{t('plan.counts', { created, updated, unchanged })}</p>
      </Note>
      {calls.map((call) => (
        <section class="card stack" key={call.callId}>
          <h2>
            {t('plan.call', { caller: call.caller, dialled: call.dialled })}{' '}
            <span class="soft small">
              {call.tenant} · <When at={call.at} />
            </span>
          </h2>
          <dl class="facts">
            <dt>{t('plan.before')}</dt>
            <dd>{where(call.before)}</dd>
            <dt>{t('plan.after')}</dt>
            <dd>{where(call.after)}</dd>
          </dl>
          {call.fields.map(({ trunk, field, before, after, reason }) => (
            <dl class="facts" key={trunk + field}>
              <dt class="mono">{field}</dt>
              <dd>
                <del class="mono break">{before ?? '—'}</del>
                <br />
                <ins class="mono break">{after ?? '—'}</ins>
                {reason === undefined ? null : <span class="table-sub">{reasonInWords(reason)}</span>}
              </dd>
            </dl>
          ))}
        </section>
      ))}
    </div>
  );
}

function where({ kind, trunks, refusal }: Call['before']): string {
  switch (kind) {
    case 'outside':
      return t('plan.outside', { trunks: trunks.join(', ') });
    case 'refused':
      return t('plan.refused', { status: refusal?.status ?? '', reason: refusal?.reason ?? '' });
    default:
      return t(`plan.${kind}`);
  }
}
