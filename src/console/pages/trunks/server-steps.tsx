import { transports } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import type { BrandPreset } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { known, t } from '../../text/index.ts';
import { CheckField, faultAt, SelectField, TextField } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import type { TrunkDraft } from './draft.ts';
import type { StepProps } from './step.ts';

const TYPES = ['ip', 'register', 'accept-register', 'teams', 'whatsapp'] as const;

export function TypeStep({ draft, change }: StepProps) {
  return (
    <fieldset class="choices">
      <legend class="stack-small">{t('wizard.typeQuestion')}</legend>
      {TYPES.map((type) => (
        <label class="choice" key={type}>
          <input
            type="radio"
            name="type"
            value={type}
            checked={draft.type === type}
            disabled={!mayMake(type)}
            onChange={() => change({ type })}
          />
          <strong>{t(`type.${type}`)}</strong>
          <p>{t(`wizard.type.${type}`)}</p>
        </label>
      ))}
    </fieldset>
  );
}

function mayMake(type: TrunkDraft['type']): boolean {
  if (type === 'ip') return isSystemAdmin();
  return type === 'teams' || type === 'whatsapp' ? !isSystemAdmin() : true;
}

export function ProviderStep({ draft, preset, presets, faults, change }: StepProps) {
  const fitting = presets.filter(({ types }) => types.includes(draft.type));
  return (
    <>
      <div class="fields">
        <TextField
          label={t('wizard.name')}
          help={t('wizard.nameHelp')}
          value={draft.name}
          error={faultAt(faults, 'name')}
          onInput={(name) => change({ name })}
          autofocus
        />
        {fitting.length === 0 ? null : (
          <SelectField
            label={t('wizard.brand')}
            help={t('wizard.brandHelp')}
            value={draft.brand}
            error={faultAt(faults, 'brand')}
            onChange={(brand) => change({ brand })}
            options={fitting.map(({ id, name }) => ({ value: id, label: name }))}
          />
        )}
      </div>
      {preset === undefined || preset.id === 'generic' ? null : <Preset preset={preset} draft={draft} />}
    </>
  );
}

