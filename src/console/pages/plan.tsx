/** Before a change: which of the latest calls would leave differently, and how. */
import { useState } from 'preact/hooks';
import { plan } from '../client/resources.ts';
import type { PlanView } from '../client/types.ts';
import { number, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { FaultSummary, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { When } from '../ui/state.tsx';

type Call = PlanView['calls'][number];

export function Plan() {
  const form = useForm({ document: '' });
  const [found, setFound] = useState<PlanView>();
  const run = () => {
    const document = parsed(form.values.document);
    if (document === undefined) {
      form.setFaults([{ code: 'malformed-json', path: 'document', message: t('plan.malformed') }]);
      return;
    }
    void form.run(async () => setFound(await plan(document)));
  };
  return (
    <Page title={t('plan.title')} text={t('plan.text')}>
      <div class="stack">
        <SubmitForm class="card form" onSubmit={run}>
          <FaultSummary faults={form.faults} fields={{ document: t('plan.document') }} />
          <TextField
            label={t('plan.document')}
            help={t('plan.documentHelp')}
            value={form.values.document}
            onInput={(value) => form.set('document', value)}
            rows={10}
            mono
          />
          <div>
            <Button kind="primary" type="submit" busy={form.busy}>
              {t('plan.run')}
            </Button>
          </div>
        </SubmitForm>
        {found === undefined ? null : <Result found={found} />}
      </div>
    </Page>
  );
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function Result({ found: { created, updated, unchanged, callsPlayed, callsChanged, calls } }: { found: PlanView }) {
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
                {reason === undefined ? null : <span class="table-sub">{reason}</span>}
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
