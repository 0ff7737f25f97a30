/** The guide's table: header fields down, their parts across, a variable in each, and the INVITE that comes of it beside. */
import { useId } from 'preact/hooks';
import { known, t } from '../../text/index.ts';
import { CheckField, SelectField, TextField } from '../../ui/form.tsx';
import { FIELDS, INBOUND_FIELDS, type InviteField, type Part } from './draft.ts';
import { Preview } from './preview.tsx';
import { type StepProps, type TrunkPath, trunkFaultAt } from './step.ts';

const NAMES = [
  'AuthID',
  'CalledNum',
  'CallerNum',
  'CallerDispName',
  'OriginatorCallerID',
  'OutboundCallerId',
  'OutboundCallerIdAndOriginatorCallerID',
  'Anonymous',
];
const VARIABLES: Readonly<Record<Part, readonly string[]>> = {
  displayName: [...NAMES, 'none'],
  user: NAMES,
  host: ['TrunkHostPort', 'OutHostPort', 'ContactUri', 'SipDomain'],
};
const PARTS: readonly Part[] = ['displayName', 'user', 'host'];
const REMOVABLE = ['P-Asserted-Identity', 'P-Preferred-Identity', 'P-Called-Party-ID'];
const PRIVACY = ['id', 'user', 'header'];
const INBOUND_SOURCES = [
  'requestUri.user',
  ...[
    'to',
    'from',
    'contact',
    'remotePartyIdCalled',
    'remotePartyIdCalling',
    'pAssertedIdentity',
    'pPreferredIdentity',
    'pCalledPartyId',
    'diversion',
    'historyInfo',
  ].flatMap((field) => [`${field}.user`, `${field}.displayName`]),
];

export function ParametersStep(props: StepProps) {
  const { checked } = props;
  return (
    <div class="stack">
      <p class="soft">{t('wizard.parametersText')}</p>
      <div class="split">
        <div class="stack">
          <OutboundTable {...props} />
          <Variables />
          <Lists {...props} />
          <Inbound {...props} />
        </div>
        <Preview checked={checked} />
      </div>
    </div>
  );
}

