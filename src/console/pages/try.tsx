/** A call that is only thought through: `explain`, with a reason beside each field. */
import { useState } from 'preact/hooks';
import { explain } from '../client/resources.ts';
import { session } from '../client/session.ts';
import type { Explanation } from '../client/types.ts';
import { reasonInWords, t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { TenantChoice, TrunkChoice } from '../ui/choices.tsx';
import { FaultSummary, SelectField, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { Invite, Reasons } from '../ui/invite.tsx';
import { Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import { Steps } from '../ui/why.tsx';

export function Try() {
  const form = useForm(
    { direction: 'out', tenant: session.value?.tenant ?? '', trunk: '', from: '', to: '', headers: '' },
    { from: t('try.from'), to: t('try.to'), headers: t('try.headers') },
  );
  const [explanation, setExplanation] = useState<Explanation>();
  const { direction, from, to, headers, trunk, tenant } = form.values;
  const isIn = direction === 'in';
  const run = () =>
    form.run(async () => {
      // What stands there answers another question.
      setExplanation(undefined);
      const question = {
        ...(isIn ? { trunk } : { tenant }),
        ...(from === '' ? {} : { from }),
        to,
        ...(headers.trim() === '' ? {} : { headers: headersOf(headers) }),
      };
      setExplanation(await explain(question));
    });
  return (
    <Page title={t('try.title')} text={t('try.text')}>
      <div class="stack">
        <SubmitForm class="card form" onSubmit={run}>
          <FaultSummary faults={form.faults} title={t('table.failed')} fields={form.labels} />
          <div class="fields">
            <SelectField
              label={t('try.direction')}
              value={direction}
              onChange={(value) => form.set('direction', value)}
              options={[
                { value: 'out', label: t('try.out') },
                { value: 'in', label: t('try.in') },
              ]}
            />
            {isIn ? (
              <TrunkChoice value={trunk} onChange={(value) => form.set('trunk', value)} />
            ) : (
              <TenantChoice
                label={t('provisioning.tenant')}
                value={tenant}
                onChange={(value) => form.set('tenant', value)}
              />
            )}
            <TextField {...form.field('from')} {...(isIn && { label: t('try.fromIn') })} mono />
            <TextField {...form.field('to')} {...(isIn && { label: t('try.toIn') })} required mono />
          </div>
          <TextField help={t('try.headersHelp')} {...form.field('headers')} rows={2} optional mono />
          <div>
            <Button label={t('try.run')} kind="primary" type="submit" busy={form.busy} />
          </div>
        </SubmitForm>
        {explanation === undefined ? null : <Told explanation={explanation} />}
      </div>
    </Page>
  );
}

function headersOf(text: string): readonly { readonly name: string; readonly value: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return colon < 0
        ? { name: line.trim(), value: '' }
        : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
    });
}

function Told({ explanation: { refusal, rule, steps, routes, skipped, legs = [] } }: { explanation: Explanation }) {
  return (
    <div class="stack" aria-live="polite">
      {refusal === undefined ? null : (
        <Note kind="warn">
          <strong>{t('try.refused')}:</strong> {refusal.status} {refusal.reason}
        </Note>
      )}
      <section class="card stack">
        <h2>{t('try.goes')}</h2>
        {rule === undefined ? null : (
          <p>
            {t('section.rule')} <strong>{rule}</strong>
          </p>
        )}
        <Steps steps={steps} />
      </section>
      {routes.map((route) => (
        <section class="card stack" key={route.trunk.id}>
          <h2>{t('try.route', { trunk: route.trunk.name })}</h2>
          {route.refusal === undefined ? (
            <p class="soft">
              {t('try.next')} <span class="mono">{reasonInWords(route.nextHop)}</span>
            </p>
          ) : (
            <Note kind="warn">
              {route.refusal.status} {route.refusal.reason}
            </Note>
          )}
          <Steps steps={route.steps} />
          <div class="split">
            <Invite text={route.invite} />
            <div class="stack">
              <h3>{t('try.candidates')}</h3>
              <ul class="stack-small">
                {route.candidates.map(({ source, value, verdict, reason }) => (
                  <li key={source + reason}>
                    <State tone={verdict === 'taken' ? 'good' : 'none'}>{t(`try.${verdict}`)}</State>{' '}
                    {reasonInWords(source)} <span class="mono">{value}</span>
                    <span class="table-sub break">{reasonInWords(reason)}</span>
                  </li>
                ))}
              </ul>
              <Reasons fields={route.fields} />
            </div>
          </div>
        </section>
      ))}
      {routes.length > 0
        ? null
        : legs.map(({ to, target, invite, fields = [] }) => (
            <section class="card stack" key={to + target}>
              <h2>
                {t('try.sends')}: {to} <span class="mono soft">{target}</span>
              </h2>
              <Invite text={invite} />
              {fields.length === 0 ? null : <Reasons fields={fields} />}
            </section>
          ))}
      {skipped.length === 0 ? null : (
        <section class="card stack">
          <h2>{t('try.skipped')}</h2>
          <ul>
            {skipped.map(({ trunkName, reason }) => (
              <li class="break" key={trunkName + reason}>
                <strong>{trunkName}</strong> {reasonInWords(reason)}
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
