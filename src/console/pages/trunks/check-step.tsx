import { planChange } from '../../client/resources.ts';
import type { TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { wordsOf } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { PlanResult } from '../../ui/plan-result.tsx';
import { Skeleton } from '../../ui/unread.tsx';
import { stepOf, type TrunkDraft, trunkOf } from './draft.ts';
import { Preview, refusalIn } from './preview.tsx';
import type { StepProps } from './step.ts';

/** All that saving checks, before it; of a trunk that carries calls already, which of the latest would leave differently. */
export function CheckStep({ checked, draft, before, steps, labels, goTo }: StepProps) {
  if (checked.faults.length === 0) {
    // WhatsApp is for messages: that no call leaves over it is nothing to be warned of.
    const isRefused = draft.type !== 'whatsapp' && refusalIn(checked) !== undefined;
    return (
      <>
        {checked.isCurrent ? (
          checked.explanation === undefined ? null : (
            <Note kind={isRefused ? 'warn' : 'good'}>{t(isRefused ? 'wizard.checkRefused' : 'wizard.checkGood')}</Note>
          )
        ) : (
          <Skeleton />
        )}
        {before === undefined ? null : <WouldChange draft={draft} before={before} />}
        <Preview checked={checked} />
      </>
    );
  }
  return (
    <Note kind="bad">
      <p>{t('wizard.checkBad')}</p>
      <ul class="stack-small">
        {checked.faults.map((fault) => {
          const step = stepOf(fault);
          return (
            <li class="row" key={fault.path + fault.message}>
              <span class="grow break">
                {fault.path === '' ? '' : `${labels[fault.path] ?? fault.path}: `}
                {fault.message}
              </span>
              {step === 'check' || !steps.includes(step) ? null : (
                <Button label={t('wizard.goThere', { step: t(`step.${step}`) })} small onClick={() => goTo(step)} />
              )}
            </li>
          );
        })}
      </ul>
    </Note>
  );
}

function WouldChange({ draft, before }: { readonly draft: TrunkDraft; readonly before: TrunkView }) {
  const trunk = trunkOf(draft, before);
  const { data, error } = useQuery(JSON.stringify(trunk), () =>
    planChange(`trunks/${encodeURIComponent(before.id)}`, trunk),
  );
  return (
    <section class="stack" aria-label={t('provisioning.plan')} aria-busy={data === undefined && error === undefined}>
      <h2>{t('provisioning.plan')}</h2>
      {data !== undefined ? <PlanResult found={data} /> : null}
      {error !== undefined ? <Note kind="bad">{wordsOf(error)}</Note> : null}
      {data === undefined && error === undefined ? <p class="soft">{t('bulk.looking')}</p> : null}
    </section>
  );
}
