/** A document's form: its fields, what a change would do to the latest calls, and saving it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { RequestError } from '../../client/http.ts';
import { planChange } from '../../client/resources.ts';
import type { Document, PlanView, Read } from '../../client/types.ts';
import { useLeaveGuard } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { FaultSummary, SubmitForm, useForm } from '../../ui/form.tsx';
import { PlanResult } from '../../ui/plan-result.tsx';
import { Fields, useTrunkNames } from './fields.tsx';
import {
  documentOf,
  draftOf,
  type FormDraft,
  type FormField,
  type FormModel,
  fieldsOf,
  labelOf,
  labelsOf,
} from './model.ts';

export interface DocumentFormProps {
  readonly form: FormModel;
  /** What is edited; empty for something new. */
  readonly document: Document;
  /** The version of it that was read. */
  readonly tag?: string;
  readonly isNew: boolean;
  readonly mayEdit: boolean;
  readonly tenant: string;
  /** Where it is or would be, behind `/api/v1/`; absent: calls are not asked about. */
  readonly planned?: string;
  /**
   * @param tag the version that is replaced
   * @returns what is there then
   */
  readonly save: (document: Document, tag: string) => Promise<Read>;
  /** Reads it again, since somebody else has changed it meanwhile. */
  readonly readAgain?: () => Promise<Read>;
  /** With what was saved. */
  readonly onSaved: (document: Document) => void;
  readonly onCancel: () => void;
}

export function DocumentForm(props: DocumentFormProps) {
  const { form, isNew, mayEdit, tenant, planned, onSaved, onCancel } = props;
  const fields = fieldsOf(form);
  const { state, document, save } = useDocument(props, fields);
  const [found, setFound] = useState<PlanView>();
  const trunkNames = useTrunkNames(tenant);
  useLeaveGuard(state.dirty, t('form.leave'));
  const wanted = () =>
    documentOf(
      state.latest(),
      document,
      fields.filter((field) => field.only?.(state.latest()) ?? true),
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
          if (own.every((field) => field.only?.(state.values) === false)) return null;
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
          <Button label={t('action.cancel')} onClick={onCancel} />
          {planned === undefined ? null : (
            <Button label={t('provisioning.plan')} icon="plan" busy={state.busy} onClick={look} />
          )}
          <Button
            label={isNew ? t('provisioning.add') : t('action.save')}
            kind="primary"
            type="submit"
            busy={state.busy}
          />
        </div>
      ) : null}
    </SubmitForm>
  );
}

/** The form's texts, and what they began from: what is read again while somebody types is not that, nothing typed is lost by it. */
function useDocument({ form, document, tag = '', save, readAgain }: DocumentFormProps, fields: readonly FormField[]) {
  const [began, setBegan] = useState<Read>({ document, tag });
  const state = useForm<FormDraft>(draftOf(document, fields));
  /** The texts that the engine has: what stands otherwise in the form was typed, at any moment since. */
  const there = useRef(state.values);
  const isTyped = (field: FormField) => differs(field, there.current, state.latest());
  /** Puts what is there now where nothing was typed. */
  const takeOver = (now: Read) => {
    const after = draftOf(now.document, fields);
    const kept = fields.filter((field) => !isTyped(field));
    there.current = after;
    setBegan(now);
    const taken = kept.flatMap(keysOf).flatMap((key) => entryOf(after, key));
    state.setAll({ ...state.latest(), ...Object.fromEntries(taken) }, kept.length < fields.length);
  };
  const read = useRef(tag);
  useEffect(() => {
    if (read.current === tag) return;
    read.current = tag;
    if (!fields.some(isTyped)) takeOver({ document, tag });
  }, [tag]);
  return {
    state,
    document: began.document,
    async save(wanted: Document) {
      const sent = state.latest();
      try {
        const saved = await save(wanted, began.tag);
        there.current = sent;
        takeOver(saved);
      } catch (error) {
        if (readAgain === undefined || !(error instanceof RequestError) || error.code !== 'changed-meanwhile')
          throw error;
        const now = await readAgain().catch((fault: unknown) => {
          // Deleted meanwhile, which the first answer's words say.
          throw fault instanceof RequestError && fault.status === 404 ? error : fault;
        });
        const [before, after] = [draftOf(began.document, fields), draftOf(now.document, fields)];
        const changed = fields.filter((field) => differs(field, before, after));
        takeOver(now);
        const names = changed.map(({ path }) => labelOf(form, path)).join(', ');
        throw new RequestError(412, 'taken-over', t('form.takenOver', { fields: names || t('form.otherFields') }));
      }
    },
  };
}

const keysOf = ({ path }: FormField): readonly string[] => [path, `${path}:to`];

function entryOf(draft: FormDraft, key: string): readonly (readonly [string, FormDraft[string]])[] {
  const value = draft[key];
  return value === undefined ? [] : [[key, value]];
}

function differs(field: FormField, one: FormDraft, other: FormDraft): boolean {
  return keysOf(field).some((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
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