function OutboundTable({ draft, before, faults, change }: StepProps) {
  return (
    <div class="stack-small">
      <h3>{t('wizard.outbound')}</h3>
      <div class="table-frame">
        <table class="mapping">
          <thead>
            <tr>
              <th scope="col">{t('bulk.field')}</th>
              {PARTS.map((part) => (
                <th scope="col" key={part}>
                  {t(`part.${part}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(Object.keys(FIELDS) as InviteField[]).map((field) => (
              <tr key={field}>
                <th scope="row">{t(`field.${field}`)}</th>
                {isConditional(before, field) ? (
                  <td colSpan={3} class="soft small">
                    {t('wizard.conditional')}
                  </td>
                ) : (
                  PARTS.map((part) => (
                    <td key={part}>
                      {(FIELDS[field] as readonly Part[]).includes(part) ? (
                        <Source
                          label={`${t(`field.${field}`)}: ${t(`part.${part}`)}`}
                          value={draft.outbound[`${field}.${part}`] ?? ''}
                          variables={VARIABLES[part]}
                          error={trunkFaultAt(faults, `outboundParameters.${field}.${part}` as TrunkPath)}
                          onChange={(value) => change({ outbound: { ...draft.outbound, [`${field}.${part}`]: value } })}
                        />
                      ) : null}
                    </td>
                  ))
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** The guide's words for what each variable stands for. */
function Variables() {
  return (
    <details>
      <summary>{t('wizard.variables')}</summary>
      <dl class="facts">
        {[...NAMES, ...VARIABLES.host].map((name) => (
          <>
            <dt class="mono break">{name}</dt>
            <dd>{known(`variable.${name}`, name)}</dd>
          </>
        ))}
        <dt>{t('wizard.custom')}</dt>
        <dd>{t('variable.custom')}</dd>
      </dl>
    </details>
  );
}

function isConditional(before: StepProps['before'], field: InviteField): boolean {
  return Array.isArray((before?.outboundParameters as Record<string, unknown> | undefined)?.[field]);
}

interface SourceProps {
  readonly label: string;
  readonly value: string;
  readonly variables: readonly string[];
  readonly error: string | undefined;
  readonly onChange: (value: string) => void;
}

/** A variable, or fixed text. */
function Source({ label, value, variables, error, onChange }: SourceProps) {
  const isCustom = value.startsWith('=');
  const id = useId();
  return (
    <div class="stack-small">
      <select
        class="input"
        aria-label={label}
        aria-invalid={error === undefined ? undefined : 'true'}
        aria-describedby={error === undefined ? undefined : id}
        value={isCustom ? '=' : value}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {[['', t('wizard.default')], ...variables.map((name) => [name, name]), ['=', t('wizard.custom')]].map(
          ([key, text]) => (
            <option value={key} key={key} selected={key === (isCustom ? '=' : value)}>
              {text}
            </option>
          ),
        )}
      </select>
      {isCustom ? (
        <input
          class="input input-mono"
          aria-label={`${label}: ${t('wizard.customText')}`}
          value={value.slice(1)}
          spellcheck={false}
          onInput={(event) => onChange(`=${event.currentTarget.value}`)}
        />
      ) : null}
      {error === undefined ? null : (
        <p class="field-error" id={id}>
          {error}
        </p>
      )}
    </div>
  );
}

function Lists({ draft, change }: StepProps) {
  const privacy = draft.privacy;
  return (
    <div class="fields">
      <fieldset class="plain stack-small">
        <legend>{t('wizard.remove')}</legend>
        {REMOVABLE.map((name) => (
          <CheckField
            key={name}
            label={name}
            checked={draft.removeHeaders?.includes(name) === true}
            onChange={(checked) => change({ removeHeaders: toggled(draft.removeHeaders ?? [], name, checked) })}
          />
        ))}
      </fieldset>
      <fieldset class="plain stack-small">
        <legend>{t('wizard.privacy')}</legend>
        <CheckField
          label={t('wizard.ownPrivacy')}
          checked={privacy !== undefined}
          onChange={(checked) => change({ privacy: checked ? PRIVACY : undefined })}
        />
        {privacy === undefined
          ? null
          : PRIVACY.map((name) => (
              <CheckField
                key={name}
                label={name}
                help={known(`privacy.${name}`, name)}
                checked={privacy.includes(name)}
                onChange={(checked) => change({ privacy: toggled(privacy, name, checked) })}
              />
            ))}
      </fieldset>
    </div>
  );
}

function toggled(list: readonly string[], name: string, isOn: boolean): readonly string[] {
  return isOn ? [...list, name] : list.filter((entry) => entry !== name);
}

function Inbound({ draft, before, faults, change }: StepProps) {
  const kept = before?.inboundParameters as Record<string, unknown> | undefined;
  return (
    <div class="stack-small">
      <h3>{t('wizard.inbound')}</h3>
      <p class="small soft">{t('wizard.inboundText')}</p>
      <div class="fields">
        {INBOUND_FIELDS.map((field) => {
          const several = kept?.[field];
          return Array.isArray(several) ? (
            <TextField key={field} label={t(`field.${field}`)} value={several.join(', ')} onInput={() => {}} />
          ) : (
            <SelectField
              key={field}
              label={t(`field.${field}`)}
              value={draft.inbound[field] ?? ''}
              error={trunkFaultAt(faults, `inboundParameters.${field}`)}
              onChange={(value) => change({ inbound: { ...draft.inbound, [field]: value } })}
              options={[
                { value: '', label: t('wizard.default') },
                ...INBOUND_SOURCES.map((value) => ({ value, label: sourceLabel(value) })),
              ]}
            />
          );
        })}
      </div>
    </div>
  );
}

function sourceLabel(source: string): string {
  const [field = '', part = ''] = source.split('.');
  return `${known(`field.${field}`, field)} · ${known(`part.${part}`, part)}`;
}
