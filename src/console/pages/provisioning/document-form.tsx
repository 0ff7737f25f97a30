/** A document's form: its fields, what a change would do to the latest calls, and saving it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { planChange } from '../../client/resources.ts';
import type { Document, PlanView } from '../../client/types.ts';
import { useLeaveGuard } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { FaultSummary, SubmitForm, useForm } from '../../ui/form.tsx';
import { PlanResult } from '../../ui/plan-result.tsx';
import { Fields, useTrunkNames } from './fields.tsx';
import { documentOf, draftOf, type FormDraft, type FormField, type FormModel, fieldsOf, labelsOf } from './model.ts';

export interface DocumentFormProps {
  readonly form: FormModel;
  /** What is edited; empty for something new. */
  readonly document: Document;
  readonly isNew: boolean;
  readonly mayEdit: boolean;
  readonly tenant: string;
  /** Where it is or would be, behind `/api/v1/`; absent: calls are not asked about. */
  readonly planned?: string;
  readonly save: (document: Document) => Promise<unknown>;
  /** With what was saved. */
  readonly onSaved: (document: Document) => void;
  readonly onCancel: () => void;
}

export function DocumentForm(props: DocumentFormProps) {
  const { form, document, isNew, mayEdit, tenant, planned, save, onSaved, onCancel } = props;
  const fields = fieldsOf(form);
  const state = useForm<FormDraft>(draftOf(document, fields));
  const [found, setFound] = useState<PlanView>();
  const trunkNames = useTrunkNames(tenant);
  useLeaveGuard(state.dirty, t('form.leave'));
  const wanted = () =>
    documentOf(
      state.values,
      document,
      fields.filter((field) => field.only?.(state.values) ?? true),
    );
  const submit = async () => {
    setFound(undefined);
    const sent = wanted();
    if (await state.run(() => save(sent))) onSaved(sent);
  };
  const look = () => {
    setFound(undefined);
    void state.run(async () => setFound(await planChange(planned ?? '', wanted())), false);
  };
  return (
    <SubmitForm class="stack" onSubmit={submit}>
      <FaultSummary faults={state.faults} fields={labelsOf(form)} />
      <fieldset class="plain stack" disabled={!mayEdit}>
        {form.sections.map(({ title, text, fields: own, rare }) => {
          const body = (
            <Fields form={form} fields={own} state={state} isNew={isNew} trunkNames={trunkNames} mayEdit={mayEdit} />
          );
          const isFilled = own.some(({ path }) => state.faults.some((fault) => fault.path.startsWith(path)));
          return rare === true ? (
            <RareSection
              key={title}
              title={t(title)}
              text={text && t(text)}
              needed={isFilled || hasValues(own, document)}
            >
              {body}
            </RareSection>
          ) : (
            <section class="card" key={title} aria-label={t(title)}>
              <h2>{t(title)}</h2>
              {text === undefined ? null : <p class="soft section-text">{t(text)}</p>}
              {body}
            </section>
          );
        })}
      </fieldset>
      {found === undefined ? null : <PlanResult found={found} />}
      {mayEdit ? (
        <div class="form-actions">
          <Button onClick={onCancel}>{t('action.cancel')}</Button>
          {planned === undefined ? null : (
            <Button icon="plan" busy={state.busy} onClick={look}>
              {t('provisioning.plan')}
            </Button>
          )}
          <Button kind="primary" type="submit" busy={state.busy}>
            {isNew ? t('provisioning.add') : t('action.save')}
          </Button>
        </div>
      ) : null}
    </SubmitForm>
  );
}

interface RareSectionProps {
  readonly title: string;
  readonly text: string | undefined;
  /** Something stands in it, or is at fault. */
  readonly needed: boolean;
  readonly children: ComponentChildren;
}

/** Opens where it is needed, and stays open while its last fault is being mended. */
function RareSection({ title, text, needed, children }: RareSectionProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class="card" open={open || needed} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <strong>{title}</strong> {text === undefined ? null : <span class="soft">{text}</span>}
      </summary>
      {children}
    </details>
  );
}

function hasValues(fields: readonly FormField[], document: Document): boolean {
  const draft = draftOf(document, fields);
  return fields.some(({ path, kind }) => {
    const value = draft[path];
    return kind !== 'check' && kind !== 'select' && value !== undefined && value !== '' && value.toString() !== '';
  });
}
