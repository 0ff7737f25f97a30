/** How a call was decided, step by step, and what left for it, each field with its reason. */
import type { Explanation } from '../client/types.ts';
import { known, reasonInWords, t } from '../text/index.ts';
import { Invite, Reasons } from './invite.tsx';
import { State } from './state.tsx';

/** The decisions in their order. */
export function Steps({ steps }: { readonly steps: Explanation['steps'] }) {
  return (
    <ol class="stack-small">
      {steps.map(({ step, outcome, reason }) => (
        <li class="row" key={step + reason}>
          <State tone={outcome === 'reject' ? 'bad' : 'good'}>{known(`why.${step}`, step)}</State>
          <span class="grow break">{reasonInWords(reason)}</span>
        </li>
      ))}
    </ol>
  );
}

export function Why({ explanation }: { readonly explanation: Explanation }) {
  const { steps, refusal, routes, legs = [] } = explanation;
  const overTrunks = new Set(routes.map(({ trunk }) => trunk.name));
  return (
    <details class="card">
      <summary>
        <strong>{t('record.why')}</strong> <span class="soft">{t('record.whyText')}</span>
      </summary>
      <div class="stack">
        <Steps steps={steps} />
        {refusal === undefined ? null : (
          <p>
            <State tone="bad">{t('try.refused')}</State> {refusal.status} {refusal.reason}
          </p>
        )}
        {routes.map((route) => (
          <div class="stack" key={route.trunk.id}>
            <h3>{t('try.route', { trunk: route.trunk.name })}</h3>
            <Steps steps={route.steps} />
            <Invite text={route.invite} />
            <Reasons fields={route.fields} />
          </div>
        ))}
        {legs
          .filter(({ to }) => !overTrunks.has(to))
          .map(({ to, target, invite, fields = [] }) => (
            <div class="stack" key={to + target}>
              <h3 class="break">
                {t('try.sends')}: {to} <span class="mono soft">{target}</span>
              </h3>
              <Invite text={invite} />
              {fields.length === 0 ? null : <Reasons fields={fields} />}
            </div>
          ))}
      </div>
    </details>
  );
}
