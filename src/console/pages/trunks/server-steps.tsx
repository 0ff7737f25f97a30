import { transports } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import type { BrandPreset } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { known, t } from '../../text/index.ts';
import { Fact } from '../../ui/facts.tsx';
import { CheckField, SelectField, TextField } from '../../ui/form.tsx';
import { NewPasswordField } from '../../ui/new-password.tsx';
import { Note } from '../../ui/note.tsx';
import { few } from '../provisioning/model.ts';
import type { TrunkDraft } from './draft.ts';
import { type StepProps, trunkFaultAt } from './step.ts';

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

export function ProviderStep({ draft, preset, presets, faults, change, field }: StepProps) {
  const fitting = presets.filter(({ types }) => types.includes(draft.type));
  return (
    <>
      <div class="fields">
        <TextField help={t('wizard.nameHelp')} {...field('name')} autofocus />
        {fitting.length === 0 ? null : (
          <SelectField
            label={t('wizard.brand')}
            help={t('wizard.brandHelp')}
            value={draft.brand}
            error={trunkFaultAt(faults, 'brand')}
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
          <Fact name={t('wizard.presetHost')}>
            {some(hosts.map(({ host, region }) => (region ? `${host} (${region})` : host)))}
          </Fact>
          <Fact name={t('transport.port')}>{preset.port}</Fact>
          <Fact name={t('wizard.transport')}>{preset.transport?.toUpperCase()}</Fact>
          <Fact name={t('wizard.presetIps')}>{some(preset.associatedIps ?? [])}</Fact>
          <Fact name={t('step.options')}>
            {some(
              Object.entries(preset.options ?? {}).map(
                ([name, value]) =>
                  `${known(`option.${name}`, name)}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
              ),
            )}
          </Fact>
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

function some(values: readonly string[]): string {
  return values.length === 0 ? '' : few(values, 8);
}

export function ServerStep(props: StepProps) {
  const { draft, before, faults, change, field } = props;
  return (
    <>
      {before === undefined ? null : <TextField {...field('name')} />}
      <ServerAddress {...props} />
      {draft.type === 'accept-register' ? null : <FurtherAddresses {...props} />}
      {draft.type !== 'ip' ? null : (
        <CheckField
          label={t('wizard.another')}
          checked={draft.anotherAccount}
          error={trunkFaultAt(faults, 'anotherAccount')}
          onChange={(anotherAccount) => change({ anotherAccount })}
        />
      )}
    </>
  );
}

/** Where the provider is, or the label under which its gateway registers. */
function ServerAddress({ draft, preset, faults, change, field }: StepProps) {
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
        help={hostHelp}
        {...field('host')}
        {...(isLabel && { label: t('wizard.hostLabel') })}
        list={(preset?.hosts ?? []).map(({ host }) => host)}
        autofocus
        mono
      />
      <TextField help={t('wizard.portHelp')} inputMode="numeric" {...field('port')} optional />
      <SelectField
        label={t('wizard.transport')}
        help={t('wizard.transportHelp')}
        value={draft.transport}
        error={trunkFaultAt(faults, 'transport')}
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

function FurtherAddresses({ field }: StepProps) {
  return (
    <>
      <div class="fields">
        <TextField help={t('wizard.proxyHelp')} {...field('proxyHost', 'outboundProxy.host')} optional mono />
        <TextField inputMode="numeric" {...field('proxyPort', 'outboundProxy.port')} optional />
      </div>
      <TextField help={t('wizard.associatedHelp')} {...field('associatedIps')} rows={3} optional mono />
    </>
  );
}

export function CredentialsStep({ draft, before, faults, field }: StepProps) {
  return (
    <div class="fields">
      <TextField
        {...field('authName', 'credentials.authName')}
        {...(draft.type !== 'register' && {
          label: t('wizard.authorizationName'),
          help: t('wizard.authorizationHelp'),
        })}
        error={trunkFaultAt(faults, 'credentials.authName') ?? trunkFaultAt(faults, 'credentials.username')}
        autofocus
      />
      {draft.type === 'register' ? (
        <TextField
          help={before === undefined ? undefined : t('wizard.passwordKept')}
          type="password"
          autocomplete="new-password"
          {...field('password', 'credentials.password')}
        />
      ) : (
        <NewPasswordField
          help={t(before === undefined ? 'wizard.passwordStrong' : 'wizard.passwordKept')}
          {...field('password', 'credentials.password')}
        />
      )}
      {draft.type !== 'register' ? null : (
        <TextField
          help={t('wizard.registerHelp')}
          inputMode="numeric"
          {...field('registerSeconds', 'credentials.registerSeconds')}
          optional
        />
      )}
    </div>
  );
}
