/** The fields of a description, as controls. */

import { trunks } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import { useQuery } from '../../client/use-query.ts';
import { known, t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { CheckField, type Form as FormState, faultAt, SelectField, TextField } from '../../ui/form.tsx';
import { NewPasswordField } from '../../ui/new-password.tsx';
import {
  DAYS,
  DESTINATIONS,
  type FormDraft,
  type FormField,
  type FormModel,
  helpOf,
  labelOf,
  optionLabel,
  type RowValue,
} from './model.ts';

interface FieldsProps {
  readonly form: FormModel;
  readonly fields: readonly FormField[];
  readonly state: Pick<FormState<FormDraft>, 'values' | 'faults' | 'change'>;
  readonly isNew: boolean;
  readonly trunkNames: readonly string[];
  /** What cannot be changed has no buttons. */
  readonly mayEdit: boolean;
}

export function Fields({ fields, ...rest }: FieldsProps) {
  const shown = fields.filter((field) => field.only?.(rest.state.values) ?? true);
  return (
    <div class="fields">
      {shown.map((field) => (
        <div key={field.path} class={field.wide === true ? 'field-wide' : undefined}>
          <OneField {...rest} field={field} />
        </div>
      ))}
    </div>
  );
}

/** Names of the trunks that a tenant may use. */
export function useTrunkNames(tenant: string): readonly string[] {
  const found = useQuery(`trunk-names ${tenant}`, () => trunks.list({ tenant, limit: 200 }));
  return (found.data?.items ?? []).map(({ name }) => name);
}

export function OneField({
  form,
  field,
  state,
  isNew,
  trunkNames,
  mayEdit,
}: Omit<FieldsProps, 'fields'> & { field: FormField }) {
  const { path, kind } = field;
  const { values, faults } = state;
  const value = values[path];
  const set = (next: FormDraft[string]) => state.change({ [path]: next });
  const disabled = (field.system === true && !isSystemAdmin()) || (field.fixed === true && !isNew);
  const common = {
    label: labelOf(form, path),
    help: helpOf(form, path),
    error: faultAt(faults, path),
    ...(field.optional === true && !disabled ? { optional: true } : {}),
    ...(disabled ? { disabled } : {}),
  };
  switch (kind) {
    case 'check':
    case 'switch':
      return <CheckField {...common} checked={value === true} onChange={set} />;
    case 'select':
      return (
        <SelectField
          {...common}
          value={String(value ?? '')}
          onChange={set}
          options={[
            ...(field.optional === true ? [{ value: '', label: t('provisioning.inherited') }] : []),
            ...(field.options ?? []).map((option) => ({ value: option, label: optionLabel(form, path, option) })),
          ]}
        />
      );
    case 'secret':
      return <NewPasswordField {...common} disabled={!mayEdit || disabled} value={String(value ?? '')} onInput={set} />;
    case 'rows':
      return <Rows {...{ form, field, state, isNew, trunkNames, mayEdit }} />;
    case 'destination':
      return <Destination {...{ form, field, state }} />;
    case 'days':
      return <Days label={common.label} error={common.error} value={String(value ?? '')} onChange={set} />;
    default:
      return (
        <TextField
          {...common}
          value={String(value ?? '')}
          onInput={set}
          mono={field.mono === true}
          {...(kind === 'number' ? { inputMode: 'numeric' as const } : {})}
          {...(kind === 'lines' ? { rows: 3 } : {})}
          {...(kind === 'area' || kind === 'secret-area' ? { rows: 7 } : {})}
          {...(field.placeholder === undefined ? {} : { placeholder: field.placeholder })}
          {...(field.suggest === undefined ? {} : { list: trunkNames })}
        />
      );
  }
}

type PartProps = Pick<FieldsProps, 'form' | 'state'> & { readonly field: FormField };

function Rows({ form, field, state, isNew, trunkNames, mayEdit }: Omit<FieldsProps, 'fields'> & { field: FormField }) {
  const { path, rows: parts = [] } = field;
  const rows = (state.values[path] ?? []) as readonly RowValue[];
  const change = (next: readonly RowValue[]) => state.change({ [path]: next });
  const label = labelOf(form, path);
  const inner: FormModel = { id: `${form.id}.${path}`, sections: [] };
  const blank: RowValue = Object.fromEntries(
    parts.map(({ path: part, kind }) => [part, kind === 'days' ? 'mon, tue, wed, thu, fri' : '']),
  );
  const help = helpOf(form, path);
  const fault = state.faults.find((known) => known.path === path)?.message;
  return (
    <fieldset class="plain stack-small">
      <legend>{label}</legend>
      {help === undefined ? null : <p class="field-help">{help}</p>}
      {fault === undefined ? null : <p class="field-error">{fault}</p>}
      {rows.map((row, index) => (
        <fieldset class="row-card" key={index}>
          <legend class="visually-hidden">{t('provisioning.row', { name: label, count: index + 1 })}</legend>
          <Fields
            form={inner}
            fields={parts}
            isNew={isNew}
            trunkNames={trunkNames}
            mayEdit={mayEdit}
            state={{
              values: row,
              faults: state.faults.flatMap((known) =>
                known.path.startsWith(`${path}[${index}].`)
                  ? [{ ...known, path: known.path.slice(`${path}[${index}].`.length) }]
                  : [],
              ),
              change: (some) =>
                change(rows.map((known, at) => (at === index ? ({ ...known, ...some } as RowValue) : known))),
            }}
          />
          <div class={mayEdit ? 'row row-end' : 'gone'}>
            {index === 0 ? null : (
              <Button small kind="quiet" onClick={() => change(swapped(rows, index))}>
                {t('provisioning.earlier')}
                <span class="visually-hidden">{` ${label} ${index + 1}`}</span>
              </Button>
            )}
            <Button small kind="danger-quiet" onClick={() => change(rows.filter((_, at) => at !== index))}>
              {t('provisioning.removeRow')}
              <span class="visually-hidden">{` ${label} ${index + 1}`}</span>
            </Button>
          </div>
        </fieldset>
      ))}
      <div class={mayEdit ? undefined : 'gone'}>
        <Button
          label={known(`${form.id}.${path}.add`, known(`field.${path}.add`, t('provisioning.addRow')))}
          small
          icon="plus"
          onClick={() => change([...rows, blank])}
        />
      </div>
    </fieldset>
  );
}

function swapped(rows: readonly RowValue[], index: number): readonly RowValue[] {
  const [row] = rows.slice(index, index + 1);
  return row === undefined ? rows : rows.toSpliced(index, 1).toSpliced(index - 1, 0, row);
}

function Destination({ form, field: { path, optional }, state }: PartProps) {
  const kind = String(state.values[path] ?? '');
  const toPath = `${path}:to`;
  const fault = faultAt(state.faults, path);
  const needsTarget = kind !== '' && kind !== 'hangUp';
  return (
    <div class="fields">
      <SelectField
        label={labelOf(form, path)}
        help={helpOf(form, path)}
        error={needsTarget ? undefined : fault}
        {...(optional === true ? { optional } : {})}
        value={kind}
        onChange={(next) => state.change({ [path]: next })}
        options={[
          { value: '', label: optional === true ? t('destination.none') : t('destination.choose') },
          ...DESTINATIONS.map((value) => ({ value, label: t(`destination.${value}`) })),
        ]}
      />
      {needsTarget ? (
        <TextField
          label={known(`destination.${kind}.to`, t('destination.number'))}
          help={known(`destination.${kind}.help`, '')}
          error={fault}
          value={String(state.values[toPath] ?? '')}
          onInput={(next) => state.change({ [toPath]: next, [path]: kind })}
          mono
        />
      ) : null}
    </div>
  );
}

function Days(props: { label: string; error: string | undefined; value: string; onChange: (value: string) => void }) {
  const chosen = props.value.split(/[\s,]+/);
  return (
    <fieldset class="plain">
      <legend>{props.label}</legend>
      <div class="days">
        {DAYS.map((day) => (
          <label key={day} class="day">
            <input
              type="checkbox"
              checked={chosen.includes(day)}
              onChange={(event) => {
                const next = DAYS.filter((one) => (one === day ? event.currentTarget.checked : chosen.includes(one)));
                props.onChange(next.join(', '));
              }}
            />
            <span>{t(`day.${day}`)}</span>
          </label>
        ))}
      </div>
      {props.error === undefined ? null : <p class="field-error">{props.error}</p>}
    </fieldset>
  );
}