/** A preset is shown as one: what it fills in, and where that was read. */
function Preset({ preset, draft }: { preset: BrandPreset; draft: TrunkDraft }) {
  const hosts = preset.hosts.filter(({ types }) => types === undefined || types.includes(draft.type));
  return (
    <Note kind="info">
      <div class="stack">
        <div>
          <strong>{t('wizard.preset', { name: preset.name })}</strong>
          <p>{t('wizard.presetText')}</p>
        </div>
        <dl class="facts">
          <Fact
            name={t('wizard.presetHost')}
            values={hosts.map(({ host, region }) => (region ? `${host} (${region})` : host))}
          />
          <Fact name={t('wizard.port')} values={preset.port === undefined ? [] : [String(preset.port)]} />
          <Fact
            name={t('wizard.transport')}
            values={preset.transport === undefined ? [] : [preset.transport.toUpperCase()]}
          />
          <Fact name={t('wizard.presetIps')} values={preset.associatedIps ?? []} />
          <Fact
            name={t('step.options')}
            values={Object.entries(preset.options ?? {}).map(
              ([name, value]) =>
                `${known(`option.${name}`, name)}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
            )}
          />
        </dl>
        {preset.notes.length === 0 ? null : (
          <ul class="stack-small">
            {preset.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        )}
        <p class="small soft break">
          {t('wizard.presetRead')}: {preset.sources.join(', ')}
        </p>
      </div>
    </Note>
  );
}

const MOST = 8;

function Fact({ name, values }: { name: string; values: readonly string[] }) {
  if (values.length === 0) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {values.slice(0, MOST).join(', ')}
        {values.length > MOST ? ` +${values.length - MOST}` : ''}
      </dd>
    </>
  );
}

export function ServerStep(props: StepProps) {
  const { draft, before, faults, change } = props;
  return (
    <>
      {before === undefined ? null : (
        <TextField
          label={t('wizard.name')}
          value={draft.name}
          error={faultAt(faults, 'name')}
          onInput={(name) => change({ name })}
        />
      )}
      <ServerAddress {...props} />
      {draft.type === 'accept-register' ? null : <FurtherAddresses {...props} />}
      {draft.type !== 'ip' ? null : (
        <CheckField
          label={t('wizard.another')}
          checked={draft.anotherAccount}
          error={faultAt(faults, 'anotherAccount')}
          onChange={(anotherAccount) => change({ anotherAccount })}
        />
      )}
    </>
  );
}

/** Where the provider is, or the label under which its gateway registers. */
function ServerAddress({ draft, preset, faults, change }: StepProps) {
  const isLabel = draft.type === 'accept-register';
  const listeners = useQuery('listeners', () => transports.list({ limit: 1000 })).data?.items;
  const isMissing = (transport: string) => listeners?.every((listener) => listener.transport !== transport) === true;
  const presetHost = preset?.hosts.find((entry) => entry.default === true)?.host;
  const hostHelp = isLabel
    ? t('wizard.hostLabelHelp')
    : presetHost === undefined
      ? undefined
      : t('wizard.hostPreset', { host: presetHost });
  return (
    <div class="fields">
      <TextField
        label={isLabel ? t('wizard.hostLabel') : t('wizard.host')}
        help={hostHelp}
        value={draft.host}
        error={faultAt(faults, 'host')}
        onInput={(host) => change({ host })}
        list={(preset?.hosts ?? []).map(({ host }) => host)}
        autofocus
        mono
      />
      <TextField
        label={t('wizard.port')}
        help={t('wizard.portHelp')}
        inputMode="numeric"
        value={draft.port}
        error={faultAt(faults, 'port')}
        onInput={(port) => change({ port })}
        optional
      />
      <SelectField
        label={t('wizard.transport')}
        help={t('wizard.transportHelp')}
        value={draft.transport}
        error={faultAt(faults, 'transport')}
        onChange={(transport) => change({ transport })}
        options={[
          { value: '', label: t('wizard.transportPreset') },
          ...['udp', 'tcp', 'tls'].map((value) => ({
            value,
            label: isMissing(value) ? t('wizard.transportMissing', { name: value.toUpperCase() }) : value.toUpperCase(),
          })),
        ]}
      />
    </div>
  );
}

function FurtherAddresses({ draft, faults, change }: StepProps) {
  return (
    <>
      <div class="fields">
        <TextField
          label={t('wizard.proxy')}
          help={t('wizard.proxyHelp')}
          value={draft.proxyHost}
          error={faultAt(faults, 'outboundProxy.host')}
          onInput={(proxyHost) => change({ proxyHost })}
          optional
          mono
        />
        <TextField
          label={t('wizard.proxyPort')}
          inputMode="numeric"
          value={draft.proxyPort}
          error={faultAt(faults, 'outboundProxy.port')}
          onInput={(proxyPort) => change({ proxyPort })}
          optional
        />
      </div>
      <TextField
        label={t('wizard.associated')}
        help={t('wizard.associatedHelp')}
        value={draft.associatedIps}
        error={faultAt(faults, 'associatedIps')}
        onInput={(associatedIps) => change({ associatedIps })}
        rows={3}
        optional
        mono
      />
    </>
  );
}

export function CredentialsStep({ draft, before, faults, change }: StepProps) {
  return (
    <div class="fields">
      <TextField
        label={draft.type === 'register' ? t('wizard.authName') : t('wizard.authorizationName')}
        help={draft.type === 'register' ? undefined : t('wizard.authorizationHelp')}
        value={draft.authName}
        error={faultAt(faults, 'credentials.authName') ?? faultAt(faults, 'credentials.username')}
        onInput={(authName) => change({ authName })}
        autofocus
      />
      <TextField
        label={t('wizard.password')}
        help={
          before !== undefined
            ? t('wizard.passwordKept')
            : draft.type === 'register'
              ? undefined
              : t('wizard.passwordStrong')
        }
        type="password"
        autocomplete="new-password"
        value={draft.password}
        error={faultAt(faults, 'credentials.password')}
        onInput={(password) => change({ password })}
      />
      {draft.type !== 'register' ? null : (
        <TextField
          label={t('wizard.registerSeconds')}
          help={t('wizard.registerHelp')}
          inputMode="numeric"
          value={draft.registerSeconds}
          error={faultAt(faults, 'credentials.registerSeconds')}
          onInput={(registerSeconds) => change({ registerSeconds })}
          optional
        />
      )}
    </div>
  );
}
